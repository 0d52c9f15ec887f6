// tests/e2e/programs/short_threads.c THREADS: many threads that live shortly, 20 at a time.
//
// Each allocates less than 2 MiB, of many sizes, and frees half of it; main frees the other half after the join, that is
// when its owner is gone. Prints how much VmRSS grew from the first tenth of them to the last.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "pattern.h"
#include "rss.h"

enum { kAtOnce = 20, kObjects = 60 };

struct job {
  pthread_t thread;
  uint64_t seed;
  char* left[kObjects];
};

static void* work(void* arg) {
  struct job* job = arg;
  for (int i = 0; i < kObjects; i++) {
    const uint64_t r = random_next(&job->seed);
    const size_t n = (r >> 16) % (r % 16 == 0 ? 20000 : 1000);
    char *mine = malloc(n), *left = malloc(n);
    pattern_fill(left, n < 64 ? n : 64, 1);
    memset(mine, 2, n);
    job->left[i] = left;
    free(mine);
  }
  return NULL;
}

int main(int argc, char** argv) {
  const long threads = argc > 1 ? atol(argv[1]) : 1000;
  static struct job jobs[kAtOnce];
  long first = 0;
  for (long done = 0; done < threads; done += kAtOnce) {
    if (!first && done >= threads / 10) first = vm_rss_kib();
    for (int i = 0; i < kAtOnce; i++) {
      jobs[i].seed = (uint64_t)(done + i + 1) * 0x9e3779b97f4a7c15u;
      if (pthread_create(&jobs[i].thread, NULL, work, &jobs[i])) return 1;
    }
    for (int i = 0; i < kAtOnce; i++) {
      pthread_join(jobs[i].thread, NULL);
      for (int k = 0; k < kObjects; k++) free(jobs[i].left[k]);
    }
  }
  printf("growth_kib %ld rss_kib %ld\n", vm_rss_kib() - first, vm_rss_kib());
  return 0;
}
