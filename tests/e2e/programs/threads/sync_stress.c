// tests/e2e/programs/threads/sync_stress.c [THREADS OPERATIONS [CASE...]]: each primitive under load; prints what must be the
// same on every machine. THREADS is even: half of them give what the others take.
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int threads = 8;
static long operations = 20000;

struct job {
  void (*body)(int id, long n);
  int id;
  long n;
};
static void* run_body(void* argument) {
  struct job* j = argument;
  j->body(j->id, j->n);
  return NULL;
}

// body(id, n) on every thread, n operations each.
static void in_threads(void (*body)(int, long)) {
  pthread_t t[threads];
  struct job j[threads];
  for (int i = 0; i < threads; i++) {
    j[i] = (struct job){body, i, operations / threads};
    if (pthread_create(&t[i], NULL, run_body, &j[i])) abort();
  }
  for (int i = 0; i < threads; i++) pthread_join(t[i], NULL);
}

static unsigned next_random(unsigned* state) { return *state = *state * 1664525 + 1013904223, *state >> 8; }

static void must(int condition, const char* what) {
  if (condition) return;
  printf("not true: %s\n", what);
  fflush(stdout);
  abort();
}
#define MUST(condition) must(condition, #condition)

static struct timespec in_us(clockid_t clock, long us) {
  struct timespec t;
  clock_gettime(clock, &t);
  t.tv_nsec += us * 1000;
  t.tv_sec += t.tv_nsec / 1000000000;
  t.tv_nsec %= 1000000000;
  return t;
}

// ---- mutexes ----
static pthread_mutex_t mutexes[4] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP,
                                     PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP};
static pthread_mutex_t* mutex;
static long counter, copy_of_counter;

static void count_up(void) {
  MUST(counter == copy_of_counter);
  counter++;
  copy_of_counter++;
}

static void lock_body(int id, long n) {
  unsigned random = id;
  for (long i = 0; i < n; i++) {
    switch (next_random(&random) % 16) {
      case 0:
        while (pthread_mutex_trylock(mutex)) sched_yield();
        break;
      case 1: {
        struct timespec t = in_us(CLOCK_REALTIME, next_random(&random) % 200);
        const int e = pthread_mutex_timedlock(mutex, &t);
        MUST(e == 0 || e == ETIMEDOUT);
        if (e) pthread_mutex_lock(mutex);
        break;
      }
      default:
        pthread_mutex_lock(mutex);
    }
    count_up();
    if (next_random(&random) % 64 == 0) sched_yield();
    pthread_mutex_unlock(mutex);
  }
}

static void mutex_kind(int kind) {
  counter = copy_of_counter = 0;
  mutex = &mutexes[kind];
  in_threads(lock_body);
  printf("mutex kind %d: %d, word %d, users %u\n", kind, counter == operations / threads * threads,
         mutex->__data.__lock == 1, mutex->__data.__nusers);
}

static void mutex_case(void) {
  for (int kind = 0; kind < 4; kind++) mutex_kind(kind);
}

// ---- condition variables: a bounded buffer, with signals and with broadcasts ----
static pthread_mutex_t buffer_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static long buffer[8], buffered, produced, consumed, sum_in, sum_out;
static int broadcasts;

static void tell(pthread_cond_t* c) { broadcasts ? pthread_cond_broadcast(c) : pthread_cond_signal(c); }

static void produce(long n) {
  for (long i = 0; i < n; i++) {
    pthread_mutex_lock(&buffer_lock);
    while (buffered == 8) pthread_cond_wait(&not_full, &buffer_lock);
    buffer[buffered++] = ++produced;
    sum_in += produced;
    tell(&not_empty);
    pthread_mutex_unlock(&buffer_lock);
  }
}

static void consume(long n, unsigned random) {
  for (long i = 0; i < n; i++) {
    pthread_mutex_lock(&buffer_lock);
    while (buffered == 0) {
      if (next_random(&random) % 8) {
        pthread_cond_wait(&not_empty, &buffer_lock);
      } else {
        struct timespec t = in_us(CLOCK_MONOTONIC, next_random(&random) % 100);
        pthread_cond_clockwait(&not_empty, &buffer_lock, CLOCK_MONOTONIC, &t);
      }
    }
    sum_out += buffer[--buffered];
    consumed++;
    if (next_random(&random) % 2) {
      tell(&not_full);
      pthread_mutex_unlock(&buffer_lock);
    } else {
      pthread_mutex_unlock(&buffer_lock);
      tell(&not_full);
    }
  }
}

static void buffer_body(int id, long n) {
  if (id % 2) consume(n, id);
  else produce(n);
}

