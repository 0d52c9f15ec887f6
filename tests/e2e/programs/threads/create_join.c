// tests/e2e/programs/threads/create_join.c: pthread_create, the joins, self and equal.
#include "helpers.h"

static void* same(void* arg) { return arg; }

CASE(a_result) { CHECK(finish(start(same, number(42))) == number(42)); }

CASE(results_of_a_thousand) {
  static pthread_t t[1000];
  for (int i = 0; i < 1000; i++) t[i] = start_small(same, number(i));
  int right = 0;
  for (int i = 999; i >= 0; i--) right += finish(t[i]) == number(i);
  CHECK(right == 1000);
}

CASE(one_after_the_other) {
  int right = 0;
  for (int i = 0; i < 2000; i++) right += finish(start_small(same, number(i))) == number(i);
  CHECK(right == 2000);
}

static void* tree(void* depth) {
  if (!number_of(depth)) return number(1);
  pthread_t left = start_small(tree, number(number_of(depth) - 1)),
            right = start_small(tree, number(number_of(depth) - 1));
  return number(number_of(finish(left)) + number_of(finish(right)));
}
CASE(threads_that_start_threads) { CHECK(finish(start_small(tree, number(7))) == number(128)); }

static void* compares(void* other) { return number(pthread_equal(pthread_self(), *(pthread_t*)other)); }
CASE(self_and_equal) {
  pthread_t mine = pthread_self();
  CHECK(pthread_equal(mine, pthread_self()));
  CHECK(finish(start(compares, &mine)) == number(0));
}

static void* says_itself(void* slot) {
  *(pthread_t*)slot = pthread_self();
  return NULL;
}
CASE(self_is_what_create_returned) {
  static pthread_t told[100], got[100];
  for (int i = 0; i < 100; i++) got[i] = start(says_itself, &told[i]);
  int right = 0;
  for (int i = 0; i < 100; i++) {
    finish(got[i]);
    right += pthread_equal(told[i], got[i]) != 0;
  }
  CHECK(right == 100);
}

static int gate;
static void* waits_for_gate(void* arg) {
  await(&gate, 1);
  return arg;
}
CASE(tryjoin) {
  store(&gate, 0);
  pthread_t t = start(waits_for_gate, number(5));
  void* result = NULL;
  CHECK(pthread_tryjoin_np(t, &result) == EBUSY);
  store(&gate, 1);
  int code;
  while ((code = pthread_tryjoin_np(t, &result)) == EBUSY) sched_yield();
  CHECK(code == 0 && result == number(5));
}

CASE(timed_joins_are_never_early) {
  store(&gate, 0);
  pthread_t t = start(waits_for_gate, number(6));
  struct timespec until = in_millis(CLOCK_REALTIME, 20);
  CHECK(pthread_timedjoin_np(t, NULL, &until) == ETIMEDOUT && now(CLOCK_REALTIME) >= nanos(until));
  until = in_millis(CLOCK_MONOTONIC, 20);
  CHECK(pthread_clockjoin_np(t, NULL, CLOCK_MONOTONIC, &until) == ETIMEDOUT && now(CLOCK_MONOTONIC) >= nanos(until));
  store(&gate, 1);
  void* result = NULL;
  until = in_millis(CLOCK_REALTIME, 20000);
  CHECK(pthread_timedjoin_np(t, &result, &until) == 0 && result == number(6));
}

static void* joins_itself(void* arg) {
  (void)arg;
  return number(pthread_join(pthread_self(), NULL));
}
CASE(joining_oneself_is_a_deadlock) { CHECK(finish(start(joins_itself, NULL)) == number(EDEADLK)); }

CASE(join_of_a_detached_thread_is_refused) {
  store(&gate, 0);
  pthread_t t = start(waits_for_gate, NULL);
  CHECK(pthread_detach(t) == 0);
  CHECK(pthread_join(t, NULL) == EINVAL);
  store(&gate, 1);
}

static void* joins_a_sibling(void* sibling) { return finish(*(pthread_t*)sibling); }
CASE(any_thread_may_join) {
  pthread_t first = start(same, number(9));
  CHECK(finish(start(joins_a_sibling, &first)) == number(9));
}

static void* leaves(void* arg) { pthread_exit(arg); }
CASE(pthread_exit_gives_a_result) { CHECK(finish(start(leaves, number(11))) == number(11)); }

// What a thread wrote is seen after its join, whoever ran it where.
static int written[64];
static void* writes(void* i) {
  written[number_of(i)] = (int)number_of(i) + 1;
  return NULL;
}
CASE(join_publishes) {
  in_threads(64, writes);
  int sum = 0;
  for (int i = 0; i < 64; i++) sum += written[i];
  CHECK(sum == 64 * 65 / 2);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
