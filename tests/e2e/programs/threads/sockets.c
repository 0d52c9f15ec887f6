// tests/e2e/programs/threads/sockets.c: blocking accept, connect, send and receive by many threads; time-outs,
// shutdown, EAGAIN.
#include "helpers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>

static struct sockaddr_in address;

static int listens(int backlog) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  socklen_t n = sizeof address;
  address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  MUST(bind(fd, (struct sockaddr*)&address, n) == 0);
  MUST(listen(fd, backlog) == 0);
  MUST(getsockname(fd, (struct sockaddr*)&address, &n) == 0);
  return fd;
}
static int connects(void) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  MUST(connect(fd, (struct sockaddr*)&address, sizeof address) == 0);
  return fd;
}

// A thread per connection that sends back what it gets.
static void* echoes(void* arg) {
  const int fd = (int)number_of(arg);
  char block[256];
  ssize_t n;
  while ((n = recv(fd, block, sizeof block, 0)) > 0) MUST(send(fd, block, (size_t)n, 0) == n);
  close(fd);
  return NULL;
}
enum { kClients = 100, kRounds = 20 };
static void* accepts(void* listener) {
  pthread_t t[kClients];
  for (int i = 0; i < kClients; i++) {
    const int fd = accept((int)number_of(listener), NULL, NULL);
    MUST(fd >= 0);
    t[i] = start(echoes, number(fd));
  }
  for (int i = 0; i < kClients; i++) finish(t[i]);
  return NULL;
}
static void* talks(void* me) {
  const int fd = connects();
  char out[64], in[64];
  int right = 0;
  for (int i = 0; i < kRounds; i++) {
    const int n = snprintf(out, sizeof out, "client %d says %d", (int)number_of(me), i);
    MUST(write(fd, out, (size_t)n) == n);
    MUST(recv(fd, in, (size_t)n, MSG_WAITALL) == n);
    right += !memcmp(in, out, (size_t)n);
  }
  close(fd);
  return number(right);
}
CASE(a_thread_per_connection) {
  const int listener = listens(200);
  pthread_t server = start(accepts, number(listener)), t[kClients];
  int right = 0;
  for (int i = 0; i < kClients; i++) t[i] = start(talks, number(i));
  for (int i = 0; i < kClients; i++) right += (int)number_of(finish(t[i]));
  finish(server);
  CHECK(right == kClients * kRounds);
  close(listener);
}

static void* accepts_one(void* listener) { return number(accept4((int)number_of(listener), NULL, NULL, SOCK_CLOEXEC)); }
CASE(many_accept_on_one_listener) {
  const int listener = listens(64);
  pthread_t t[20];
  int client[20];
  for (int i = 0; i < 20; i++) t[i] = start(accepts_one, number(listener));
  for (int i = 0; i < 20; i++) client[i] = connects();
  for (int i = 0; i < 20; i++) {
    const int fd = (int)number_of(finish(t[i]));
    CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) && !(fcntl(fd, F_GETFL) & O_NONBLOCK));
    close(fd);
  }
  for (int i = 0; i < 20; i++) close(client[i]);
  close(listener);
}

CASE(refused) {
  const int listener = listens(1);
  close(listener);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  errno = 0;
  CHECK(connect(fd, (struct sockaddr*)&address, sizeof address) == -1 && errno == ECONNREFUSED);
  close(fd);
}

