// tests/e2e/programs/threads/poll.c: poll, ppoll, select, pselect, epoll with and without time-outs, from many threads.
#include "helpers.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

CASE(time_outs_are_never_early) {
  int p[2];
  MUST(pipe(p) == 0);
  struct pollfd one = {p[0], POLLIN, 0};
  const int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, p[0], &event) == 0);
  for (int ms = 1; ms <= 6; ms++) {
    struct timespec d = timespec_of(millis(ms));
    struct timeval v = {0, ms * 1000};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(p[0], &set);
    fd_set again = set;
    int64_t begin = now(CLOCK_MONOTONIC);
    CHECK(poll(&one, 1, ms) == 0 && now(CLOCK_MONOTONIC) - begin >= millis(ms));
    begin = now(CLOCK_MONOTONIC);
    CHECK(poll(NULL, 0, ms) == 0 && now(CLOCK_MONOTONIC) - begin >= millis(ms));
    begin = now(CLOCK_MONOTONIC);
    CHECK(ppoll(&one, 1, &d, NULL) == 0 && now(CLOCK_MONOTONIC) - begin >= millis(ms) && nanos(d) == millis(ms));
    begin = now(CLOCK_MONOTONIC);
    CHECK(select(p[0] + 1, &set, NULL, NULL, &v) == 0 && now(CLOCK_MONOTONIC) - begin >= millis(ms));
    CHECK(v.tv_sec == 0 && v.tv_usec == 0 && !FD_ISSET(p[0], &set));  // Linux writes back what is left
    begin = now(CLOCK_MONOTONIC);
    CHECK(pselect(p[0] + 1, &again, NULL, NULL, &d, NULL) == 0 && now(CLOCK_MONOTONIC) - begin >= millis(ms));
    begin = now(CLOCK_MONOTONIC);
    CHECK(epoll_wait(epoll, &event, 1, ms) == 0 && now(CLOCK_MONOTONIC) - begin >= millis(ms));
    begin = now(CLOCK_MONOTONIC);
    CHECK(epoll_pwait2(epoll, &event, 1, &d, NULL) == 0 && now(CLOCK_MONOTONIC) - begin >= millis(ms));
  }
  CHECK(poll(&one, 1, 0) == 0 && epoll_wait(epoll, &event, 1, 0) == 0);
  close(epoll);
  close(p[0]);
  close(p[1]);
}

CASE(what_is_ready_returns_at_once) {
  int p[2];
  MUST(pipe(p) == 0);
  MUST(write(p[1], "x", 1) == 1);
  struct pollfd both[3] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {-1, POLLIN, 99}};
  CHECK(poll(both, 3, -1) == 2 && both[0].revents == POLLIN && both[1].revents == POLLOUT && both[2].revents == 0);
  fd_set in, out;
  FD_ZERO(&in);
  FD_ZERO(&out);
  FD_SET(p[0], &in);
  FD_SET(p[1], &out);
  CHECK(select(p[1] + 1, &in, &out, NULL, NULL) == 2 && FD_ISSET(p[0], &in) && FD_ISSET(p[1], &out));
  close(p[1]);
  char c;
  MUST(read(p[0], &c, 1) == 1);
  CHECK(poll(both, 1, -1) == 1 && both[0].revents == POLLHUP);
  close(p[0]);
  CHECK(poll(both, 1, -1) == 1 && both[0].revents == POLLNVAL);
  errno = 0;
  FD_ZERO(&in);
  FD_SET(p[0], &in);
  CHECK(select(p[0] + 1, &in, NULL, NULL, NULL) == -1 && errno == EBADF);
  errno = 0;
  struct epoll_event none;
  CHECK(epoll_wait(p[0], &none, 1, 0) == -1 && (errno == EBADF || errno == EINVAL));
}

// 60 threads wait, each its own way, for a byte of their own.
static int ends[60][2];
static void* waits_its_way(void* arg) {
  const int i = (int)number_of(arg), fd = ends[i][0];
  struct pollfd one = {fd, POLLIN, 0};
  struct timespec long_time = {20, 0};
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  int ready = 0;
  switch (i % 6) {
    case 0: ready = poll(&one, 1, -1); break;
    case 1: ready = poll(&one, 1, 20000); break;
    case 2: ready = ppoll(&one, 1, &long_time, NULL); break;
    case 3: ready = select(fd + 1, &set, NULL, NULL, NULL); break;
    case 4: ready = pselect(fd + 1, &set, NULL, NULL, &long_time, NULL); break;
    case 5: {
      const int epoll = epoll_create1(0);
      struct epoll_event event = {.events = EPOLLIN, .data.fd = fd}, got;
      MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
      ready = epoll_wait(epoll, &got, 1, i % 4 == 1 ? -1 : 20000);
      ready &= got.data.fd == fd;
      close(epoll);
    }
  }
  char c = 0;
  CHECK(ready == 1 && read(fd, &c, 1) == 1 && c == (char)i);
  return NULL;
}
CASE(woken_by_what_they_wait_for) {
  pthread_t t[60];
  for (int i = 0; i < 60; i++) {
    MUST(pipe(ends[i]) == 0);
    t[i] = start(waits_its_way, number(i));
  }
  sleep_millis(2);
  for (int i = 59; i >= 0; i--) {
    char c = (char)i;
    MUST(write(ends[i][1], &c, 1) == 1);
  }
  for (int i = 0; i < 60; i++) {
    finish(t[i]);
    close(ends[i][0]);
    close(ends[i][1]);
  }
}