static void cond_case(void) {
  for (broadcasts = 0; broadcasts < 2; broadcasts++) {
    in_threads(buffer_body);
    printf("cond, %s: %d %d %ld\n", broadcasts ? "broadcast" : "signal", produced == consumed, sum_in == sum_out, buffered);
  }
}

// ---- a ring of turns: exactly one signal per turn, which nobody may steal ----
static pthread_cond_t turns[64];
static long turn;

static void ring_body(int id, long n) {
  for (long i = 0; i < n; i++) {
    pthread_mutex_lock(&buffer_lock);
    while (turn % threads != id) pthread_cond_wait(&turns[id], &buffer_lock);
    turn++;
    pthread_cond_signal(&turns[(id + 1) % threads]);
    pthread_mutex_unlock(&buffer_lock);
  }
}

static void ring_case(void) {
  for (int i = 0; i < threads; i++) pthread_cond_init(&turns[i], NULL);
  in_threads(ring_body);
  printf("ring: %d\n", turn == operations / threads * threads);
}

// ---- read-write locks ----
static pthread_rwlock_t rwlock;
static atomic_int readers_in, writers_in;

static int take(int writes, unsigned* random) {
  if (next_random(random) % 8) return writes ? pthread_rwlock_wrlock(&rwlock) : pthread_rwlock_rdlock(&rwlock);
  struct timespec t = in_us(CLOCK_REALTIME, next_random(random) % 100);
  return writes ? pthread_rwlock_timedwrlock(&rwlock, &t) : pthread_rwlock_timedrdlock(&rwlock, &t);
}

static void rwlock_body(int id, long n) {
  unsigned random = id;
  for (long i = 0; i < n; i++) {
    const int writes = next_random(&random) % 4 == 0;
    const int e = take(writes, &random);
    MUST(e == 0 || e == ETIMEDOUT);
    if (e) continue;
    if (writes) {
      MUST(writers_in++ == 0 && readers_in == 0);
      count_up();
      MUST(--writers_in == 0);
    } else {
      readers_in++;
      MUST(writers_in == 0 && counter == copy_of_counter);
      if (next_random(&random) % 64 == 0) sched_yield();
      readers_in--;
    }
    pthread_rwlock_unlock(&rwlock);
  }
}

static void rwlock_case(void) {
  for (int kind = 0; kind <= PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP; kind++) {
    pthread_rwlockattr_t a;
    pthread_rwlockattr_init(&a);
    pthread_rwlockattr_setkind_np(&a, kind);
    pthread_rwlock_init(&rwlock, &a);
    counter = copy_of_counter = 0;
    in_threads(rwlock_body);
    printf("rwlock kind %d: %d\n", kind, pthread_rwlock_trywrlock(&rwlock));
    pthread_rwlock_unlock(&rwlock);
    pthread_rwlock_destroy(&rwlock);
  }
}

// ---- semaphores ----
static sem_t units, done;

static void semaphore_body(int id, long n) {
  unsigned random = id;
  for (long i = 0; i < n; i++) {
    if (id % 2) {
      sem_post(&units);
      continue;
    }
    struct timespec t = in_us(CLOCK_REALTIME, next_random(&random) % 100);
    if (next_random(&random) % 8 == 0 && sem_timedwait(&units, &t) == 0) continue;
    while (sem_wait(&units)) {}
  }
}

static void semaphore_case(void) {
  sem_init(&units, 0, 0);
  in_threads(semaphore_body);
  printf("semaphore: %d\n", *(uint64_t*)&units == 0);
}

// ---- barriers ----
static pthread_barrier_t barrier;
static long phase[64];
static atomic_long serials;

static void barrier_body(int id, long n) {
  for (long i = 0; i < n / 10; i++) {
    phase[id] = i;
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) serials++;
    MUST(phase[(id + 1) % threads] == i);
    pthread_barrier_wait(&barrier);
  }
}

static void barrier_case(void) {
  pthread_barrier_init(&barrier, NULL, threads);
  in_threads(barrier_body);
  printf("barrier: %d %d\n", serials == operations / threads / 10, pthread_barrier_destroy(&barrier));
}

// ---- spin locks ----
static pthread_spinlock_t spin;
static void spin_body(int id, long n) {
  (void)id;
  for (long i = 0; i < n; i++) {
    pthread_spin_lock(&spin);
    count_up();
    pthread_spin_unlock(&spin);
  }
}
static void spin_case(void) {
  counter = copy_of_counter = 0;
  pthread_spin_init(&spin, 0);
  in_threads(spin_body);
  printf("spin: %d\n", counter == operations / threads * threads);
}

