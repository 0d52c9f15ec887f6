// bench/threads/bench.h: what the C programs here share: a clock, and a measurement that grows until it is long enough.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static inline int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline void must(int holds, const char* what) {
  if (holds) return;
  perror(what);
  exit(1);
}

static inline pthread_t start(void* (*body)(void*), void* arg) {
  pthread_t t;
  errno = pthread_create(&t, NULL, body, arg);
  must(errno == 0, "pthread_create");
  return t;
}

// Runs batch(n) with n doubled until that takes 0.4 s, and prints `ns_per_op X` of the last. measure.go does the same.
static inline void measure(void (*batch)(long n)) {
  for (long n = 1000;; n *= 2) {
    const int64_t begin = now_ns();
    batch(n);
    const int64_t taken = now_ns() - begin;
    if (taken < 400000000) continue;
    printf("ns_per_op %.1f\n", (double)taken / (double)n);
    return;
  }
}

static inline void raise_file_limit(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}
