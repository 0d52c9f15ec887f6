// bench/threads/uncontended.c: one thread locks and unlocks a mutex that nobody else wants, while another thread is
// asleep.
#include "bench.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void batch(long n) {
  for (long i = 0; i < n; i++) {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
  }
}

static void* measures(void* arg) {
  measure(batch);
  return arg;
}

int main(void) { pthread_join(start(measures, NULL), NULL); }
