// tests/e2e/programs/threads/spin.c: spin locks, held across yields by more threads than there are processors.
#include "helpers.h"

static pthread_spinlock_t lock;
static long count;

static void* counts(void* arg) {
  (void)arg;
  for (int i = 0; i < 500; i++) {
    pthread_spin_lock(&lock);
    long seen = count;
    if (i % 100 == 0) sched_yield();
    count = seen + 1;
    pthread_spin_unlock(&lock);
  }
  return NULL;
}
CASE(exclusion) {
  CHECK(pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE) == 0);
  in_threads(8, counts);
  CHECK(count == 4000);
  CHECK(pthread_spin_destroy(&lock) == 0);
}

static void* tries(void* arg) {
  (void)arg;
  return number(pthread_spin_trylock(&lock));
}
CASE(trylock) {
  pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
  CHECK(pthread_spin_trylock(&lock) == 0);
  CHECK(finish(start(tries, NULL)) == number(EBUSY));
  pthread_spin_unlock(&lock);
  CHECK(finish(start(tries, NULL)) == number(0));
}

int main(int argc, char** argv) { return check_main(argc, argv); }
