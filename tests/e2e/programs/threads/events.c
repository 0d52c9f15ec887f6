// tests/e2e/programs/threads/events.c: eventfd, signalfd, timerfd, inotify, POSIX timers: blocking reads by threads.
#include "helpers.h"

#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static void* takes(void* fd) {
  eventfd_t n = 0;
  return number(eventfd_read((int)number_of(fd), &n) ? -1 : (int)n);
}
CASE(eventfd_wakes) {
  const int fd = eventfd(0, EFD_SEMAPHORE);
  pthread_t t[20];
  int sum = 0;
  for (int i = 0; i < 20; i++) t[i] = start(takes, number(fd));
  sleep_millis(2);
  CHECK(eventfd_write(fd, 12) == 0 && eventfd_write(fd, 8) == 0);
  for (int i = 0; i < 20; i++) sum += (int)number_of(finish(t[i]));
  CHECK(sum == 20);
  close(fd);
  const int counter = eventfd(5, EFD_NONBLOCK);
  eventfd_t n = 0;
  CHECK(eventfd_read(counter, &n) == 0 && n == 5);
  errno = 0;
  CHECK(eventfd_read(counter, &n) == -1 && errno == EAGAIN);
  close(counter);
}

static void* adds_to_a_full_one(void* fd) { return number(eventfd_write((int)number_of(fd), 10)); }
CASE(eventfd_write_blocks_when_full) {
  const int fd = eventfd(0, 0);
  eventfd_t n = 0;
  CHECK(eventfd_write(fd, 0xfffffffffffffffeull) == 0);
  pthread_t t = start(adds_to_a_full_one, number(fd));
  sleep_millis(2);
  CHECK(eventfd_read(fd, &n) == 0 && n == 0xfffffffffffffffeull);
  CHECK(finish(t) == number(0));
  CHECK(eventfd_read(fd, &n) == 0 && n == 10);
  close(fd);
}

static void* reads_a_signal(void* fd) {
  struct signalfd_siginfo info;
  memset(&info, 0, sizeof info);
  return number(read((int)number_of(fd), &info, sizeof info) == sizeof info ? (int)info.ssi_signo : -1);
}
CASE(signalfd_reads) {
  sigset_t usr2 = set_of(SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &usr2, NULL);
  const int fd = signalfd(-1, &usr2, SFD_CLOEXEC);
  for (int i = 0; i < 10; i++) {
    pthread_t t = start(reads_a_signal, number(fd));
    if (i % 2) sleep_millis(1);
    CHECK(kill(getpid(), SIGUSR2) == 0);
    CHECK(finish(t) == number(SIGUSR2));
  }
  close(fd);
}

static void* reads_a_timer(void* fd) {
  uint64_t n = 0;
  return number(read((int)number_of(fd), &n, sizeof n) == sizeof n ? (int)n : -1);
}
CASE(timerfd_is_never_early) {
  for (int i = 1; i <= 5; i++) {
    const int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec d = {{0, 0}, timespec_of(millis(i))};
    const int64_t begin = now(CLOCK_MONOTONIC);
    MUST(timerfd_settime(fd, 0, &d, NULL) == 0);
    CHECK(finish(start(reads_a_timer, number(fd))) == number(1));
    CHECK(now(CLOCK_MONOTONIC) - begin >= millis(i));
    close(fd);
  }
  // A hundred at once.
  pthread_t t[100];
  int fd[100];
  for (int i = 0; i < 100; i++) {
    struct itimerspec d = {{0, 0}, timespec_of(millis(i % 10 + 1))};
    fd[i] = timerfd_create(CLOCK_MONOTONIC, 0);
    MUST(timerfd_settime(fd[i], 0, &d, NULL) == 0);
    t[i] = start(reads_a_timer, number(fd[i]));
  }
  for (int i = 0; i < 100; i++) {
    CHECK(finish(t[i]) == number(1));
    close(fd[i]);
  }
}

static void* reads_a_change(void* fd) {
  char block[4096] __attribute__((aligned(8)));
  return number(read((int)number_of(fd), block, sizeof block) > 0);
}
CASE(inotify_reads) {
  char name[] = "/tmp/gamelan-events-XXXXX" "X";
  MUST(mkdtemp(name) != NULL);
  const int fd = inotify_init1(0);
  MUST(inotify_add_watch(fd, name, IN_DELETE_SELF) >= 0);
  pthread_t t = start(reads_a_change, number(fd));
  sleep_millis(1);
  rmdir(name);
  CHECK(finish(t) == number(1));
  close(fd);
}

static sem_t fired;
static int with_value;
static void by_signal(int sig, siginfo_t* info, void* context) {
  (void)sig, (void)context;
  if (info->si_code == SI_TIMER) store(&with_value, info->si_value.sival_int);
  sem_post(&fired);
}
CASE(a_timer_with_a_signal) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = by_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGRTMIN + 1, &action, NULL);
  sem_init(&fired, 0, 0);
  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGRTMIN + 1;
  event.sigev_value.sival_int = 44;
  timer_t timer;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  struct itimerspec d = {{0, 0}, timespec_of(millis(2))};
  CHECK(timer_settime(timer, 0, &d, NULL) == 0);
  while (sem_wait(&fired)) {}
  CHECK(load(&with_value) == 44);
  CHECK(timer_delete(timer) == 0);
}

static void by_thread(union sigval value) {
  store(&with_value, value.sival_int);
  sem_post(&fired);
}
CASE(a_timer_with_a_thread) {
  sem_init(&fired, 0, 0);
  struct sigevent event;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_THREAD;
  event.sigev_notify_function = by_thread;
  event.sigev_value.sival_int = 55;
  timer_t timer;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  struct itimerspec d = {{0, 0}, timespec_of(millis(2))};
  CHECK(timer_settime(timer, 0, &d, NULL) == 0);
  while (sem_wait(&fired)) {}
  CHECK(load(&with_value) == 55);
  CHECK(timer_delete(timer) == 0);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