CASE(non_blocking_says_so) {
  const int listener = listens(8);
  char c;
  CHECK(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
  errno = 0;
  CHECK(accept(listener, NULL, NULL) == -1 && errno == EAGAIN);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int code = connect(fd, (struct sockaddr*)&address, sizeof address);
  CHECK(code == 0 || errno == EINPROGRESS);
  errno = 0;
  CHECK(recv(fd, &c, 1, 0) == -1 && errno == EAGAIN);
  close(fd);
  close(listener);
  int pair[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  errno = 0;
  CHECK(recv(pair[0], &c, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
  static char block[100000];
  while (send(pair[0], block, sizeof block, MSG_DONTWAIT) > 0) {}
  CHECK(errno == EAGAIN);
  close(pair[0]);
  close(pair[1]);
}

// A descriptor whose reads all had to wait, then one way after the other to say that they must not.
static void set_by_fcntl(int fd, int on) { MUST(fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0) == 0); }
static void set_by_ioctl(int fd, int on) { MUST(ioctl(fd, FIONBIO, &on) == 0); }
static void set_by_another_number(int fd, int on) {
  const int twin = dup(fd);
  MUST(twin >= 0 && fcntl(twin, F_SETFL, on ? O_NONBLOCK : 0) == 0);
  close(twin);
}
static void set_by_number(int fd, int on) { MUST(syscall(SYS_fcntl, fd, F_SETFL, on ? O_NONBLOCK : 0) == 0); }
static void set_by_ioctl_by_number(int fd, int on) { MUST(syscall(SYS_ioctl, fd, FIONBIO, &on) == 0); }

static void* sends_late(void* fd) {
  usleep(200);
  MUST(send((int)number_of(fd), "x", 1, 0) == 1);
  return NULL;
}
static void waits_often(const int* pair) {
  char c;
  for (int i = 0; i < 6; i++) {
    const pthread_t t = start(sends_late, number(pair[1]));
    CHECK(read(pair[0], &c, 1) == 1 && c == 'x');
    finish(t);
  }
}
CASE(non_blocking_is_heeded_after_many_waits) {
  void (*const set[])(int, int) = {set_by_fcntl, set_by_ioctl, set_by_another_number, set_by_number, set_by_ioctl_by_number};
  int pair[2];
  char c;
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  for (unsigned i = 0; i < sizeof set / sizeof *set; i++) {
    waits_often(pair);
    set[i](pair[0], 1);
    CHECK(read(pair[0], &c, 1) == -1 && errno == EAGAIN);
    CHECK(send(pair[1], "y", 1, 0) == 1);
    CHECK(read(pair[0], &c, 1) == 1 && c == 'y');
    set[i](pair[0], 0);
  }
  waits_often(pair);
  const int number_was = pair[0];
  close(pair[0]), close(pair[1]);
  MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  CHECK(pair[0] == number_was);
  CHECK(read(pair[0], &c, 1) == -1 && errno == EAGAIN);
  close(pair[0]), close(pair[1]);
}

// What is there is read, whatever the reads before it met.
CASE(what_is_there_after_many_waits) {
  int pair[2];
  char c;
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  for (int round = 0; round < 3; round++) {
    waits_often(pair);
    for (int i = 0; i < 40; i++) {
      MUST(write(pair[1], &"0123456789"[i % 10], 1) == 1);
      CHECK(read(pair[0], &c, 1) == 1 && c == '0' + i % 10);
    }
  }
  waits_often(pair);
  close(pair[1]);
  for (int i = 0; i < 20; i++) CHECK(read(pair[0], &c, 1) == 0);
  close(pair[0]);
}

CASE(receive_time_outs_are_never_early) {
  int pair[2];
  char c;
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  struct timeval d = {0, 20000};
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &d, sizeof d) == 0);
  for (int i = 0; i < 3; i++) {
    const int64_t begin = now(CLOCK_MONOTONIC);
    errno = 0;
    CHECK((i == 1 ? read(pair[0], &c, 1) : recv(pair[0], &c, 1, 0)) == -1 && errno == EAGAIN);
    CHECK(now(CLOCK_MONOTONIC) - begin >= 19 * 1000000);  // the kernel counts in ticks
  }
  MUST(write(pair[1], "x", 1) == 1);
  CHECK(recv(pair[0], &c, 1, 0) == 1 && c == 'x');
  CHECK(setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &d, sizeof d) == 0);
  static char block[100000];
  ssize_t n;
  while ((n = send(pair[1], block, sizeof block, 0)) == sizeof block) {}
  CHECK(n > 0 || errno == EAGAIN);
  const int listener = listens(4);
  CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &d, sizeof d) == 0);
  errno = 0;
  CHECK(accept(listener, NULL, NULL) == -1 && errno == EAGAIN);
  close(listener);
  close(pair[0]);
  close(pair[1]);
}

