// tests/e2e/programs/threads/barrier.c: nobody passes early, one is the serial one, many rounds on one barrier.
#include "helpers.h"

enum { kThreads = 16, kRounds = 200 };
static pthread_barrier_t barrier;
static int arrived[kRounds], serials, early;

static void* goes_round(void* arg) {
  (void)arg;
  for (int r = 0; r < kRounds; r++) {
    add(&arrived[r], 1);
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) add(&serials, 1);
    if (load(&arrived[r]) != kThreads) add(&early, 1);
  }
  return NULL;
}
CASE(rounds) {
  CHECK(pthread_barrier_init(&barrier, NULL, kThreads) == 0);
  in_threads(kThreads, goes_round);
  CHECK(early == 0 && serials == kRounds);
  CHECK(pthread_barrier_destroy(&barrier) == 0);
}

CASE(of_one) {
  pthread_barrier_t alone;
  CHECK(pthread_barrier_init(&alone, NULL, 0) == EINVAL);
  CHECK(pthread_barrier_init(&alone, NULL, 1) == 0);
  CHECK(pthread_barrier_wait(&alone) == PTHREAD_BARRIER_SERIAL_THREAD);
  CHECK(pthread_barrier_destroy(&alone) == 0);
}

// Destroyed by the serial thread at once: destroy waits for those that are still leaving.
static pthread_barrier_t brief[100];
static void* destroys(void* arg) {
  (void)arg;
  for (int i = 0; i < 100; i++) {
    if (pthread_barrier_wait(&brief[i]) != PTHREAD_BARRIER_SERIAL_THREAD) continue;
    pthread_barrier_destroy(&brief[i]);
    memset(&brief[i], 0xee, sizeof brief[i]);
  }
  return NULL;
}
CASE(destroyed_at_once) {
  for (int i = 0; i < 100; i++) pthread_barrier_init(&brief[i], NULL, 4);
  in_threads(4, destroys);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
