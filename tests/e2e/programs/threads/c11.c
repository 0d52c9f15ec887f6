// tests/e2e/programs/threads/c11.c: <threads.h> of C11, which reaches glibc by names of its own.
#include "helpers.h"

#include <threads.h>

static int returns_seven(void* arg) {
  (void)arg;
  return 7;
}
static int exits_with_eight(void* arg) {
  (void)arg;
  thrd_exit(8);
}
CASE(create_and_join) {
  thrd_t a, b;
  int first = 0, second = 0;
  CHECK(thrd_create(&a, returns_seven, NULL) == thrd_success);
  CHECK(thrd_create(&b, exits_with_eight, NULL) == thrd_success);
  CHECK(!thrd_equal(a, b) && !thrd_equal(a, thrd_current()));
  CHECK(thrd_join(a, &first) == thrd_success && first == 7);
  CHECK(thrd_join(b, &second) == thrd_success && second == 8);
}

static int gone;
static int says_gone(void* arg) {
  (void)arg;
  add(&gone, 1);
  return 0;
}
CASE(detach) {
  thrd_t t;
  for (int i = 0; i < 50; i++)
    CHECK(thrd_create(&t, says_gone, NULL) == thrd_success && thrd_detach(t) == thrd_success);
  while (load(&gone) < 50) thrd_yield();
}

static mtx_t mutex;
static cnd_t cond;
static int turn, turns;
static int plays(void* me) {
  mtx_lock(&mutex);
  for (int i = 0; i < 2000; i++) {
    while (turn != (int)number_of(me)) cnd_wait(&cond, &mutex);
    turns++;
    turn = !turn;
    cnd_signal(&cond);
  }
  mtx_unlock(&mutex);
  return 0;
}
CASE(mutex_and_cond) {
  CHECK(mtx_init(&mutex, mtx_plain) == thrd_success && cnd_init(&cond) == thrd_success);
  thrd_t t[2];
  for (int i = 0; i < 2; i++) thrd_create(&t[i], plays, number(i));
  for (int i = 0; i < 2; i++) thrd_join(t[i], NULL);
  CHECK(turns == 4000);
  cnd_destroy(&cond);
  mtx_destroy(&mutex);
}

static int tries(void* m) { return mtx_trylock((mtx_t*)m); }
CASE(recursive_and_timed) {
  mtx_t m;
  CHECK(mtx_init(&m, mtx_recursive | mtx_timed) == thrd_success);
  CHECK(mtx_lock(&m) == thrd_success && mtx_lock(&m) == thrd_success && mtx_trylock(&m) == thrd_success);
  thrd_t t;
  int code = -1;
  thrd_create(&t, tries, &m);
  thrd_join(t, &code);
  CHECK(code == thrd_busy);
  for (int i = 0; i < 3; i++) CHECK(mtx_unlock(&m) == thrd_success);
  mtx_destroy(&m);
}

static int holder_gate;
static int holds(void* m) {
  mtx_lock((mtx_t*)m);
  store(&holder_gate, 1);
  while (load(&holder_gate) < 2) thrd_yield();
  mtx_unlock((mtx_t*)m);
  return 0;
}
CASE(timed_waits_are_never_early) {
  mtx_t m;
  cnd_t c;
  thrd_t t;
  mtx_init(&m, mtx_timed);
  cnd_init(&c);
  thrd_create(&t, holds, &m);
  while (load(&holder_gate) < 1) thrd_yield();
  struct timespec until = in_millis(CLOCK_REALTIME, 10);
  CHECK(mtx_timedlock(&m, &until) == thrd_timedout && now(CLOCK_REALTIME) >= nanos(until));
  store(&holder_gate, 2);
  thrd_join(t, NULL);
  mtx_lock(&m);
  until = in_millis(CLOCK_REALTIME, 10);
  int code;
  while ((code = cnd_timedwait(&c, &m, &until)) == thrd_success) {}
  CHECK(code == thrd_timedout && now(CLOCK_REALTIME) >= nanos(until));
  mtx_unlock(&m);
}

static int woken, waiting;
static int waits(void* arg) {
  (void)arg;
  mtx_lock(&mutex);
  waiting++;
  while (!turn) cnd_wait(&cond, &mutex);
  woken++;
  mtx_unlock(&mutex);
  return 0;
}
CASE(broadcast) {
  thrd_t t[30];
  mtx_init(&mutex, mtx_plain);
  cnd_init(&cond);
  turn = 0;
  for (int i = 0; i < 30; i++) thrd_create(&t[i], waits, NULL);
  for (int there = 0; there < 30; thrd_yield()) {
    mtx_lock(&mutex);
    there = waiting;
    mtx_unlock(&mutex);
  }
  mtx_lock(&mutex);
  turn = 1;
  cnd_broadcast(&cond);
  mtx_unlock(&mutex);
  for (int i = 0; i < 30; i++) thrd_join(t[i], NULL);
  CHECK(woken == 30);
}

static once_flag flag = ONCE_FLAG_INIT;
static int inits;
static void initialises(void) { inits++; }
static tss_t slot;
static int destroyed;
static void destroys(void* value) { add(&destroyed, (int)number_of(value)); }
static thread_local int mine = 3;
static int uses_all(void* i) {
  call_once(&flag, initialises);
  tss_set(slot, number(2));
  mine += (int)number_of(i);
  thrd_yield();
  return tss_get(slot) == number(2) && mine == 3 + (int)number_of(i);
}
CASE(once_tss_and_thread_local) {
  thrd_t t[20];
  int right = 0, code;
  CHECK(tss_create(&slot, destroys) == thrd_success);
  for (int i = 0; i < 20; i++) thrd_create(&t[i], uses_all, number(i));
  for (int i = 0; i < 20; i++) thrd_join(t[i], &code), right += code;
  CHECK(right == 20 && inits == 1 && destroyed == 40 && mine == 3);
  tss_delete(slot);
}

CASE(sleep_is_never_early) {
  struct timespec d = {0, 5000000};
  const int64_t begin = now(CLOCK_MONOTONIC);
  CHECK(thrd_sleep(&d, NULL) == 0 && now(CLOCK_MONOTONIC) - begin >= 5000000);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
