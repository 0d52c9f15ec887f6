// tests/e2e/programs/threads/resize.c: gamelan_gomaxprocs, the number of processors changed while threads compute, block
// and sleep.
#define _GNU_SOURCE
#include "helpers.h"

#include <dlfcn.h>
#include <sys/wait.h>
#include <time.h>

// Without us it only remembers, so that there is nothing to see.
static int remembered = 2;
static int remembers(int n) {
  const int before = remembered;
  if (n >= 1) remembered = n < 1024 ? n : 1024;
  return before;
}
static int procs(int n) {
  int (*ours)(int) = (int (*)(int))dlsym(RTLD_DEFAULT, "gamelan_gomaxprocs");
  return (ours ? ours : remembers)(n);
}
static int limits(void) {
  const char* mode = getenv("GAMELAN_THREADS");
  return mode && !strcmp(mode, "goroutine") && dlsym(RTLD_DEFAULT, "gamelan_gomaxprocs");
}

static void* nothing(void* arg) { return arg; }

CASE(says_what_it_was) {
  finish(start(nothing, NULL));
  const int first = procs(3);
  CHECK(first >= 1);
  CHECK(procs(0) == 3 && procs(-5) == 3);
  CHECK(procs(100000) == 3);
  CHECK(procs(1) == 1024);
  CHECK(procs(first) == 1);
  CHECK(procs(0) == first);
}

static int stop;
static void* computes(void* arg) {
  while (!load(&stop)) {}
  return arg;
}
static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static double processors_used(double wall) {
  const double w = seconds(CLOCK_MONOTONIC), c = seconds(CLOCK_PROCESS_CPUTIME_ID);
  while (seconds(CLOCK_MONOTONIC) - w < wall) usleep(20000);
  return (seconds(CLOCK_PROCESS_CPUTIME_ID) - c) / (seconds(CLOCK_MONOTONIC) - w);
}
CASE(one_is_one) {
  pthread_t t[4];
  store(&stop, 0);
  const int first = procs(8);
  for (int i = 0; i < 4; i++) t[i] = start(computes, NULL);
  usleep(30000);
  procs(1);
  usleep(100000);  // some slices, until all have come by
  const double used = processors_used(0.3);
  CHECK(used < 1.3 || !limits());
  procs(4);
  store(&stop, 1);
  for (int i = 0; i < 4; i++) finish(t[i]);
  procs(first);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static long turn;
static int total;
enum { kPlayers = 6, kTurns = 300 };
static void* plays(void* me) {
  for (int i = 0; i < kTurns; i++) {
    pthread_mutex_lock(&lock);
    while (turn % kPlayers != number_of(me)) pthread_cond_wait(&turn_changed, &lock);
    turn++;
    pthread_cond_broadcast(&turn_changed);
    pthread_mutex_unlock(&lock);
    char* p = malloc((size_t)(16 + i));
    memset(p, (int)number_of(me), (size_t)(16 + i));
    add(&total, p[15 + i] == (char)number_of(me));
    free(p);
  }
  return NULL;
}
static void* naps(void* arg) {
  for (int i = 0; i < 40; i++) usleep(2000);
  return arg;
}
static int ends[2];
static void* reads(void* arg) {
  char c;
  long n = 0;
  while (read(ends[0], &c, 1) == 1) n += c;
  (void)arg;
  return number(n);
}
static void* writes(void* arg) {
  for (int i = 0; i < 400; i++) {
    MUST(write(ends[1], "\1", 1) == 1);
    if (i % 16 == 0) usleep(500);
  }
  close(ends[1]);
  return arg;
}
CASE(up_and_down_under_work) {
  pthread_t t[kPlayers + 5];
  int n = 0;
  turn = total = 0;
  store(&stop, 0);
  MUST(pipe(ends) == 0);
  const int first = procs(0);
  for (int i = 0; i < kPlayers; i++) t[n++] = start(plays, number(i));
  t[n++] = start(naps, NULL);
  t[n++] = start(computes, NULL);
  t[n++] = start(computes, NULL);
  t[n++] = start(writes, NULL);
  const pthread_t reader = start(reads, NULL);
  unsigned seed = 1;
  for (int i = 0; i < 150; i++) {
    seed = seed * 1664525 + 1013904223;
    procs(1 + (int)(seed >> 28) % 8);
    usleep(seed >> 24);
  }
  procs(1);
  store(&stop, 1);
  for (int i = 0; i < n; i++) finish(t[i]);
  CHECK(number_of(finish(reader)) == 400);
  CHECK(turn == kPlayers * kTurns && total == kPlayers * kTurns);
  close(ends[0]);
  procs(first);
}

static int resizing;
static void* resizes(void* me) {
  for (int i = 0; i < 200; i++) {
    procs(1 + (i + (int)number_of(me)) % 5);
    sched_yield();
  }
  add(&resizing, -1);
  return NULL;
}
CASE(many_change_it_at_once) {
  pthread_t t[4];
  const int first = procs(0);
  resizing = 4;
  for (int i = 0; i < 4; i++) t[i] = start(resizes, number(i));
  for (int i = 0; i < 4; i++) finish(t[i]);
  CHECK(resizing == 0);
  CHECK(procs(first) >= 1);
  CHECK(procs(0) == first);
}

// One that sleeps on a processor that goes is woken all the same, and not early.
static void* sleeps(void* arg) {
  const double from = seconds(CLOCK_MONOTONIC);
  usleep(50000);
  const double slept = seconds(CLOCK_MONOTONIC) - from;
  CHECK(slept >= 0.05 && slept < 5);
  return arg;
}
CASE(sleepers_are_woken) {
  pthread_t t[32];
  const int first = procs(8);
  for (int i = 0; i < 32; i++) t[i] = start(sleeps, NULL);
  usleep(10000);
  procs(1);
  for (int i = 0; i < 32; i++) finish(t[i]);
  procs(first);
}

CASE(a_child_has_its_own) {
  const int first = procs(4);
  finish(start(nothing, NULL));
  procs(2);
  fflush(stdout);
  const pid_t pid = fork();
  if (!pid) {
    if (procs(0) != 2 || procs(5) != 2) _exit(1);
    pthread_t t[8];
    for (int i = 0; i < 8; i++) t[i] = start(sleeps, NULL);
    for (int i = 0; i < 8; i++) finish(t[i]);
    if (procs(1) != 5) _exit(2);
    for (int i = 0; i < 8; i++) t[i] = start(sleeps, NULL);
    for (int i = 0; i < 8; i++) finish(t[i]);
    _exit(check_wrong ? 3 : 0);
  }
  int status = -1;
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
  CHECK(procs(first) == 2);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
