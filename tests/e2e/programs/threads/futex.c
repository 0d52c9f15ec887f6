// tests/e2e/programs/threads/futex.c: raw syscall(SYS_futex): wait, wake, bitset, requeue, wake_op, time-outs; raw
// SYS_gettid.
#include "helpers.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static long futex(int* word, int op, int value, const struct timespec* timeout, int* other, int value3) {
  return syscall(SYS_futex, word, op, value, timeout, other, value3);
}
static long requeue(int op, int* from, int wake, long move, int* to, int value3) {
  return syscall(SYS_futex, from, op, wake, move, to, value3);
}

static int word, other, awake, wrong;

// Wakes n waiters, however long they take to come.
static int wake_at_least(int* w, int n) {
  int woken = 0;
  while (woken < n) {
    woken += (int)futex(w, FUTEX_WAKE_PRIVATE, n - woken, NULL, NULL, 0);
    sched_yield();
  }
  return woken;
}

static void* waits(void* arg) {
  int* w = arg;
  if (futex(w, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0)) add(&wrong, 1);
  add(&awake, 1);
  return NULL;
}

CASE(wake_counts) {
  pthread_t t[20];
  word = awake = wrong = 0;
  CHECK(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0);
  for (int i = 0; i < 20; i++) t[i] = start(waits, &word);
  CHECK(wake_at_least(&word, 5) == 5);
  await(&awake, 5);
  sleep_millis(2);
  CHECK(load(&awake) == 5);
  CHECK(wake_at_least(&word, 15) == 15);
  for (int i = 0; i < 20; i++) finish(t[i]);
  CHECK(wrong == 0 && futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 0);
}

CASE(another_value_returns_at_once) {
  word = 1;
  errno = 0;
  CHECK(futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) == -1 && errno == EAGAIN);
  errno = 0;
  CHECK(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0) == -1 && errno == EAGAIN);
  errno = 0;
  CHECK(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 1, NULL, NULL, 0) == -1 && errno == EINVAL);  // no bits
  errno = 0;
  CHECK(futex((int*)((char*)&word + 1), FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) == -1 && errno == EINVAL);
  errno = 0;
  CHECK(futex(&word, 77, 0, NULL, NULL, 0) == -1 && errno == ENOSYS);
}

CASE(time_outs_are_never_early) {
  word = 0;
  for (int i = 1; i <= 10; i++) {
    struct timespec d = timespec_of(i * 300000);
    const int64_t begin = now(CLOCK_MONOTONIC);
    errno = 0;
    CHECK(futex(&word, FUTEX_WAIT_PRIVATE, 0, &d, NULL, 0) == -1 && errno == ETIMEDOUT);
    CHECK(now(CLOCK_MONOTONIC) - begin >= nanos(d));
    struct timespec until = timespec_of(now(CLOCK_MONOTONIC) + nanos(d));  // absolute with a bitset
    errno = 0;
    CHECK(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, NULL, -1) == -1 && errno == ETIMEDOUT);
    CHECK(now(CLOCK_MONOTONIC) >= nanos(until));
    until = timespec_of(now(CLOCK_REALTIME) + nanos(d));
    errno = 0;
    CHECK(futex(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &until, NULL, -1) == -1 &&
          errno == ETIMEDOUT);
    CHECK(now(CLOCK_REALTIME) >= nanos(until));
  }
  struct timespec d = {0, 1000000000};
  errno = 0;
  CHECK(futex(&word, FUTEX_WAIT_PRIVATE, 0, &d, NULL, 0) == -1 && errno == EINVAL);
}

static int by_bits[2];
static void* waits_for_bits(void* bits) {
  futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (int)number_of(bits));
  add(&by_bits[number_of(bits) == 2], 1);
  return NULL;
}
CASE(bitsets) {
  pthread_t t[10];
  word = 0;
  for (int i = 0; i < 10; i++) t[i] = start(waits_for_bits, number(i % 2 ? 2 : 1));
  for (int woken = 0; woken < 5; sched_yield()) woken += (int)futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 2);
  await(&by_bits[1], 5);
  CHECK(load(&by_bits[0]) == 0);
  CHECK(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 4) == 0);
  for (int woken = 0; woken < 5; sched_yield()) woken += (int)futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 3);
  for (int i = 0; i < 10; i++) finish(t[i]);
  CHECK(by_bits[0] == 5);
}

