// tests/e2e/programs/threads/sleep.c: sleeps are never early, on any clock, and many threads sleep at once;
// sched_yield.
#include "helpers.h"

#include <semaphore.h>

#include <sys/syscall.h>
#include <sys/wait.h>

CASE(never_early) {
  for (int i = 1; i <= 10; i++) {
    const int64_t ns = i * 400000;
    struct timespec d = timespec_of(ns);
    int64_t begin = now(CLOCK_MONOTONIC);
    CHECK(nanosleep(&d, NULL) == 0 && now(CLOCK_MONOTONIC) - begin >= ns);
    begin = now(CLOCK_MONOTONIC);
    CHECK(usleep((useconds_t)(ns / 1000)) == 0 && now(CLOCK_MONOTONIC) - begin >= ns);
    begin = now(CLOCK_MONOTONIC);
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &d, NULL) == 0 && now(CLOCK_MONOTONIC) - begin >= ns);
    CHECK(clock_nanosleep(CLOCK_REALTIME, 0, &d, NULL) == 0);
    struct timespec until = timespec_of(now(CLOCK_MONOTONIC) + ns);
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0 && now(CLOCK_MONOTONIC) >= nanos(until));
    until = timespec_of(now(CLOCK_REALTIME) + ns);
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL) == 0 && now(CLOCK_REALTIME) >= nanos(until));
    until = timespec_of(now(CLOCK_BOOTTIME) + ns);
    CHECK(clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL) == 0 && now(CLOCK_BOOTTIME) >= nanos(until));
  }
}

CASE(wrong_arguments) {
  struct timespec wrong = {0, 1000000000}, negative = {-1, 0}, past = {1, 0}, nothing = {0, 0};
  errno = 0;
  CHECK(nanosleep(&wrong, NULL) == -1 && errno == EINVAL);
  errno = 0;
  CHECK(nanosleep(&negative, NULL) == -1 && errno == EINVAL);
  errno = 0;
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &wrong, NULL) == EINVAL && errno == 0);  // returned, not set
  CHECK(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &nothing, NULL) == EINVAL);
  CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL) == 0);
  CHECK(nanosleep(&nothing, NULL) == 0 && sleep(0) == 0 && usleep(0) == 0);
}

static int early;
static void* sleeps_often(void* i) {
  for (int n = 0; n < 5; n++) {
    struct timespec d = timespec_of((number_of(i) % 20 + 1) * 300000);
    const int64_t begin = now(CLOCK_MONOTONIC);
    nanosleep(&d, NULL);
    if (now(CLOCK_MONOTONIC) - begin < nanos(d)) add(&early, 1);
  }
  return NULL;
}
CASE(five_hundred_sleep_at_once) {
  const int64_t begin = now(CLOCK_MONOTONIC);
  in_threads(500, sleeps_often);
  CHECK(early == 0);
  CHECK(now(CLOCK_MONOTONIC) - begin < 10000000000);  // at once, not one after the other
}

static long yields;
static void* yields_often(void* arg) {
  (void)arg;
  for (int i = 0; i < 5000; i++) {
    if (sched_yield() == 0) __atomic_add_fetch(&yields, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}
CASE(yields_return) {
  in_threads(20, yields_often);
  CHECK(yields == 100000);
}

// In the kernel, unannounced: as a library's own system call. Meanwhile another thread takes the processor, and ends.
static void sleeps_unseen(long ms) {
  const struct timespec t = {0, ms * 1000000};
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "0"(SYS_nanosleep), "D"(&t), "S"(NULL) : "rcx", "r11", "memory");
}
static void* sleeps_after(void* arg) {
  sleeps_unseen(30);
  sleep_millis(1);
  return arg;
}
static int pipe_ends[2];
static void* reads_after(void* arg) {
  char c;
  sleeps_unseen(30);
  CHECK(read(pipe_ends[0], &c, 1) == 1 && c == 'x');
  return arg;
}
static void* computes_a_moment(void* arg) {
  struct timespec from, now;
  clock_gettime(CLOCK_MONOTONIC, &from);
  do clock_gettime(CLOCK_MONOTONIC, &now);
  while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < 15);
  return arg;
}
CASE(waits_after_blocking_that_nobody_saw) {
  MUST(pipe(pipe_ends) == 0);
  for (int i = 0; i < 3; i++) {
    pthread_t t[9];
    t[0] = start(sleeps_after, NULL);
    for (int k = 1; k < 9; k++) t[k] = start(computes_a_moment, NULL);
    for (int k = 0; k < 9; k++) finish(t[k]);
    fflush(stdout);
    t[0] = start(reads_after, NULL);
    for (int k = 1; k < 9; k++) t[k] = start(computes_a_moment, NULL);
    const pid_t pid = fork();
    if (!pid) {
      sleeps_unseen(250);
      _exit(write(pipe_ends[1], "x", 1) != 1);
    }
    for (int k = 0; k < 9; k++) finish(t[k]);
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
  }
}

// The processor that arms the next sleep and the one that goes to wait for the last meet all the time.
static sem_t enough;
static void* waits_long(void* arg) {
  struct timespec t = in_millis(CLOCK_REALTIME, 500000);
  CHECK(sem_timedwait(&enough, &t) == 0);
  return arg;
}
CASE(short_ones_beside_a_long_one) {
  MUST(sem_init(&enough, 0, 0) == 0);
  const pthread_t other = start(waits_long, NULL);
  for (int i = 0; i < 800; i++) {
    struct timespec t = timespec_of(200000 + i % 100 * 10000);
    CHECK(nanosleep(&t, NULL) == 0);
  }
  sem_post(&enough);
  finish(other);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
