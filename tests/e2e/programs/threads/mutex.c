// tests/e2e/programs/threads/mutex.c: every kind of mutex, static ones first met by 100 threads at once, timed locks.
#include "helpers.h"

static void with_kind(pthread_mutex_t* m, int kind) {
  pthread_mutexattr_t attr;
  int back = -1;
  pthread_mutexattr_init(&attr);
  CHECK(pthread_mutexattr_settype(&attr, kind) == 0);
  CHECK(pthread_mutexattr_gettype(&attr, &back) == 0 && back == kind);
  CHECK(pthread_mutex_init(m, &attr) == 0);
  pthread_mutexattr_destroy(&attr);
}

static void* tries(void* m) { return number(pthread_mutex_trylock((pthread_mutex_t*)m)); }
static void* unlocks(void* m) { return number(pthread_mutex_unlock((pthread_mutex_t*)m)); }

CASE(normal) {
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  CHECK(pthread_mutex_lock(&m) == 0);
  CHECK(pthread_mutex_trylock(&m) == EBUSY);
  CHECK(finish(start(tries, &m)) == number(EBUSY));
  CHECK(pthread_mutex_destroy(&m) == EBUSY);
  CHECK(pthread_mutex_unlock(&m) == 0);
  CHECK(pthread_mutex_destroy(&m) == 0);
}

CASE(recursive) {
  pthread_mutex_t m;
  with_kind(&m, PTHREAD_MUTEX_RECURSIVE);
  for (int i = 0; i < 5; i++) CHECK(pthread_mutex_lock(&m) == 0);
  CHECK(pthread_mutex_trylock(&m) == 0);
  for (int i = 0; i < 6; i++) {
    CHECK(finish(start(tries, &m)) == number(EBUSY));
    CHECK(pthread_mutex_unlock(&m) == 0);
  }
  CHECK(pthread_mutex_unlock(&m) == EPERM);
  CHECK(finish(start(tries, &m)) == number(0));  // and is gone with it
}

CASE(errorcheck) {
  pthread_mutex_t m;
  with_kind(&m, PTHREAD_MUTEX_ERRORCHECK);
  CHECK(pthread_mutex_unlock(&m) == EPERM);
  CHECK(pthread_mutex_lock(&m) == 0);
  CHECK(pthread_mutex_lock(&m) == EDEADLK);
  CHECK(pthread_mutex_trylock(&m) == EBUSY);
  CHECK(finish(start(unlocks, &m)) == number(EPERM));
  CHECK(pthread_mutex_unlock(&m) == 0);
  CHECK(pthread_mutex_destroy(&m) == 0);
}

// A kind's mutex guards a plain counter, read and written across a yield.
struct counter {
  pthread_mutex_t mutex;
  long count;
};
static void* counts(void* arg) {
  struct counter* c = arg;
  for (int i = 0; i < 500; i++) {
    pthread_mutex_lock(&c->mutex);
    long seen = c->count;
    if (i % 8 == 0) sched_yield();
    c->count = seen + 1;
    pthread_mutex_unlock(&c->mutex);
  }
  return NULL;
}
CASE(exclusion_of_every_kind) {
  static const int kinds[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK,
                              PTHREAD_MUTEX_ADAPTIVE_NP};
  for (int k = 0; k < 4; k++) {
    struct counter c = {.count = 0};
    pthread_t t[8];
    with_kind(&c.mutex, kinds[k]);
    for (int i = 0; i < 8; i++) t[i] = start(counts, &c);
    for (int i = 0; i < 8; i++) finish(t[i]);
    CHECK(c.count == 4000);
    CHECK(pthread_mutex_destroy(&c.mutex) == 0);
  }
}

// 100 threads meet mutexes that no call has initialised.
static struct counter fresh[4] = {
    {PTHREAD_MUTEX_INITIALIZER, 0},
    {PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP, 0},
    {PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, 0},
    {PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP, 0},
};
static pthread_barrier_t together;
static void* meets_them(void* i) {
  pthread_barrier_wait(&together);
  for (int round = 0; round < 20; round++) {
    struct counter* c = &fresh[(number_of(i) + round) % 4];
    pthread_mutex_lock(&c->mutex);
    c->count++;
    if (round % 5 == 0) sched_yield();
    pthread_mutex_unlock(&c->mutex);
  }
  return NULL;
}
CASE(static_initialisers_from_100_threads) {
  pthread_barrier_init(&together, NULL, 100);
  in_threads(100, meets_them);
  for (int k = 0; k < 4; k++) CHECK(fresh[k].count == 500);
}

static int gate;
static void* holds(void* m) {
  pthread_mutex_lock((pthread_mutex_t*)m);
  store(&gate, 1);
  await(&gate, 2);
  pthread_mutex_unlock((pthread_mutex_t*)m);
  return NULL;
}
CASE(timed_locks_are_never_early) {
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  store(&gate, 0);
  pthread_t t = start(holds, &m);
  await(&gate, 1);
  struct timespec until = in_millis(CLOCK_REALTIME, 20);
  CHECK(pthread_mutex_timedlock(&m, &until) == ETIMEDOUT && now(CLOCK_REALTIME) >= nanos(until));
  until = in_millis(CLOCK_MONOTONIC, 20);
  CHECK(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &until) == ETIMEDOUT && now(CLOCK_MONOTONIC) >= nanos(until));
  struct timespec past = {1, 0}, wrong = {1, 1000000000};
  CHECK(pthread_mutex_timedlock(&m, &past) == ETIMEDOUT);
  CHECK(pthread_mutex_timedlock(&m, &wrong) == EINVAL);
  store(&gate, 2);
  until = in_millis(CLOCK_REALTIME, 20000);
  CHECK(pthread_mutex_timedlock(&m, &until) == 0);
  CHECK(pthread_mutex_unlock(&m) == 0);
  CHECK(pthread_mutex_timedlock(&m, &wrong) == 0);  // free: nobody looks at the time
  finish(t);
}

CASE(unlock_wakes) {
  struct counter c = {.mutex = PTHREAD_MUTEX_INITIALIZER};
  pthread_t t[64];
  pthread_mutex_lock(&c.mutex);
  for (int i = 0; i < 64; i++) t[i] = start(counts, &c);
  sleep_millis(10);  // most are waiting by now
  pthread_mutex_unlock(&c.mutex);
  for (int i = 0; i < 64; i++) finish(t[i]);
  CHECK(c.count == 64 * 500);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