CASE(requeues) {
  static const int ops[] = {FUTEX_REQUEUE_PRIVATE, FUTEX_CMP_REQUEUE_PRIVATE};
  for (int k = 0; k < 2; k++) {
    pthread_t t[10];
    word = other = awake = 0;
    for (int i = 0; i < 10; i++) t[i] = start(waits, &word);
    // First all to `other`, however long they take to come; REQUEUE counts those it moves as well.
    int moved = 0;
    while (moved < 10) {
      moved += (int)requeue(ops[k], &word, 0, 100, &other, 0);
      sched_yield();
    }
    CHECK(moved == 10 && load(&awake) == 0);
    CHECK(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 0);
    // Then one awake and three back.
    CHECK(requeue(ops[k], &other, 1, 3, &word, 0) == 4);
    await(&awake, 1);
    CHECK(futex(&other, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 6);
    CHECK(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 3);
    for (int i = 0; i < 10; i++) finish(t[i]);
  }
  word = 5;
  errno = 0;
  CHECK(requeue(FUTEX_CMP_REQUEUE_PRIVATE, &word, 1, 1, &other, 4) == -1 && errno == EAGAIN);
}

static void* waits_a_while(void* arg) {
  (void)arg;
  struct timespec d = timespec_of(millis(30));
  const long r = futex(&word, FUTEX_WAIT_PRIVATE, 0, &d, NULL, 0);
  const int code = r ? errno : 0;
  store(&awake, 1);
  return number(code);
}

CASE(a_time_out_finds_its_waiter_after_a_requeue) {
  word = other = awake = 0;
  pthread_t t = start(waits_a_while, NULL);
  while (requeue(FUTEX_REQUEUE_PRIVATE, &word, 0, 1, &other, 0) == 0 && !load(&awake)) sched_yield();
  CHECK(finish(t) == number(ETIMEDOUT));
  CHECK(futex(&other, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 0);  // nobody is left there
}

CASE(wake_op) {
  word = other = awake = 0;
  pthread_t a = start(waits, &word), b = start(waits, &other);
  // other = other | 1 (once both wait), wakes one at `word`, and one at `other` if it was 0.
  sleep_millis(5);
  const long woken =
      syscall(SYS_futex, &word, FUTEX_WAKE_OP_PRIVATE, 1, 1L, &other, FUTEX_OP(FUTEX_OP_OR, 1, FUTEX_OP_CMP_EQ, 0));
  CHECK(woken >= 0 && woken <= 2 && load(&other) == 1);
  while (load(&awake) < 2) {  // whoever came late
    futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    futex(&other, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    sched_yield();
  }
  finish(a);
  finish(b);
  wrong = 0;  // `b` may have found 1
}

// A lock of one word, as runtimes write them: 0 free, 1 held, 2 held and waited for.
static int lock_word;
static long counted;
static void* counts(void* arg) {
  (void)arg;
  for (int i = 0; i < 500; i++) {
    int seen = 0;
    if (!__atomic_compare_exchange_n(&lock_word, &seen, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      while (__atomic_exchange_n(&lock_word, 2, __ATOMIC_SEQ_CST))
        futex(&lock_word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
    long c = counted;
    if (i % 16 == 0) sched_yield();
    counted = c + 1;
    if (__atomic_exchange_n(&lock_word, 0, __ATOMIC_SEQ_CST) == 2)
      futex(&lock_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  }
  return NULL;
}
CASE(a_lock_of_one_word) {
  in_threads(20, counts);
  CHECK(counted == 10000);
}

// Between processes, by one page mapped twice at different addresses.
CASE(between_processes) {
  const int fd = memfd_create("word", 0);
  MUST(fd >= 0 && ftruncate(fd, 4096) == 0);
  int* here = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  pid_t pid = fork();
  if (!pid) {
    int* there = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    while (!load(there)) futex(there, FUTEX_WAIT, 0, NULL, NULL, 0);
    _exit(load(there));
  }
  sleep_millis(5);
  store(here, 9);
  futex(here, FUTEX_WAKE, 1, NULL, NULL, 0);
  CHECK(ended_with(pid) == 9);
  close(fd);
}

static long ids[200];
static int running;
static void* says_its_id(void* i) {
  ids[number_of(i)] = syscall(SYS_gettid);
  CHECK(ids[number_of(i)] == gettid());
  add(&running, 1);
  await(&running, 200);  // all at once
  CHECK(ids[number_of(i)] == syscall(SYS_gettid) && getpid() == syscall(SYS_getpid));
  return NULL;
}
static int by_value(const void* a, const void* b) {
  return (*(const long*)a > *(const long*)b) - (*(const long*)a < *(const long*)b);
}
CASE(gettid_is_unique) {
  in_threads(200, says_its_id);
  qsort(ids, 200, sizeof *ids, by_value);
  int doubles = 0;
  for (int i = 1; i < 200; i++) doubles += ids[i] == ids[i - 1];
  CHECK(doubles == 0 && ids[0] > 0);
  CHECK(syscall(SYS_gettid) == getpid());
}

int main(int argc, char** argv) { return check_main(argc, argv); }
