// tests/e2e/programs/forks.c FORKS: forks again and again while three threads churn.
//
// Each child frees what its parent's threads own, allocates, runs a thread of its own, sometimes forks once more, and ends
// by exit or _exit. A child that is not done after 20 s is killed by its alarm and counts as lost.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pattern.h"

enum { kThreads = 3, kShared = 512 };

static atomic_int stop;
static char* inherited[kShared];

static void churn(uint64_t seed, int rounds) {
  enum { kSlots = 200 };
  char* slot[kSlots] = {0};
  size_t size[kSlots] = {0};
  for (int i = 0; i < rounds && !stop; i++) {
    const uint64_t r = random_next(&seed);
    const size_t k = r % kSlots;
    if (slot[k]) {
      if (!pattern_holds(slot[k], size[k], size[k], k)) abort();
      free(slot[k]);
    }
    size[k] = (r >> 16) % (r % 50 ? 500 : 100000);
    slot[k] = malloc(size[k]);
    if (!slot[k]) abort();
    pattern_fill(slot[k], size[k], k);
  }
  for (int k = 0; k < kSlots; k++) free(slot[k]);
}

static void* churn_forever(void* arg) {
  for (uint64_t seed = (uint64_t)arg; !stop; seed += 7) churn(seed, 10000);
  return NULL;
}

static void* churn_once(void* arg) {
  churn((uint64_t)arg, 2000);
  return NULL;
}

static void child(int number) {
  alarm(20);
  for (int i = number % 2; i < kShared; i += 2) {
    if (!pattern_holds(inherited[i], (size_t)i, (size_t)i, (uint64_t)i)) abort();
    free(inherited[i]);
  }
  churn((uint64_t)number + 1, 2000);
  pthread_t t;
  pthread_create(&t, NULL, churn_once, (void*)((uint64_t)number + 5));
  churn((uint64_t)number + 9, 2000);
  pthread_join(t, NULL);
  if (number % 10 == 0) {
    pid_t grandchild = fork();
    if (!grandchild) {
      churn(3, 500);
      _exit(0);
    }
    int status;
    if (waitpid(grandchild, &status, 0) != grandchild || status) abort();
  }
  if (number % 3 == 0) exit(0);
  _exit(0);
}

int main(int argc, char** argv) {
  const int forks = argc > 1 ? atoi(argv[1]) : 20;
  pthread_t threads[kThreads];
  for (int i = 0; i < kShared; i++) pattern_fill(inherited[i] = malloc((size_t)i), (size_t)i, (uint64_t)i);
  for (uint64_t i = 0; i < kThreads; i++) pthread_create(&threads[i], NULL, churn_forever, (void*)(i + 1));
  int good = 0;
  for (int i = 0; i < forks; i++) {
    fflush(stdout);
    const pid_t pid = fork();
    if (pid < 0) break;
    if (!pid) child(i);
    int status = 0;
    waitpid(pid, &status, 0);
    if (status == 0) good++;
    else fprintf(stderr, "child %d: status %#x\n", i, status);
    churn((uint64_t)i + 100, 500);
  }
  stop = 1;
  for (int i = 0; i < kThreads; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < kShared; i++) free(inherited[i]);
  printf("%d of %d children did their work\n", good, forks);
  return good != forks;
}
