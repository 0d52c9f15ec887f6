// tests/e2e/programs/threads/once_keys.c: pthread_once, keys and their destructors, all rounds of them.
#include "helpers.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int runs, seen_half_done, half_done;
static void initialises(void) {
  half_done = 1;
  for (int i = 0; i < 20; i++) sched_yield();
  runs++;
  half_done = 0;
}
static void* wants_it_done(void* arg) {
  (void)arg;
  CHECK(pthread_once(&once, initialises) == 0);
  if (half_done || runs != 1) add(&seen_half_done, 1);
  return NULL;
}
CASE(once_from_100_threads) {
  in_threads(100, wants_it_done);
  CHECK(runs == 1 && seen_half_done == 0);
}

// An initialiser that is cancelled lets another thread try.
static pthread_once_t retried = PTHREAD_ONCE_INIT;
static int tries, waiting_inside;
static void is_cancelled_first(void) {
  if (add(&tries, 1) > 1) return;
  store(&waiting_inside, 1);
  for (;;) pause();
}
static void* runs_it(void* arg) {
  pthread_once(&retried, is_cancelled_first);
  return arg;
}
CASE(once_after_a_cancelled_one) {
  pthread_t first = start(runs_it, number(1));
  await(&waiting_inside, 1);
  pthread_t second = start(runs_it, number(2));
  pthread_cancel(first);
  CHECK(finish(first) == PTHREAD_CANCELED);
  CHECK(finish(second) == number(2));
  CHECK(tries == 2);
}

static pthread_key_t key, other;
static int destroyed, rounds_left;
static void counts(void* value) {
  CHECK(value == number(77));
  CHECK(pthread_getspecific(key) == NULL);  // set to NULL before
  add(&destroyed, 1);
}
static void* sets(void* arg) {
  (void)arg;
  CHECK(pthread_getspecific(key) == NULL);
  CHECK(pthread_setspecific(key, number(77)) == 0);
  sched_yield();
  CHECK(pthread_getspecific(key) == number(77));
  return NULL;
}
CASE(a_destructor_per_thread) {
  CHECK(pthread_key_create(&key, counts) == 0);
  in_threads(100, sets);
  CHECK(destroyed == 100);
  CHECK(pthread_key_delete(key) == 0);
  CHECK(pthread_setspecific(key, NULL) == EINVAL);
}

// Each destructor sets the other key: PTHREAD_DESTRUCTOR_ITERATIONS rounds, then it is given up.
static void sets_again(void* value) {
  add(&rounds_left, 1);
  pthread_setspecific(number_of(value) == 1 ? key : other, value);
}
static void* starts_the_rounds(void* arg) {
  (void)arg;
  pthread_setspecific(key, number(1));
  return NULL;
}
CASE(destructors_go_round) {
  pthread_key_create(&key, sets_again);
  pthread_key_create(&other, sets_again);
  finish(start(starts_the_rounds, NULL));
  CHECK(rounds_left == PTHREAD_DESTRUCTOR_ITERATIONS);
  pthread_key_delete(key);
  pthread_key_delete(other);
}

static void blocks(void* value) {  // a destructor may block like anybody
  sleep_millis(1);
  sched_yield();
  add((int*)value, 1);
}
static void* is_slow_to_end(void* counter) {
  pthread_setspecific(key, counter);
  return NULL;
}
CASE(destructors_may_block) {
  static int done;
  pthread_key_create(&key, blocks);
  pthread_t t[20];
  for (int i = 0; i < 20; i++) t[i] = start(is_slow_to_end, &done);
  for (int i = 0; i < 20; i++) finish(t[i]);
  CHECK(done == 20);
  pthread_key_delete(key);
}

// All keys there are, each with a value per thread; a new key begins with NULL, whoever had its place before.
static pthread_key_t all[PTHREAD_KEYS_MAX];
static int keys, wrong;
static void* uses_all(void* i) {
  for (int k = 0; k < keys; k++) {
    if (pthread_getspecific(all[k])) add(&wrong, 1);
    pthread_setspecific(all[k], number(number_of(i) * 10000 + k + 1));
  }
  sched_yield();
  for (int k = 0; k < keys; k++)
    if (pthread_getspecific(all[k]) != number(number_of(i) * 10000 + k + 1)) add(&wrong, 1);
  return NULL;
}
CASE(as_many_keys_as_there_are) {
  for (int turn = 0; turn < 2; turn++) {
    for (keys = 0; pthread_key_create(&all[keys], NULL) == 0; keys++) {}
    CHECK(keys > 900);
    uses_all(number(1000));  // main too
    in_threads(10, uses_all);
    for (int k = 0; k < keys; k++) pthread_key_delete(all[k]);
  }
  CHECK(wrong == 0);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
