// tests/e2e/programs/churn.c THREADS OPERATIONS [SEED]: random heap calls with every byte checked.
//
// Each thread owns slots. An operation picks one: an empty slot is filled (malloc, calloc, memalign, aligned_alloc,
// posix_memalign, realloc(NULL)), a full one is checked and freed, reallocated, or handed to another thread, which checks
// and frees it. Sizes are mostly small, now and then up to 256 KiB.
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "pattern.h"

enum { kSlots = 2048, kMailbox = 256, kMaxThreads = 64 };

struct object {
  char* p;
  size_t size;
  uint64_t tag;
};

struct worker {
  pthread_t thread;
  uint64_t rng, operations, done, handed_over, wrong;
  struct object slot[kSlots];
  pthread_mutex_t lock;   // of the mailbox
  struct object mailbox[kMailbox];
  int waiting;
};

static struct worker* workers;
static int worker_count;

static void complain(struct worker* w, const struct object* o, const char* what) {
  if (w->wrong++ < 10) fprintf(stderr, "%s: object %p of %zu bytes\n", what, (void*)o->p, o->size);
}

static size_t random_size(uint64_t r) {
  const uint64_t kind = r % 1000, x = r >> 20;
  if (kind < 800) return x % 129;
  if (kind < 980) return x % 1025;
  if (kind < 998) return x % 8193;
  return x % (256 * 1024 + 1);
}

static size_t random_alignment(uint64_t r) { return (size_t)16 << (r % 100 == 0 ? r / 100 % 9 : r / 100 % 3); }

static char* allocate(struct worker* w, size_t n) {
  const uint64_t r = random_next(&w->rng);
  const size_t align = random_alignment(r >> 8);
  void* p = NULL;
  switch (r % 16) {
    case 0: p = memalign(align, n); break;
    case 1: p = aligned_alloc(align, n); break;
    case 2: return posix_memalign(&p, align, n) ? NULL : p;
    case 3: return realloc(NULL, n);
    case 4: case 5: case 6:
      p = calloc(1, n);
      if (p && !all_zero(p, n)) w->wrong++, fprintf(stderr, "calloc(%zu) is not zero\n", n);
      return p;
    default: return malloc(n);
  }
  if ((uintptr_t)p & (align - 1)) w->wrong++, fprintf(stderr, "%p is not aligned to %zu\n", p, align);
  return p;
}

static void fill_slot(struct worker* w, struct object* o) {
  o->size = random_size(random_next(&w->rng));
  o->tag = random_next(&w->rng);
  o->p = allocate(w, o->size);
  if (!o->p) return complain(w, o, "no memory");
  pattern_fill(o->p, o->size, o->tag);
}

static void check_and_free(struct worker* w, struct object* o) {
  if (!pattern_holds(o->p, o->size, o->size, o->tag)) complain(w, o, "contents changed");
  free(o->p);
  o->p = NULL;
}

static void resize(struct worker* w, struct object* o) {
  const size_t n = random_size(random_next(&w->rng)) + 1, common = n < o->size ? n : o->size;
  char* p = realloc(o->p, n);
  if (!p) return complain(w, o, "no memory");
  o->p = p;
  if (!pattern_holds(p, common, o->size, o->tag)) complain(w, o, "contents changed by realloc");
  o->size = n;
  pattern_fill(p, n, o->tag);
}

static void hand_over(struct worker* w, struct object* o) {
  struct worker* to = &workers[random_next(&w->rng) % (uint64_t)worker_count];
  pthread_mutex_lock(&to->lock);
  const int room = to->waiting < kMailbox;
  if (room) to->mailbox[to->waiting++] = *o;
  pthread_mutex_unlock(&to->lock);
  if (!room) return check_and_free(w, o);
  o->p = NULL;
  w->handed_over++;
}

static void empty_mailbox(struct worker* w) {
  struct object mine[kMailbox];
  pthread_mutex_lock(&w->lock);
  const int n = w->waiting;
  memcpy(mine, w->mailbox, (size_t)n * sizeof *mine);
  w->waiting = 0;
  pthread_mutex_unlock(&w->lock);
  for (int i = 0; i < n; i++) check_and_free(w, &mine[i]);
  w->done += (uint64_t)n;
}

static void* work(void* arg) {
  struct worker* w = arg;
  for (uint64_t turn = 0; w->done < w->operations; turn++, w->done++) {
    const uint64_t r = random_next(&w->rng);
    struct object* o = &w->slot[(r >> 8) % kSlots];
    if (turn % 64 == 0) empty_mailbox(w);
    if (!o->p) fill_slot(w, o);
    else if (r % 8 == 0) resize(w, o);
    else if (r % 8 <= 2) hand_over(w, o);
    else check_and_free(w, o);
  }
  for (int i = 0; i < kSlots; i++)
    if (w->slot[i].p) check_and_free(w, &w->slot[i]);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  worker_count = atoi(argv[1]);
  if (worker_count < 1 || worker_count > kMaxThreads) return 2;
  const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
  workers = calloc((size_t)worker_count, sizeof *workers);
  for (int i = 0; i < worker_count; i++) {
    workers[i].operations = strtoull(argv[2], NULL, 10) / (uint64_t)worker_count;
    workers[i].rng = (seed * 1000 + (uint64_t)i + 1) * 0x9e3779b97f4a7c15u;
    pthread_mutex_init(&workers[i].lock, NULL);
  }
  for (int i = 0; i < worker_count; i++) pthread_create(&workers[i].thread, NULL, work, &workers[i]);
  for (int i = 0; i < worker_count; i++) pthread_join(workers[i].thread, NULL);
  uint64_t done = 0, handed = 0, wrong = 0;
  for (int i = 0; i < worker_count; i++) {
    empty_mailbox(&workers[i]);
    done += workers[i].done, handed += workers[i].handed_over, wrong += workers[i].wrong;
  }
  fprintf(stderr, "handed over: %llu of %llu\n", (unsigned long long)handed, (unsigned long long)done);
  printf("threads %d, enough operations: %d, wrong: %llu\n", worker_count,
         done >= strtoull(argv[2], NULL, 10) / (uint64_t)worker_count * (uint64_t)worker_count, (unsigned long long)wrong);
  free(workers);
  return wrong != 0;
}
