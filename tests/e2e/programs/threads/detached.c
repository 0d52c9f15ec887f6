// tests/e2e/programs/threads/detached.c [N]: N threads (100 000) that nobody joins, created detached and detached
// later.
#include "helpers.h"

#include <semaphore.h>

static int ended;
static sem_t places;  // at most 500 at once

static void* ends(void* arg) {
  (void)arg;
  add(&ended, 1);
  sem_post(&places);
  return NULL;
}
static void* detaches_itself(void* arg) {
  pthread_detach(pthread_self());
  return ends(arg);
}

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 100000;
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  sem_init(&places, 0, 500);
  for (int i = 0; i < count; i++) {
    pthread_t t;
    sem_wait(&places);
    pthread_attr_setdetachstate(&attr, i % 4 ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
    int code;
    while ((code = pthread_create(&t, &attr, i % 8 ? ends : detaches_itself, NULL)) == EAGAIN) sched_yield();
    MUST(code == 0);
    if (i % 8 == 4) MUST(pthread_detach(t) == 0);
  }
  await(&ended, count);
  printf("%d detached threads ended\n", load(&ended));
  return 0;
}
