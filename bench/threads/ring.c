// bench/threads/ring.c [TOKENS] [THREADS]: TOKENS (1) go round a ring of THREADS (1000) threads by semaphores; an
// operation is one hop.
#include "bench.h"

#include <semaphore.h>

static long tokens = 1, threads = 1000, hops;
static sem_t* place;
static sem_t done;

static void* passes_on(void* arg) {
  const long me = (long)arg;
  for (;;) {
    sem_wait(&place[me]);
    if (__atomic_sub_fetch(&hops, 1, __ATOMIC_RELAXED) < 0)
      sem_post(&done);  // the token ends here
    else
      sem_post(&place[(me + 1) % threads]);
  }
  return NULL;
}

static void batch(long n) {
  __atomic_store_n(&hops, n, __ATOMIC_RELAXED);
  for (long i = 0; i < tokens; i++) sem_post(&place[i * threads / tokens]);
  for (long i = 0; i < tokens; i++) sem_wait(&done);
}

int main(int argc, char** argv) {
  if (argc > 1) tokens = atol(argv[1]);
  if (argc > 2) threads = atol(argv[2]);
  place = calloc((size_t)threads, sizeof *place);
  sem_init(&done, 0, 0);
  for (long i = 0; i < threads; i++) sem_init(&place[i], 0, 0);
  for (long i = 0; i < threads; i++) start(passes_on, (void*)i);
  measure(batch);
  fflush(stdout);
  _exit(0);
}
