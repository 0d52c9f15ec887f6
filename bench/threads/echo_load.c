// bench/threads/echo_load.c PORT CONNECTIONS SECONDS: drives an echo server from one thread by epoll; every answer is
// checked.
//
// Each connection has one message on its way. Prints `requests_per_second X median_us Y p99_us Z`, counted after all
// connections are made and half a second of warming up.
#include "echo.h"

#include <sys/epoll.h>

struct connection {
  int fd, got;
  uint32_t number, turn;
  int64_t sent_at;
  char in[kMessage];
};

static long answers, buckets[100000];  // by 10 us
static int64_t count_from;

static void fill(const struct connection* c, char* out) {
  for (uint32_t i = 0; i < kMessage / 4; i++) {
    const uint32_t word = (c->number * 2654435761u + c->turn) ^ (i * 0x9e3779b9u);
    memcpy(out + i * 4, &word, 4);
  }
}

static void ask(struct connection* c) {
  char out[kMessage];
  c->turn++;
  c->got = 0;
  fill(c, out);
  c->sent_at = now_ns();
  must(write(c->fd, out, kMessage) == kMessage, "write");
}

static void take(struct connection* c) {
  char want[kMessage];
  const ssize_t n = read(c->fd, c->in + c->got, (size_t)(kMessage - c->got));
  must(n > 0, "the server hung up");
  c->got += (int)n;
  if (c->got < kMessage) return;
  fill(c, want);
  must(!memcmp(want, c->in, kMessage), "wrong answer");
  const int64_t end = now_ns(), slot = (end - c->sent_at) / 10000;
  if (end >= count_from) {
    answers++;
    buckets[slot < 100000 ? slot : 99999]++;
  }
  ask(c);
}

static long percentile_us(double share) {
  long seen = 0;
  for (long i = 0; i < 100000; i++)
    if ((seen += buckets[i]) >= (long)(share * (double)answers)) return (i + 1) * 10;
  return -1;
}

int main(int argc, char** argv) {
  must(argc == 4, "echo_load PORT CONNECTIONS SECONDS");
  const int count = atoi(argv[2]);
  const double seconds = atof(argv[3]);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  raise_file_limit();
  const int epoll = epoll_create1(0);
  struct connection* all = calloc((size_t)count, sizeof *all);
  for (int i = 0; i < count; i++) {
    all[i].number = (uint32_t)i;
    all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(all[i].fd, (struct sockaddr*)&address, sizeof address) == 0, "connect");
    send_at_once(all[i].fd);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) == 0, "epoll_ctl");
  }
  count_from = now_ns() + 500000000;
  const int64_t end = count_from + (int64_t)(seconds * 1e9);
  for (int i = 0; i < count; i++) ask(&all[i]);
  while (now_ns() < end) {
    struct epoll_event events[512];
    const int n = epoll_wait(epoll, events, 512, 1000);
    for (int i = 0; i < n; i++) take(events[i].data.ptr);
  }
  printf("requests_per_second %.0f median_us %ld p99_us %ld\n", (double)answers / seconds, percentile_us(0.5),
         percentile_us(0.99));
}
