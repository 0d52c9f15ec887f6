// tests/e2e/programs/memory_limit.c SECONDS: 100 MiB live, and waves of churn, 1 GiB a round, until the time is up.
//
// A wave allocates 120 MiB of one band of sizes, keeps it for a moment, frees all: what is free of one size must serve
// the next, or go home. Prints the highest VmRSS it saw and the number of rounds.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "pattern.h"
#include "rss.h"

static const size_t kMiB = 1 << 20, kLive = 100, kWave = 120, kRound = 1024;
static const size_t kBands[][2] = {{16, 64}, {100, 500}, {1000, 4000}, {8000, 32000}, {64000, 500000}, {1000000, 4000000}};

static long highest;

static void look(void) {
  const long now = vm_rss_kib();
  if (now > highest) highest = now;
}

static double seconds_since(struct timespec start) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9;
}

// A chain of objects: each begins with the next one's address, so that the wave needs no table.
static void wave(const size_t band[2], uint64_t* rng) {
  void* chain = NULL;
  for (size_t total = 0; total < kWave * kMiB;) {
    const size_t n = band[0] + random_next(rng) % (band[1] - band[0]);
    void** p = malloc(n);
    memset(p, 1, n);
    *p = chain;
    chain = p;
    total += n;
  }
  look();
  while (chain) {
    void* next = *(void**)chain;
    free(chain);
    chain = next;
  }
}

int main(int argc, char** argv) {
  const double until = argc > 1 ? atof(argv[1]) : 1;
  struct timespec start;
  clock_gettime(CLOCK_MONOTONIC, &start);
  uint64_t rng = 88172645463325252u;
  static char* live[100 * 1024];
  for (size_t i = 0; i < kLive * 1024; i++) memset(live[i] = malloc(1000), 1, 1000);
  int rounds = 0;
  for (; rounds == 0 || seconds_since(start) < until; rounds++) {
    for (size_t total = 0, i = 0; total < kRound; total += kWave, i++) {
      wave(kBands[i % (sizeof kBands / sizeof *kBands)], &rng);
      look();
    }
    for (size_t i = 0; i < kLive * 1024; i += 20) {   // a twentieth of what lives is replaced
      free(live[i]);
      live[i] = memset(malloc(1000), 2, 1000);
    }
  }
  printf("highest_kib %ld rounds %d\n", highest, rounds);
  return 0;
}
