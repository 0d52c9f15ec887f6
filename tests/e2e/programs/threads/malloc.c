// tests/e2e/programs/threads/malloc.c: heap calls by threads that give way in between, memory freed by others, every
// byte checked.
#include "helpers.h"

#include "pattern.h"

enum { kThreads = 40, kRounds = 200, kKept = 20 };

static int wrong;

static size_t some_size(uint64_t* seed) {
  const uint64_t r = random_next(seed);
  return 1 + (r >> 20) % (r % 64 == 0 ? 200000 : r % 4 == 0 ? 4000 : 300);
}

static void* churns(void* arg) {
  uint64_t seed = ((uint64_t)number_of(arg) + 1) * 0x9e3779b97f4a7c15u;
  char* kept[kKept] = {NULL};
  size_t size[kKept] = {0};
  for (int i = 0; i < kRounds; i++) {
    const int k = (int)((random_next(&seed) >> 30) % kKept);
    if (kept[k] && !pattern_holds(kept[k], size[k], size[k], (uint64_t)(number_of(arg) * 100 + k))) add(&wrong, 1);
    if (i % 3 == 0 && kept[k]) {
      const size_t grown = some_size(&seed), common = grown < size[k] ? grown : size[k];
      kept[k] = realloc(kept[k], grown);
      if (!pattern_holds(kept[k], common, size[k], (uint64_t)(number_of(arg) * 100 + k))) add(&wrong, 1);
      size[k] = grown;
    } else {
      free(kept[k]);
      size[k] = some_size(&seed);
      kept[k] = i % 2 ? calloc(1, size[k]) : malloc(size[k]);
      if (i % 2 && !all_zero(kept[k], size[k])) add(&wrong, 1);
    }
    pattern_fill(kept[k], size[k], (uint64_t)(number_of(arg) * 100 + k));
    if (i % 4 == 0) sched_yield();
    if (i % 50 == 0) usleep(100);
  }
  for (int k = 0; k < kKept; k++) free(kept[k]);
  return NULL;
}
CASE(churn_across_yields) {
  in_threads(kThreads, churns);
  CHECK(wrong == 0);
}

// A ring of threads: each fills memory, hands it to the next, and frees what it was handed.
static struct {
  pthread_mutex_t mutex;
  pthread_cond_t cond;
  char* object;
  size_t size;
} place[8];
static void* hands_on(void* arg) {
  const int me = (int)number_of(arg), next = (me + 1) % 8;
  uint64_t seed = (uint64_t)me + 77;
  for (int i = 0; i < 500; i++) {
    const size_t n = some_size(&seed);
    char* mine = malloc(n);
    pattern_fill(mine, n, n);
    pthread_mutex_lock(&place[next].mutex);
    while (place[next].object) pthread_cond_wait(&place[next].cond, &place[next].mutex);
    place[next].object = mine;
    place[next].size = n;
    pthread_cond_broadcast(&place[next].cond);
    pthread_mutex_unlock(&place[next].mutex);

    pthread_mutex_lock(&place[me].mutex);
    while (!place[me].object) pthread_cond_wait(&place[me].cond, &place[me].mutex);
    if (!pattern_holds(place[me].object, place[me].size, place[me].size, place[me].size)) add(&wrong, 1);
    free(place[me].object);
    place[me].object = NULL;
    pthread_cond_broadcast(&place[me].cond);
    pthread_mutex_unlock(&place[me].mutex);
  }
  return NULL;
}
CASE(freed_by_another) {
  for (int i = 0; i < 8; i++) {
    pthread_mutex_init(&place[i].mutex, NULL);
    pthread_cond_init(&place[i].cond, NULL);
  }
  in_threads(8, hands_on);
  CHECK(wrong == 0);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
