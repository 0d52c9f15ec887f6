// bench/threads/echo_epoll.c: the same echo server written by hand around epoll, in one thread.
#include "echo.h"

#include <sys/epoll.h>

static int epoll;

static void add(int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

// Messages are small against a socket's buffer: a write takes all or the connection is given up.
static void serve(int fd) {
  char block[4096];
  const ssize_t n = read(fd, block, sizeof block);
  if (n <= 0 || write(fd, block, (size_t)n) != n) close(fd);
}

int main(void) {
  raise_file_limit();
  const int listener = listen_somewhere();
  epoll = epoll_create1(0);
  add(listener);
  for (;;) {
    struct epoll_event events[256];
    const int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.fd != listener) {
        serve(events[i].data.fd);
        continue;
      }
      const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
      must(fd >= 0, "accept4");
      send_at_once(fd);
      add(fd);
    }
  }
}
