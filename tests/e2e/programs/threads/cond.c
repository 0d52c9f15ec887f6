// tests/e2e/programs/threads/cond.c: signal, broadcast, timed waits on both clocks, hand-overs that lose no wake-up.
#include "helpers.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int waiting, allowed, through;

static void* waits_for_leave(void* arg) {
  pthread_mutex_lock(&mutex);
  waiting++;
  while (!allowed) pthread_cond_wait(&cond, &mutex);
  allowed--;
  through++;
  pthread_mutex_unlock(&mutex);
  return arg;
}

static void await_waiters(int n) {
  for (;;) {
    pthread_mutex_lock(&mutex);
    const int there = waiting;
    pthread_mutex_unlock(&mutex);
    if (there == n) return;
    sched_yield();
  }
}

CASE(each_signal_lets_one_through) {
  pthread_t t[20];
  waiting = allowed = through = 0;
  for (int i = 0; i < 20; i++) t[i] = start(waits_for_leave, NULL);
  await_waiters(20);
  for (int i = 0; i < 20; i++) {
    pthread_mutex_lock(&mutex);
    allowed++;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
  }
  for (int i = 0; i < 20; i++) finish(t[i]);
  CHECK(through == 20 && allowed == 0);
}

CASE(broadcast_wakes_all) {
  pthread_t t[100];
  waiting = allowed = through = 0;
  for (int i = 0; i < 100; i++) t[i] = start(waits_for_leave, NULL);
  await_waiters(100);
  pthread_mutex_lock(&mutex);
  allowed = 100;
  pthread_mutex_unlock(&mutex);
  pthread_cond_broadcast(&cond);  // without the mutex, as is allowed
  for (int i = 0; i < 100; i++) finish(t[i]);
  CHECK(through == 100);
}

// Two threads hand one turn to and fro, by one cond each: a lost wake-up hangs.
static pthread_cond_t turn_cond[2] = {PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER};
static int turn, turns;
enum { kTurns = 20000 };
static void* plays(void* me) {
  const int mine = (int)number_of(me);
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < kTurns; i++) {
    while (turn != mine) pthread_cond_wait(&turn_cond[mine], &mutex);
    turns++;
    turn = !mine;
    pthread_cond_signal(&turn_cond[!mine]);
  }
  pthread_mutex_unlock(&mutex);
  return NULL;
}
CASE(ping_pong) {
  turn = turns = 0;
  in_threads(2, plays);
  CHECK(turns == 2 * kTurns);
}

// A queue of four places between 8 writers and 8 readers.
static int queue[4], head, tail, taken_sum;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static void* puts_or_takes(void* i) {
  for (int n = 1; n <= 500; n++) {
    pthread_mutex_lock(&mutex);
    if (number_of(i) % 2) {
      while (tail - head == 4) pthread_cond_wait(&not_full, &mutex);
      queue[tail++ % 4] = n;
      pthread_cond_signal(&not_empty);
    } else {
      while (tail == head) pthread_cond_wait(&not_empty, &mutex);
      taken_sum += queue[head++ % 4];
      pthread_cond_signal(&not_full);
    }
    pthread_mutex_unlock(&mutex);
  }
  return NULL;
}
CASE(bounded_queue) {
  in_threads(16, puts_or_takes);
  CHECK(head == tail && taken_sum == 8 * 500 * 501 / 2);
}

static void timed_out_on(clockid_t clock) {
  pthread_condattr_t attr;
  pthread_cond_t c;
  clockid_t back = -1;
  pthread_condattr_init(&attr);
  CHECK(pthread_condattr_setclock(&attr, clock) == 0);
  CHECK(pthread_condattr_getclock(&attr, &back) == 0 && back == clock);
  pthread_cond_init(&c, &attr);
  pthread_mutex_lock(&mutex);
  for (int i = 1; i <= 20; i++) {
    struct timespec until = timespec_of(now(clock) + i * 300000);
    int code;
    while ((code = pthread_cond_timedwait(&c, &mutex, &until)) == 0) {}  // woken for nothing
    CHECK(code == ETIMEDOUT && now(clock) >= nanos(until));
    CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
  }
  struct timespec past = {1, 0}, wrong = {now(clock) / 1000000000 + 1, 1000000000};
  CHECK(pthread_cond_timedwait(&c, &mutex, &past) == ETIMEDOUT);
  CHECK(pthread_cond_timedwait(&c, &mutex, &wrong) == EINVAL);
  pthread_mutex_unlock(&mutex);
  CHECK(pthread_cond_destroy(&c) == 0);
}
CASE(timed_waits_are_never_early) {
  timed_out_on(CLOCK_REALTIME);
  timed_out_on(CLOCK_MONOTONIC);
}

CASE(clockwait_takes_the_clock_with_it) {
  static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < 2; i++) {
    struct timespec until = in_millis(clocks[i], 5);
    int code;
    while ((code = pthread_cond_clockwait(&cond, &mutex, clocks[i], &until)) == 0) {}
    CHECK(code == ETIMEDOUT && now(clocks[i]) >= nanos(until));
  }
  pthread_mutex_unlock(&mutex);
}

// Wake-ups race with time-outs: a signal that meets a waiter whose time is up must go to another one.
static int tokens, tokens_taken;
static void* takes_tokens(void* arg) {
  (void)arg;
  pthread_mutex_lock(&mutex);
  while (tokens_taken < 300) {
    struct timespec until = timespec_of(now(CLOCK_REALTIME) + 50000);
    if (!tokens) pthread_cond_timedwait(&cond, &mutex, &until);
    if (!tokens) continue;
    tokens--;
    tokens_taken++;
  }
  pthread_mutex_unlock(&mutex);
  return NULL;
}
CASE(signals_against_time_outs) {
  pthread_t t[8];
  for (int i = 0; i < 8; i++) t[i] = start(takes_tokens, NULL);
  for (int i = 0; i < 300; i++) {
    pthread_mutex_lock(&mutex);
    tokens++;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
    if (i % 4 == 0) usleep(50);
  }
  for (int i = 0; i < 8; i++) finish(t[i]);
  CHECK(tokens == 0 && tokens_taken == 300);
}

// The cond may go as soon as no waiter is blocked on it: destroy waits for those on their way out.
struct brief {
  pthread_mutex_t mutex;
  pthread_cond_t cond;
  int ready, done;
};
static void* leaves_a_brief_one(void* arg) {
  struct brief* b = arg;
  pthread_mutex_lock(&b->mutex);
  while (!b->ready) pthread_cond_wait(&b->cond, &b->mutex);
  if (++b->done == 4) pthread_cond_broadcast(&b->cond);
  pthread_mutex_unlock(&b->mutex);
  return NULL;
}
CASE(destroyed_right_after_a_broadcast) {
  for (int round = 0; round < 50; round++) {
    struct brief b = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    pthread_t t[4];
    for (int i = 0; i < 4; i++) t[i] = start(leaves_a_brief_one, &b);
    pthread_mutex_lock(&b.mutex);
    b.ready = 1;
    pthread_cond_broadcast(&b.cond);
    while (b.done < 4) pthread_cond_wait(&b.cond, &b.mutex);
    CHECK(pthread_cond_destroy(&b.cond) == 0);
    memset(&b.cond, 0xee, sizeof b.cond);
    pthread_mutex_unlock(&b.mutex);
    for (int i = 0; i < 4; i++) finish(t[i]);
  }
}

int main(int argc, char** argv) { return check_main(argc, argv); }
