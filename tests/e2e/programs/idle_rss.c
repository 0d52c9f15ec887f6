// tests/e2e/programs/idle_rss.c MEBIBYTES HOW SECONDS: four threads allocate, keep 5 %, free the rest, and idle.
//
// Sizes are 16 B to 64 KiB, each octave as likely as the next. HOW says which 5 % stay: `phase`, each thread's first 5 %
// (what a program loads at its start), or `scattered`, every twentieth object. Half of the rest is freed by its owner, the
// other half by another thread. Prints live bytes and VmRSS right after the join and after SECONDS without a heap call.
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "pattern.h"
#include "rss.h"

enum { kThreads = 4, kMost = 1 << 20 };

struct part {
  pthread_t thread;
  uint64_t rng;
  char** object;
  long count;
  size_t live;
};

static struct part parts[kThreads];
static pthread_barrier_t allocated;
static size_t bytes_each;
static int scattered;

static size_t random_size(uint64_t* rng) {
  const uint64_t r = random_next(rng), low = (uint64_t)16 << (r % 12);
  return low + (r >> 16) % low;
}

// What stays is marked by its last bit: objects are 16-byte aligned.
static void allocate(struct part* part) {
  size_t total = 0;
  for (; total < bytes_each && part->count < kMost; part->count++) {
    const size_t n = random_size(&part->rng);
    char* p = malloc(n);
    memset(p, 1, n);
    const int stays = scattered ? part->count % 20 == 0 : total < bytes_each / 20;
    if (stays) part->live += n;
    part->object[part->count] = p + stays;
    total += n;
  }
}

static void free_every_second(struct part* part, long from) {
  for (long i = from; i < part->count; i += 2)
    if (!((uintptr_t)part->object[i] & 1)) free(part->object[i]);
}

static void* work(void* arg) {
  struct part *mine = arg, *next = &parts[(mine - parts + 1) % kThreads];
  allocate(mine);
  pthread_barrier_wait(&allocated);
  free_every_second(mine, 0);
  free_every_second(next, 1);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  bytes_each = (size_t)atol(argv[1]) * 1024 * 1024 / kThreads;
  scattered = !strcmp(argv[2], "scattered");
  pthread_barrier_init(&allocated, NULL, kThreads);
  static char* objects[kThreads][kMost];   // not heap, and touched as far as it is used
  for (int i = 0; i < kThreads; i++) {
    parts[i].rng = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15u;
    parts[i].object = objects[i];
    pthread_create(&parts[i].thread, NULL, work, &parts[i]);
  }
  size_t live = 0;
  for (int i = 0; i < kThreads; i++) {
    pthread_join(parts[i].thread, NULL);
    live += parts[i].live;
  }
  const long at_once = vm_rss_kib();
  sleep((unsigned)atoi(argv[3]));
  printf("live_kib %zu rss_at_once_kib %ld rss_kib %ld\n", live / 1024, at_once, vm_rss_kib());
  return 0;
}