// ---- once: threads race for each of many ----
static pthread_once_t onces[4096];
static atomic_int runs;
static void run(void) { runs++; }
static void once_body(int id, long n) {
  (void)id;
  for (long i = 0; i < n; i++) pthread_once(&onces[i % 4096], run);
}
static void once_case(void) {
  in_threads(once_body);
  printf("once: %d\n", runs == (operations / threads < 4096 ? operations / threads : 4096));
}

// ---- raw futexes: Drepper's mutex 2, and a condition that requeues ----
static long futex(uint32_t* word, int op, uint32_t value, uintptr_t timeout, uint32_t* word2, uint32_t value3) {
  return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, word2, value3);
}
static uint32_t futex_mutex, futex_sequence, futex_round;

static void futex_lock(uint32_t* word, unsigned* random) {
  uint32_t c = 0;
  if (__atomic_compare_exchange_n(word, &c, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
  while (__atomic_exchange_n(word, 2, __ATOMIC_SEQ_CST) != 0) {
    struct timespec t = {0, next_random(random) % 100000};
    futex(word, FUTEX_WAIT, 2, next_random(random) % 8 ? 0 : (uintptr_t)&t, NULL, 0);
  }
}
static void futex_unlock(uint32_t* word) {
  if (__atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST) == 2) futex(word, FUTEX_WAKE, 1, 0, NULL, 0);
}
static void futex_body(int id, long n) {
  unsigned random = id;
  for (long i = 0; i < n; i++) {
    futex_lock(&futex_mutex, &random);
    count_up();
    futex_unlock(&futex_mutex);
  }
}
// All wait for the round's last one, who wakes one and moves the others to the mutex.
static uint32_t arrived;
static void requeue_body(int id, long n) {
  unsigned random = id;
  for (long i = 0; i < n / 10; i++) {
    futex_lock(&futex_mutex, &random);
    const uint32_t round = futex_round;
    if ((int)++arrived == threads) {
      arrived = 0;
      futex_round++;
      __atomic_add_fetch(&futex_sequence, 1, __ATOMIC_SEQ_CST);
      const long moved = futex(&futex_sequence, FUTEX_CMP_REQUEUE, 1, INT_MAX, &futex_mutex, futex_sequence);
      MUST(moved >= 0 && moved < threads);
    }
    while (round == futex_round) {
      const uint32_t seen = futex_sequence;
      futex_unlock(&futex_mutex);
      futex(&futex_sequence, FUTEX_WAIT, seen, 0, NULL, 0);
      while (__atomic_exchange_n(&futex_mutex, 2, __ATOMIC_SEQ_CST) != 0) futex(&futex_mutex, FUTEX_WAIT, 2, 0, NULL, 0);
    }
    futex_unlock(&futex_mutex);
  }
}
static void futex_case(void) {
  counter = copy_of_counter = 0;
  in_threads(futex_body);
  printf("futex mutex: %d\n", counter == operations / threads * threads);
  in_threads(requeue_body);
  printf("futex requeue: %d\n", futex_round == operations / threads / 10);
}

// ---- a wake-up against a time-out, all the time ----
static void race_body(int id, long n) {
  unsigned random = id;
  for (long i = 0; i < n / 4; i++) {
    if (id % 2) {
      sem_post(&units);
      while (sem_wait(&done)) {}
    } else {
      struct timespec t = in_us(CLOCK_REALTIME, next_random(&random) % 20);
      while (sem_timedwait(&units, &t)) t = in_us(CLOCK_REALTIME, next_random(&random) % 20);
      sem_post(&done);
    }
  }
}
static void race_case(void) {
  sem_init(&units, 0, 0);
  sem_init(&done, 0, 0);
  in_threads(race_body);
  printf("race: %d %d\n", *(uint64_t*)&units == 0, *(uint64_t*)&done == 0);
}

static const struct {
  const char* name;
  void (*run)(void);
} cases[] = {{"mutex", mutex_case}, {"cond", cond_case}, {"ring", ring_case}, {"rwlock", rwlock_case},
             {"semaphore", semaphore_case}, {"barrier", barrier_case}, {"spin", spin_case}, {"once", once_case},
             {"futex", futex_case}, {"race", race_case}};

int main(int argc, char** argv) {
  if (argc > 2) {
    threads = atoi(argv[1]);
    operations = atol(argv[2]);
  }
  for (unsigned c = 0; c < sizeof cases / sizeof *cases; c++) {
    int chosen = argc <= 3;
    for (int i = 3; i < argc; i++) chosen |= !strcmp(argv[i], cases[c].name);
    if (chosen) cases[c].run();
    fflush(stdout);
  }
  return 0;
}
