// tests/e2e/programs/threads/cancel.c: deferred cancellation, its points and its cleanup handlers; asynchronous in
// plain form.
#include "helpers.h"

#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/socket.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t none;
static int blocked, p[2], pair[2];
static pthread_t never_ends;

static void unlocks(void* m) { pthread_mutex_unlock((pthread_mutex_t*)m); }

// Every way to block that is a cancellation point.
static void blocks_in(int way) {
  char c;
  struct pollfd one = {p[0], POLLIN, 0};
  struct timespec long_time = {100, 0}, far = in_millis(CLOCK_REALTIME, 100000);
  sigset_t usr1 = set_of(SIGUSR1);
  int sig;
  switch (way) {
    case 0: (void)!read(p[0], &c, 1); break;
    case 1: sleep(100); break;
    case 2: nanosleep(&long_time, NULL); break;
    case 3: usleep(100000000); break;
    case 4: clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL); break;
    case 5: sem_wait(&none); break;
    case 6: sem_timedwait(&none, &far); break;
    case 7: poll(&one, 1, -1); break;
    case 8: select(0, NULL, NULL, NULL, NULL); break;
    case 9: recv(pair[0], &c, 1, 0); break;
    case 10:
      accept(pair[0], NULL, NULL);
      pause();
      break;  // no listener: refused at once
    case 11: pause(); break;
    case 12: pthread_join(never_ends, NULL); break;
    case 13:
      pthread_mutex_lock(&mutex);
      pthread_cleanup_push(unlocks, &mutex);
      for (;;) pthread_cond_wait(&cond, &mutex);
      pthread_cleanup_pop(1);
      break;
    case 14:
      pthread_mutex_lock(&mutex);
      pthread_cleanup_push(unlocks, &mutex);
      for (;;) pthread_cond_timedwait(&cond, &mutex, &far);
      pthread_cleanup_pop(1);
      break;
    case 15: sigwait(&usr1, &sig); break;
    case 16: {
      sigset_t empty = set_of(0);
      sigsuspend(&empty);
      break;
    }
    case 17:
      for (;;) pthread_testcancel(), sched_yield();
  }
}
enum { kWays = 18 };

static int cleaned;
static void counts(void* by) { add(&cleaned, (int)number_of(by)); }
static void* blocks(void* way) {
  pthread_cleanup_push(counts, number(1));
  pthread_cleanup_push(counts, number(100));
  add(&blocked, 1);
  blocks_in((int)number_of(way));
  pthread_cleanup_pop(0);
  pthread_cleanup_pop(0);
  return way;
}
static void* never_returns(void* arg) {
  for (;;) pause();
  return arg;
}
CASE(points) {
  sigset_t usr1 = set_of(SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, NULL);
  MUST(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  sem_init(&none, 0, 0);
  never_ends = start(never_returns, NULL);
  for (int turn = 0; turn < 2; turn++) {  // blocked already, or cancelled on the way there
    pthread_t t[kWays];
    blocked = cleaned = 0;
    for (int i = 0; i < kWays; i++) t[i] = start(blocks, number(i));
    if (turn == 0) {
      await(&blocked, kWays);
      sleep_millis(5);
    }
    for (int i = 0; i < kWays; i++) CHECK(pthread_cancel(t[i]) == 0);
    for (int i = 0; i < kWays; i++) {
      const void* result = finish(t[i]);
      if (result != PTHREAD_CANCELED) printf("way %d was not cancelled\n", i);
      CHECK(result == PTHREAD_CANCELED);
    }
    CHECK(turn == 1 || cleaned == kWays * 101);
    CHECK(pthread_mutex_trylock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
  }
  pthread_cancel(never_ends);
  CHECK(finish(never_ends) == PTHREAD_CANCELED);
  pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
}

// A mutex, a barrier or a rwlock is no cancellation point.
static int gate;
static void* takes_the_mutex(void* arg) {
  add(&blocked, 1);
  pthread_mutex_lock(&mutex);
  const int got = pthread_mutex_trylock(&mutex) == EBUSY;
  pthread_mutex_unlock(&mutex);
  store(&gate, got);
  pthread_testcancel();
  return arg;
}
CASE(a_mutex_is_no_point) {
  blocked = gate = 0;
  pthread_mutex_lock(&mutex);
  pthread_t t = start(takes_the_mutex, NULL);
  await(&blocked, 1);
  pthread_cancel(t);
  sleep_millis(2);
  pthread_mutex_unlock(&mutex);
  CHECK(finish(t) == PTHREAD_CANCELED);
  CHECK(gate == 1);
}

static void* is_deaf_for_a_while(void* arg) {
  int before = -1;
  CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before) == 0 && before == PTHREAD_CANCEL_ENABLE);
  add(&blocked, 1);
  await(&gate, 1);
  usleep(1000);
  pthread_testcancel();
  add(&blocked, 1);
  CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before) == 0 && before == PTHREAD_CANCEL_DISABLE);
  pthread_testcancel();
  add(&blocked, 1);
  return arg;
}
CASE(disabled) {
  blocked = gate = 0;
  pthread_t t = start(is_deaf_for_a_while, NULL);
  await(&blocked, 1);
  CHECK(pthread_cancel(t) == 0);
  store(&gate, 1);
  CHECK(finish(t) == PTHREAD_CANCELED);
  CHECK(blocked == 2);
}

