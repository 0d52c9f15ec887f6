// tests/e2e/programs/threads/rwlock.c: readers together, writers alone, both kinds of preference, timed locks.
#include "helpers.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static int gate, inside;

static void* reads_until_gate(void* want) {
  pthread_rwlock_rdlock(&lock);
  add(&inside, 1);
  await(&gate, (int)number_of(want));
  add(&inside, -1);
  pthread_rwlock_unlock(&lock);
  return NULL;
}
static void* writes_until_gate(void* want) {
  pthread_rwlock_wrlock(&lock);
  add(&inside, 1);
  await(&gate, (int)number_of(want));
  add(&inside, -1);
  pthread_rwlock_unlock(&lock);
  return NULL;
}

CASE(readers_share) {
  pthread_t t[50];
  store(&gate, 0);
  for (int i = 0; i < 50; i++) t[i] = start(reads_until_gate, number(1));
  await(&inside, 50);
  CHECK(pthread_rwlock_trywrlock(&lock) == EBUSY);
  CHECK(pthread_rwlock_tryrdlock(&lock) == 0);
  CHECK(pthread_rwlock_unlock(&lock) == 0);
  store(&gate, 1);
  for (int i = 0; i < 50; i++) finish(t[i]);
}

CASE(a_writer_is_alone) {
  store(&gate, 0);
  pthread_t t = start(writes_until_gate, number(1));
  await(&inside, 1);
  CHECK(pthread_rwlock_tryrdlock(&lock) == EBUSY);
  CHECK(pthread_rwlock_trywrlock(&lock) == EBUSY);
  store(&gate, 1);
  finish(t);
  CHECK(pthread_rwlock_wrlock(&lock) == 0);
  CHECK(pthread_rwlock_wrlock(&lock) == EDEADLK);
  CHECK(pthread_rwlock_rdlock(&lock) == EDEADLK);
  CHECK(pthread_rwlock_unlock(&lock) == 0);
}

CASE(timed_locks_are_never_early) {
  static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
  store(&gate, 0);
  pthread_t t = start(writes_until_gate, number(1));
  await(&inside, 1);
  struct timespec until = in_millis(CLOCK_REALTIME, 5);
  CHECK(pthread_rwlock_timedrdlock(&lock, &until) == ETIMEDOUT && now(CLOCK_REALTIME) >= nanos(until));
  until = in_millis(CLOCK_REALTIME, 5);
  CHECK(pthread_rwlock_timedwrlock(&lock, &until) == ETIMEDOUT && now(CLOCK_REALTIME) >= nanos(until));
  for (int i = 0; i < 2; i++) {
    until = in_millis(clocks[i], 5);
    CHECK(pthread_rwlock_clockrdlock(&lock, clocks[i], &until) == ETIMEDOUT && now(clocks[i]) >= nanos(until));
    until = in_millis(clocks[i], 5);
    CHECK(pthread_rwlock_clockwrlock(&lock, clocks[i], &until) == ETIMEDOUT && now(clocks[i]) >= nanos(until));
  }
  store(&gate, 1);
  until = in_millis(CLOCK_REALTIME, 20000);
  CHECK(pthread_rwlock_timedwrlock(&lock, &until) == 0);
  CHECK(pthread_rwlock_unlock(&lock) == 0);
  finish(t);
}

CASE(a_time_out_lets_readers_through_again) {
  pthread_rwlock_t writers_first;
  pthread_rwlockattr_t attr;
  int kind = -1;
  pthread_rwlockattr_init(&attr);
  CHECK(pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
  CHECK(pthread_rwlockattr_getkind_np(&attr, &kind) == 0 && kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  CHECK(pthread_rwlock_init(&writers_first, &attr) == 0);
  pthread_rwlock_rdlock(&writers_first);
  struct timespec until = in_millis(CLOCK_REALTIME, 5);
  CHECK(pthread_rwlock_timedwrlock(&writers_first, &until) == ETIMEDOUT);
  CHECK(pthread_rwlock_rdlock(&writers_first) == 0);  // no writer is waiting any more
  pthread_rwlock_unlock(&writers_first);
  pthread_rwlock_unlock(&writers_first);
  CHECK(pthread_rwlock_destroy(&writers_first) == 0);
}

// Writers keep two numbers equal across a yield; readers look.
static struct {
  pthread_rwlock_t lock;
  long one, two, unequal;
} pair;
static void* reads_and_writes(void* i) {
  for (int n = 0; n < 300; n++) {
    if ((number_of(i) + n) % 4 == 0) {
      pthread_rwlock_wrlock(&pair.lock);
      pair.one++;
      if (n % 8 == 0) sched_yield();
      pair.two++;
    } else {
      pthread_rwlock_rdlock(&pair.lock);
      if (pair.one != pair.two) __atomic_add_fetch(&pair.unequal, 1, __ATOMIC_RELAXED);
      if (n % 8 == 1) sched_yield();
    }
    pthread_rwlock_unlock(&pair.lock);
  }
  return NULL;
}
CASE(exclusion_with_either_preference) {
  static const int kinds[] = {PTHREAD_RWLOCK_PREFER_READER_NP, PTHREAD_RWLOCK_PREFER_WRITER_NP,
                              PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP};
  for (int k = 0; k < 3; k++) {
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, kinds[k]);
    pthread_rwlock_init(&pair.lock, &attr);
    pair.one = pair.two = 0;
    in_threads(20, reads_and_writes);
    CHECK(pair.one == 20 * 75 && pair.two == pair.one && pair.unequal == 0);
    CHECK(pthread_rwlock_destroy(&pair.lock) == 0);
  }
}

int main(int argc, char** argv) { return check_main(argc, argv); }
