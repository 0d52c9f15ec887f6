// bench/threads/sem_handover.c: two threads hand one turn to and fro by two semaphores; an operation is one hand-over.
#include "bench.h"

#include <semaphore.h>

static sem_t there, back;

static void* answers(void* n) {
  for (long i = 0; i < (long)n / 2; i++) {
    sem_wait(&there);
    sem_post(&back);
  }
  return NULL;
}

static void batch(long n) {
  sem_init(&there, 0, 0);
  sem_init(&back, 0, 0);
  pthread_t other = start(answers, (void*)n);
  for (long i = 0; i < n / 2; i++) {
    sem_post(&there);
    sem_wait(&back);
  }
  pthread_join(other, NULL);
}

int main(void) { measure(batch); }
