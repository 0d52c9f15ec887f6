// tests/e2e/programs/threads/helpers.h: what the thread programs share: start and finish, clocks, children, signals.
//
// The programs must hold with any number of kernel threads below them: whoever waits for another thread blocks or
// yields, never relies on being scheduled at once, and no check says how soon something happens, only that it is not
// too early.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

// A small number as a thread's argument or result.
static inline void* number(intptr_t n) { return (void*)n; }
static inline intptr_t number_of(void* p) { return (intptr_t)p; }

// Something that must work for the test to mean anything: says what did not, and ends the program.
static inline void must(int holds, const char* what) {
  if (holds) return;
  printf("cannot go on: %s: %s\n", what, strerror(errno));
  fflush(stdout);
  _exit(99);
}
#define MUST(condition) must(condition, #condition)

static inline pthread_t start_on(size_t stack, void* (*body)(void*), void* arg) {
  pthread_attr_t attr;
  pthread_t t;
  pthread_attr_init(&attr);
  if (stack) pthread_attr_setstacksize(&attr, stack);
  errno = pthread_create(&t, &attr, body, arg);
  MUST(errno == 0);
  pthread_attr_destroy(&attr);
  return t;
}
static inline pthread_t start(void* (*body)(void*), void* arg) { return start_on(0, body, arg); }
// For threads by the thousand, which natively would not fit otherwise.
static inline pthread_t start_small(void* (*body)(void*), void* arg) { return start_on(64 * 1024, body, arg); }

static inline void* finish(pthread_t t) {
  void* result = NULL;
  errno = pthread_join(t, &result);
  MUST(errno == 0);
  return result;
}

// Runs `body` in n threads, the i-th with number(i), and joins them.
static inline void in_threads(int n, void* (*body)(void*)) {
  pthread_t* t = (pthread_t*)malloc(sizeof *t * (size_t)n);
  for (int i = 0; i < n; i++) t[i] = start(body, number(i));
  for (int i = 0; i < n; i++) finish(t[i]);
  free(t);
}

static inline int64_t nanos(struct timespec t) { return t.tv_sec * 1000000000LL + t.tv_nsec; }
static inline struct timespec timespec_of(int64_t ns) {
  struct timespec t;
  t.tv_sec = ns / 1000000000;
  t.tv_nsec = ns % 1000000000;
  return t;
}
static inline int64_t now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return nanos(t);
}
static inline int64_t millis(int64_t n) { return n * 1000000; }
static inline struct timespec in_millis(clockid_t clock, int64_t n) { return timespec_of(now(clock) + millis(n)); }

static inline void sleep_millis(int64_t n) {
  struct timespec left = timespec_of(millis(n));
  while (nanosleep(&left, &left) && errno == EINTR) {}
}

// A flag or counter that one thread sets and another waits for.
static inline int load(const int* p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static inline void store(int* p, int n) { __atomic_store_n(p, n, __ATOMIC_SEQ_CST); }
static inline int add(int* p, int n) { return __atomic_add_fetch(p, n, __ATOMIC_SEQ_CST); }
static inline void await(const int* p, int n) {
  while (load(p) < n) sched_yield();
}

// A child's exit code, or 1000 + the signal that ended it.
static inline int ended_with(pid_t pid) {
  int status = -1;
  pid_t got;
  do got = waitpid(pid, &status, 0);
  while (got < 0 && errno == EINTR);
  if (got != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline void handle(int sig, void (*handler)(int), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(sig, &action, NULL);
}

static inline sigset_t set_of(int sig) {
  sigset_t set;
  sigemptyset(&set);
  if (sig) sigaddset(&set, sig);
  return set;
}
