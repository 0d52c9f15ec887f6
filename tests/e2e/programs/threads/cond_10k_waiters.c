// tests/e2e/programs/threads/cond_10k_waiters.c [N]: N threads (10 000) wait on one cond and are let go, by ones and
// all at once.
#include "helpers.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER, all_there = PTHREAD_COND_INITIALIZER;
static int count = 10000, waiting, tickets;
static long sum;

static void* waits(void* i) {
  pthread_mutex_lock(&mutex);
  if (++waiting == count) pthread_cond_signal(&all_there);
  while (!tickets) pthread_cond_wait(&cond, &mutex);
  tickets--;
  sum += number_of(i);
  pthread_mutex_unlock(&mutex);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc > 1) count = atoi(argv[1]);
  pthread_t* t = malloc(sizeof *t * (size_t)count);
  for (int i = 0; i < count; i++) t[i] = start_on(PTHREAD_STACK_MIN, waits, number(i));
  pthread_mutex_lock(&mutex);
  while (waiting < count) pthread_cond_wait(&all_there, &mutex);
  for (int i = 0; i < count / 2; i++) {
    tickets++;
    pthread_cond_signal(&cond);
  }
  pthread_mutex_unlock(&mutex);
  pthread_mutex_lock(&mutex);
  tickets += count - count / 2;
  pthread_cond_broadcast(&cond);
  pthread_mutex_unlock(&mutex);
  for (int i = 0; i < count; i++) finish(t[i]);
  printf("%d waiters, sum %ld, tickets left %d\n", count, sum, tickets);
  return sum != (long)count * (count - 1) / 2 || tickets;
}
