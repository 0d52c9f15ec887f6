// bench/threads/mutex_throughput.c [THREADS]: THREADS (8) count under one mutex; an operation is lock, count, unlock,
// by the wall clock.
#include "bench.h"

static long threads = 8, each, count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void* counts(void* arg) {
  for (long i = 0; i < each; i++) {
    pthread_mutex_lock(&mutex);
    count++;
    pthread_mutex_unlock(&mutex);
  }
  return arg;
}

static void batch(long n) {
  pthread_t* t = malloc(sizeof *t * (size_t)threads);
  each = n / threads;
  count = 0;
  for (long i = 0; i < threads; i++) t[i] = start(counts, NULL);
  for (long i = 0; i < threads; i++) pthread_join(t[i], NULL);
  must(count == each * threads, "a count was lost");
  free(t);
}

int main(int argc, char** argv) {
  if (argc > 1) threads = atol(argv[1]);
  measure(batch);
}