// Many threads on one epoll, each event once.
static int epoll, sockets[100][2], handled;
static void* serves(void* arg) {
  (void)arg;
  struct epoll_event event;
  while (load(&handled) < 100) {
    const int n = epoll_wait(epoll, &event, 1, 5);
    MUST(n >= 0);
    if (!n) continue;
    char c = 0;
    MUST(recv(event.data.fd, &c, 1, MSG_DONTWAIT) == 1);  // ours alone: EPOLLONESHOT
    add(&handled, 1);
  }
  return NULL;
}
CASE(a_pool_on_one_epoll) {
  pthread_t t[8];
  epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < 100; i++) {
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets[i]) == 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = sockets[i][0]};
    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i][0], &event) == 0);
  }
  for (int i = 0; i < 8; i++) t[i] = start(serves, NULL);
  for (int i = 0; i < 100; i++) MUST(write(sockets[i][1], "e", 1) == 1);
  for (int i = 0; i < 8; i++) finish(t[i]);
  CHECK(handled == 100);
  for (int i = 0; i < 100; i++) close(sockets[i][0]), close(sockets[i][1]);
  close(epoll);
}

// A descriptor that is added while a thread waits in the epoll counts.
static void* waits_in(void* fd) {
  struct epoll_event event = {.data.u64 = 0};
  const int n = epoll_wait((int)number_of(fd), &event, 1, 20000);
  return number(n == 1 ? (int)event.data.u64 : -1);
}
CASE(added_while_waited) {
  int p[2];
  MUST(pipe(p) == 0);
  epoll = epoll_create1(0);
  pthread_t t = start(waits_in, number(epoll));
  sleep_millis(2);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 33};
  MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, p[0], &event) == 0);
  MUST(write(p[1], "x", 1) == 1);
  CHECK(finish(t) == number(33));
  CHECK(epoll_wait(epoll, &event, 1, 0) == 0);  // edge-triggered: told once
  close(epoll);
  close(p[0]);
  close(p[1]);
}

static volatile sig_atomic_t signals;
static void counts(int sig) {
  (void)sig;
  signals++;
}
CASE(ppoll_with_a_mask) {
  int p[2];
  MUST(pipe(p) == 0);
  struct pollfd one = {p[0], POLLIN, 0};
  sigset_t usr1 = set_of(SIGUSR1), none = set_of(0);
  handle(SIGUSR1, counts, 0);
  pthread_sigmask(SIG_BLOCK, &usr1, NULL);
  raise(SIGUSR1);
  CHECK(signals == 0);
  errno = 0;
  CHECK(ppoll(&one, 1, NULL, &none) == -1 && errno == EINTR && signals == 1);  // taken inside, mask back after
  raise(SIGUSR1);
  CHECK(signals == 1);
  errno = 0;
  CHECK(pselect(0, NULL, NULL, NULL, NULL, &none) == -1 && errno == EINTR && signals == 2);
  raise(SIGUSR1);
  epoll = epoll_create1(0);
  struct epoll_event event;
  errno = 0;
  CHECK(epoll_pwait(epoll, &event, 1, -1, &none) == -1 && errno == EINTR && signals == 3);
  pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
  close(epoll);
  close(p[0]);
  close(p[1]);
}

// They end early for the program's handlers, and there are none: not for what the scheduler does meanwhile.
static int done_looking;
static void* computes(void* arg) {
  while (!__atomic_load_n(&done_looking, __ATOMIC_SEQ_CST)) {}
  return arg;
}
static void* looks(void* arg) {
  int ends[2], wrong = 0;
  struct timeval none = {0, 0};
  MUST(pipe(ends) == 0);
  const int64_t until = now(CLOCK_MONOTONIC) + 300000000;
  while (now(CLOCK_MONOTONIC) < until) {
    struct pollfd one = {ends[0], POLLIN, 0};
    wrong += poll(&one, 1, 0) != 0;
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    wrong += select(ends[0] + 1, &set, NULL, NULL, &none) != 0;
  }
  close(ends[0]), close(ends[1]);
  CHECK(wrong == 0);
  return arg;
}
CASE(a_look_is_not_interrupted) {
  pthread_t t[4], looker[2];
  done_looking = 0;
  for (int i = 0; i < 4; i++) t[i] = start(computes, NULL);
  for (int i = 0; i < 2; i++) looker[i] = start(looks, NULL);
  for (int i = 0; i < 2; i++) finish(looker[i]);
  __atomic_store_n(&done_looking, 1, __ATOMIC_SEQ_CST);
  for (int i = 0; i < 4; i++) finish(t[i]);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