static void* cancels_itself(void* arg) {
  pthread_cancel(pthread_self());
  pthread_testcancel();
  return arg;
}
CASE(oneself) { CHECK(finish(start(cancels_itself, NULL)) == PTHREAD_CANCELED); }

static void* ends_at_once(void* arg) { return arg; }
CASE(an_ended_one) {
  pthread_t t = start(ends_at_once, number(3));
  sleep_millis(2);
  CHECK(pthread_cancel(t) == 0);  // not joined yet: a good id
  CHECK(finish(t) == number(3));
}

// A cancelled thread's destructors run after its handlers, and have its values.
static pthread_key_t key;
static char order[8];
static int places;
static void writes(void* letter) { order[places++] = (char)number_of(letter); }
static void* has_both(void* arg) {
  pthread_setspecific(key, number('k'));
  pthread_cleanup_push(writes, number('1'));
  pthread_cleanup_push(writes, number('2'));
  for (;;) pause();
  pthread_cleanup_pop(0);
  pthread_cleanup_pop(0);
  return arg;
}
CASE(handlers_then_destructors) {
  memset(order, 0, sizeof order);
  places = 0;
  pthread_key_create(&key, writes);
  pthread_t t = start(has_both, NULL);
  pthread_cancel(t);
  CHECK(finish(t) == PTHREAD_CANCELED);
  CHECK(!strcmp(order, "21k"));
}

// pthread_exit runs them as well, from below; a pop with 1 runs one by hand.
static __attribute__((noinline)) void leaves(void) { pthread_exit(number(6)); }
static __attribute__((noinline)) int calls_what_leaves(int depth) {
  if (depth == 0) leaves();
  return depth;
}
static void* leaves_from_below(void* arg) {
  pthread_cleanup_push(writes, number('a'));
  pthread_cleanup_push(writes, number('b'));
  pthread_cleanup_push(writes, number('c'));
  pthread_cleanup_pop(1);
  calls_what_leaves(0);
  pthread_cleanup_pop(0);
  pthread_cleanup_pop(0);
  return arg;
}
CASE(pthread_exit_runs_handlers) {
  memset(order, 0, sizeof order);
  places = 0;
  CHECK(finish(start(leaves_from_below, NULL)) == number(6));
  CHECK(!strcmp(order, "cba"));
}

static void* computes_for_ever(void* arg) {
  pthread_cleanup_push(counts, number(1));
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  store(&gate, 1);
  for (;;) __asm__ volatile("" ::: "memory");
  pthread_cleanup_pop(0);
  return arg;
}
CASE(asynchronous) {
  for (int i = 0; i < 5; i++) {
    gate = cleaned = 0;
    pthread_t t = start(computes_for_ever, NULL);
    await(&gate, 1);
    CHECK(pthread_cancel(t) == 0);
    CHECK(finish(t) == PTHREAD_CANCELED && cleaned == 1);
  }
}

// Cancellation against a signal to the same waiter: the unit is taken or left, never lost.
static int units_taken;
static void* takes_a_unit(void* arg) {
  sem_wait(&none);
  add(&units_taken, 1);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  return arg;
}
CASE(no_unit_is_lost) {
  int cancelled = 0;
  for (int i = 0; i < 200; i++) {
    sem_init(&none, 0, 0);
    pthread_t t = start(takes_a_unit, NULL);
    if (i % 2) sched_yield();
    sem_post(&none);
    pthread_cancel(t);
    const int was = finish(t) == PTHREAD_CANCELED;
    int left = -1;
    sem_getvalue(&none, &left);
    cancelled += was;
    CHECK(left == was);
  }
  CHECK(units_taken + cancelled == 200);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