static void* receives(void* fd) {
  char c;
  return number(recv((int)number_of(fd), &c, 1, 0));
}
CASE(shutdown_wakes_receivers) {
  int pair[2];
  pthread_t t[10];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  for (int i = 0; i < 10; i++) t[i] = start(receives, number(pair[0]));
  sleep_millis(5);
  CHECK(shutdown(pair[0], SHUT_RDWR) == 0);
  for (int i = 0; i < 10; i++) CHECK(finish(t[i]) == number(0));
  close(pair[0]);
  close(pair[1]);
}

CASE(shutdown_wakes_accept) {
  const int listener = listens(4);
  pthread_t t = start(accepts_one, number(listener));
  sleep_millis(5);
  CHECK(shutdown(listener, SHUT_RDWR) == 0);
  CHECK(finish(t) == number(-1));
  close(listener);
}

static void* resets(void* fd) {
  struct linger at_once = {1, 0};
  usleep(2000);
  setsockopt((int)number_of(fd), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close((int)number_of(fd));
  return NULL;
}
CASE(a_reset_is_told) {
  const int listener = listens(4), client = connects(), server = accept(listener, NULL, NULL);
  pthread_t t = start(resets, number(server));
  char c;
  errno = 0;
  CHECK(recv(client, &c, 1, 0) == -1 && errno == ECONNRESET);
  finish(t);
  close(client);
  close(listener);
}

static int udp[2];
static void* answers_datagrams(void* arg) {
  (void)arg;
  for (int i = 0; i < 100; i++) {
    struct sockaddr_in from;
    socklen_t n = sizeof from;
    int value = 0;
    MUST(recvfrom(udp[0], &value, sizeof value, 0, (struct sockaddr*)&from, &n) == sizeof value);
    value *= 2;
    MUST(sendto(udp[0], &value, sizeof value, 0, (struct sockaddr*)&from, n) == sizeof value);
  }
  return NULL;
}
CASE(datagrams) {
  struct sockaddr_in a[2];
  for (int i = 0; i < 2; i++) {
    socklen_t n = sizeof a[i];
    udp[i] = socket(AF_INET, SOCK_DGRAM, 0);
    a[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    MUST(bind(udp[i], (struct sockaddr*)&a[i], n) == 0 && getsockname(udp[i], (struct sockaddr*)&a[i], &n) == 0);
  }
  MUST(connect(udp[1], (struct sockaddr*)&a[0], sizeof a[0]) == 0);
  pthread_t t = start(answers_datagrams, NULL);
  int right = 0;
  for (int i = 0; i < 100; i++) {
    int value = 0;
    MUST(send(udp[1], &i, sizeof i, 0) == sizeof i);
    MUST(recv(udp[1], &value, sizeof value, 0) == sizeof value);
    right += value == 2 * i;
  }
  CHECK(right == 100);
  finish(t);
  close(udp[0]);
  close(udp[1]);
}

// A descriptor goes through a socket with its message.
static void* receives_a_descriptor(void* fd) {
  char c, control[CMSG_SPACE(sizeof(int))];
  struct iovec v = {&c, 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  MUST(recvmsg((int)number_of(fd), &m, 0) == 1);
  int got = -1;
  memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof got);
  return number(got);
}
CASE(messages_with_descriptors) {
  int pair[2], p[2];
  char control[CMSG_SPACE(sizeof(int))] = {0}, c = 0;
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && pipe(p) == 0);
  pthread_t t = start(receives_a_descriptor, number(pair[0]));
  usleep(1000);
  struct iovec v = {"m", 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* head = CMSG_FIRSTHDR(&m);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &p[1], sizeof(int));
  MUST(sendmsg(pair[1], &m, 0) == 1);
  const int got = (int)number_of(finish(t));
  MUST(write(got, "d", 1) == 1);
  CHECK(read(p[0], &c, 1) == 1 && c == 'd');
  for (int i = 0; i < 2; i++) close(pair[i]), close(p[i]);
  close(got);
}

static void* receives_many(void* fd) {
  struct mmsghdr m[4];
  char block[4][8];
  struct iovec v[4];
  memset(m, 0, sizeof m);
  for (int i = 0; i < 4; i++) {
    v[i] = (struct iovec){block[i], sizeof block[i]};
    m[i].msg_hdr.msg_iov = &v[i];
    m[i].msg_hdr.msg_iovlen = 1;
  }
  int n = 0;
  while (n < 4) {
    const int got = recvmmsg((int)number_of(fd), m + n, (unsigned)(4 - n), MSG_WAITFORONE, NULL);
    MUST(got > 0);
    n += got;
  }
  int sum = 0;
  for (int i = 0; i < 4; i++) sum += (int)m[i].msg_len;
  return number(sum);
}
CASE(several_messages_at_once) {
  int pair[2];
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
  pthread_t t = start(receives_many, number(pair[0]));
  usleep(1000);
  struct iovec v[4] = {{"a", 1}, {"ab", 2}, {"abc", 3}, {"abcd", 4}};
  struct mmsghdr m[4];
  memset(m, 0, sizeof m);
  for (int i = 0; i < 4; i++) m[i].msg_hdr.msg_iov = &v[i], m[i].msg_hdr.msg_iovlen = 1;
  CHECK(sendmmsg(pair[1], m, 4, 0) == 4);
  CHECK(finish(t) == number(10));
  close(pair[0]);
  close(pair[1]);
}

// Unix listeners whose backlog is full make connect block.
static struct sockaddr_un path;
static void* connects_and_waits(void* arg) {
  (void)arg;
  char c = 0;
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  MUST(connect(fd, (struct sockaddr*)&path, sizeof path) == 0);
  MUST(read(fd, &c, 1) == 1);
  close(fd);
  return number(c);
}
CASE(connect_blocks_while_the_backlog_is_full) {
  pthread_t t[10];
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  path.sun_family = AF_UNIX;
  snprintf(path.sun_path + 1, sizeof path.sun_path - 1, "gamelan-%d", (int)getpid());
  MUST(bind(listener, (struct sockaddr*)&path, sizeof path) == 0 && listen(listener, 1) == 0);
  for (int i = 0; i < 10; i++) t[i] = start(connects_and_waits, NULL);
  sleep_millis(5);
  for (int i = 0; i < 10; i++) {
    const int fd = accept(listener, NULL, NULL);
    MUST(fd >= 0 && write(fd, "c", 1) == 1);
    close(fd);
  }
  for (int i = 0; i < 10; i++) CHECK(finish(t[i]) == number('c'));
  close(listener);
}

// ---- a connection whose reader finds it empty most of the time ----
static int turns;  // whose it is: the reader's or the writer's, so that each part of the stream comes alone
static void* sends_in_turn(void* fd) {
  const int s = (int)number_of(fd);
  for (int i = 0; i < 300; i++) {  // one by one, the answer awaited
    char c;
    MUST(send(s, "ping", 4, 0) == 4 && recv(s, &c, 1, MSG_WAITALL) == 1);
    if (i % 50 == 0) usleep(2000);
  }
  MUST(send(s, "0123456789", 10, 0) == 10);  // taken in bits
  await(&turns, 1);
  MUST(send(s, "a", 1, 0) == 1);  // peeked at, then polled for
  await(&turns, 2);
  MUST(send(s, "b", 1, 0) == 1);
  await(&turns, 3);
  MUST(send(s, "before", 6, 0) == 6 && send(s, "!", 1, MSG_OOB) == 1 && send(s, "after", 5, 0) == 5);
  await(&turns, 4);
  MUST(send(s, "last", 4, 0) == 4);  // and the end with it
  close(s);
  return NULL;
}
static size_t receive_until(int fd, char* to, size_t n) {
  size_t done = 0;
  while (done < n) {
    const ssize_t r = recv(fd, to + done, 64, 0);
    if (r <= 0) break;
    done += (size_t)r;
  }
  return done;
}
CASE(whatever_comes_is_found) {
  for (int round = 0; round < 5; round++) {
    const int listener = listens(1), client = connects(), s = accept(listener, NULL, NULL);
    char block[256];
    store(&turns, 0);
    const pthread_t t = start(sends_in_turn, number(client));
    for (int i = 0; i < 300; i++) {
      CHECK(receive_until(s, block, 4) == 4 && !memcmp(block, "ping", 4));
      MUST(send(s, "p", 1, 0) == 1);
    }
    for (int i = 0; i < 10; i += 2) {
      CHECK(recv(s, block, 2, 0) == 2 && block[0] == '0' + i);
      if (i == 4) sched_yield();
    }
    store(&turns, 1);
    CHECK(recv(s, block, 9, MSG_PEEK) == 1 && recv(s, block, 9, 0) == 1 && block[0] == 'a');
    store(&turns, 2);
    struct pollfd p = {s, POLLIN, 0};
    CHECK(poll(&p, 1, -1) == 1 && recv(s, block, 9, 0) == 1 && block[0] == 'b');
    store(&turns, 3);
    CHECK(receive_until(s, block, 11) == 11 && !memcmp(block, "beforeafter", 11));
    store(&turns, 4);
    CHECK(receive_until(s, block, 4) == 4 && recv(s, block, 9, 0) == 0);
    finish(t);
    close(s);
    close(listener);
  }
}

static void* reads_bytes(void* fd) {
  char c;
  long n = 0;
  while (recv((int)number_of(fd), &c, 1, 0) == 1) n++;
  return number(n);
}
CASE(several_readers_of_one_connection) {
  const int listener = listens(1), client = connects(), s = accept(listener, NULL, NULL);
  const pthread_t t[] = {start(reads_bytes, number(s)), start(reads_bytes, number(s)), start(reads_bytes, number(s))};
  for (int i = 0; i < 600; i++) {
    MUST(send(client, "xyz", (size_t)(1 + i % 3), 0) == 1 + i % 3);
    if (i % 7 == 0) usleep(200);
  }
  shutdown(client, SHUT_WR);
  long n = 0;
  for (int i = 0; i < 3; i++) n += number_of(finish(t[i]));
  CHECK(n == 1200);
  close(client), close(s), close(listener);
}

// The number of a connection that libc closed by itself is another file's soon.
static void* sends_one(void* fd) {
  usleep(2000);
  MUST(write((int)number_of(fd), "x", 1) == 1);
  return fd;
}
static int received_by(int fd, int peer) {
  char c[8];
  const pthread_t t = start(sends_one, number(peer));
  const int n = (int)recv(fd, c, sizeof c, 0);
  finish(t);
  return n;
}
CASE(numbers_are_used_again) {
  const int listener = listens(8);
  for (int i = 0; i < 30; i++) {
    const int client = connects(), s = accept(listener, NULL, NULL);
    for (int k = 0; k < 6; k++) CHECK(received_by(s, client) == 1);
    if (i % 3 == 0) MUST(fclose(fdopen(s, "r+")) == 0);
    if (i % 3 == 1) close(s);
    if (i % 3 == 2) MUST(syscall(SYS_close, s) == 0);
    int pair[2];
    if (i % 2) {
      MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    } else {
      pair[0] = connects();
      pair[1] = accept(listener, NULL, NULL);
    }
    for (int k = 0; k < 6; k++) CHECK(received_by(pair[0], pair[1]) == 1 && received_by(pair[1], pair[0]) == 1);
    close(client), close(pair[0]), close(pair[1]);
  }
  close(listener);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
