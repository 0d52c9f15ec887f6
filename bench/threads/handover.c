// bench/threads/handover.c: two threads hand one turn to and fro by a mutex and two conds; an operation is one
// hand-over.
#include "bench.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond[2] = {PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};
static long turn, turns;

static void* plays(void* arg) {
  const long me = (long)arg;
  pthread_mutex_lock(&mutex);
  while (turns > 0) {
    if (turn != me) {
      pthread_cond_wait(&cond[me], &mutex);
      continue;
    }
    turns--;
    turn = !me;
    pthread_cond_signal(&cond[!me]);
  }
  pthread_cond_signal(&cond[!me]);
  pthread_mutex_unlock(&mutex);
  return NULL;
}

static void batch(long n) {
  turn = 0;
  turns = n;
  pthread_t other = start(plays, (void*)1);
  plays((void*)0);
  pthread_join(other, NULL);
}

int main(void) { measure(batch); }
