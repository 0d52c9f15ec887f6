// tests/e2e/programs/threads/sync_objects.c [CASE...]: pthread's and C11's objects: error codes, and the words that glibc keeps in them.
#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static struct timespec in_ms(clockid_t clock, long ms) {
  struct timespec t;
  clock_gettime(clock, &t);
  t.tv_sec += ms / 1000;
  t.tv_nsec += ms % 1000 * 1000000;
  while (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
  while (t.tv_nsec < 0) t.tv_nsec += 1000000000, t.tv_sec--;
  return t;
}

static int is_past(clockid_t clock, struct timespec t) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec > t.tv_sec || (now.tv_sec == t.tv_sec && now.tv_nsec >= t.tv_nsec);
}

static const struct timespec kBad = {0, 1000000000}, kNegative = {-1, 0}, kBadNegative = {1, -1}, kEpoch = {0, 0};

// A thread that runs `f`, waited for: what it returns.
static intptr_t elsewhere(void* (*f)(void*), void* arg) {
  pthread_t t;
  void* result;
  if (pthread_create(&t, NULL, f, arg) || pthread_join(t, &result)) abort();
  return (intptr_t)result;
}

static pthread_mutex_t mutex_of(int type, int shared, int robust) {
  pthread_mutexattr_t a;
  pthread_mutex_t m;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_settype(&a, type);
  if (shared) pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
  if (robust) pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&m, &a);
  return m;
}

static void* lock_it(void* m) { return (void*)(intptr_t)pthread_mutex_lock(m); }
static void* try_it(void* m) { return (void*)(intptr_t)pthread_mutex_trylock(m); }
static void* unlock_it(void* m) { return (void*)(intptr_t)pthread_mutex_unlock(m); }
static void* destroy_it(void* m) { return (void*)(intptr_t)pthread_mutex_destroy(m); }

CASE(mutex_words) {
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  CHECK(pthread_mutex_lock(&m) == 0);
  CHECK(m.__data.__lock == 1 && m.__data.__owner == gettid() && m.__data.__nusers == 1 && m.__data.__count == 0);
  CHECK(elsewhere(destroy_it, &m) == EBUSY);
  CHECK(pthread_mutex_unlock(&m) == 0);
  CHECK(m.__data.__lock == 0 && m.__data.__owner == 0 && m.__data.__nusers == 0);
  CHECK(pthread_mutex_destroy(&m) == 0);
}

CASE(mutex_normal) {
  for (int type = PTHREAD_MUTEX_NORMAL; type <= PTHREAD_MUTEX_ADAPTIVE_NP; type += PTHREAD_MUTEX_ADAPTIVE_NP) {
    pthread_mutex_t m = mutex_of(type, 0, 0);
    CHECK(pthread_mutex_trylock(&m) == 0);
    CHECK(pthread_mutex_trylock(&m) == EBUSY);
    CHECK(elsewhere(try_it, &m) == EBUSY);
    CHECK(elsewhere(unlock_it, &m) == 0);   // unchecked
    CHECK(pthread_mutex_lock(&m) == 0 && m.__data.__owner == gettid());
    CHECK(pthread_mutex_unlock(&m) == 0);
    CHECK(pthread_mutex_destroy(&m) == 0);
  }
}

CASE(mutex_recursive) {
  pthread_mutex_t m = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
  CHECK(pthread_mutex_unlock(&m) == EPERM);
  CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == 0 && pthread_mutex_trylock(&m) == 0);
  struct timespec t = in_ms(CLOCK_REALTIME, 10);
  CHECK(pthread_mutex_timedlock(&m, &t) == 0);
  CHECK(pthread_mutex_timedlock(&m, &kBad) == 0);   // it does not block
  CHECK(m.__data.__count == 5 && m.__data.__nusers == 1 && m.__data.__lock == 1);
  CHECK(elsewhere(unlock_it, &m) == EPERM);
  CHECK(elsewhere(try_it, &m) == EBUSY);
  m.__data.__count = UINT32_MAX;
  CHECK(pthread_mutex_lock(&m) == EAGAIN && pthread_mutex_trylock(&m) == EAGAIN && pthread_mutex_timedlock(&m, &t) == EAGAIN);
  m.__data.__count = 5;
  for (int i = 0; i < 5; i++) CHECK(pthread_mutex_unlock(&m) == 0);
  CHECK(pthread_mutex_unlock(&m) == EPERM);
  CHECK(elsewhere(lock_it, &m) == 0);
  CHECK(pthread_mutex_trylock(&m) == EBUSY);
}

CASE(mutex_errorcheck) {
  pthread_mutex_t m = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
  struct timespec t = in_ms(CLOCK_REALTIME, 10);
  CHECK(pthread_mutex_unlock(&m) == EPERM);
  CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK);
  CHECK(pthread_mutex_trylock(&m) == EBUSY);
  CHECK(pthread_mutex_timedlock(&m, &t) == EDEADLK);
  CHECK(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &t) == EDEADLK);
  CHECK(elsewhere(unlock_it, &m) == EPERM);
  CHECK(pthread_mutex_unlock(&m) == 0 && pthread_mutex_unlock(&m) == EPERM);
}

static void* timed_locks(void* arg) {
  pthread_mutex_t* m = arg;
  const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
  for (int i = 0; i < 2; i++) {
    struct timespec t = in_ms(clocks[i], 30);
    CHECK(pthread_mutex_clocklock(m, clocks[i], &t) == ETIMEDOUT);
    CHECK(is_past(clocks[i], t));
  }
  struct timespec t = in_ms(CLOCK_REALTIME, 30), past = in_ms(CLOCK_REALTIME, -10);
  CHECK(pthread_mutex_timedlock(m, &t) == ETIMEDOUT && is_past(CLOCK_REALTIME, t));
  CHECK(pthread_mutex_timedlock(m, &past) == ETIMEDOUT);
  CHECK(pthread_mutex_timedlock(m, &kEpoch) == ETIMEDOUT);
  CHECK(pthread_mutex_timedlock(m, &kNegative) == ETIMEDOUT);
  CHECK(pthread_mutex_timedlock(m, &kBad) == EINVAL && pthread_mutex_timedlock(m, &kBadNegative) == EINVAL);
  CHECK(pthread_mutex_clocklock(m, CLOCK_THREAD_CPUTIME_ID, &t) == EINVAL);
  return NULL;
}

CASE(mutex_timed) {
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  CHECK(pthread_mutex_timedlock(&m, &kBad) == 0);   // it does not block
  elsewhere(timed_locks, &m);
  CHECK(pthread_mutex_unlock(&m) == 0);
  CHECK(pthread_mutex_clocklock(&m, CLOCK_THREAD_CPUTIME_ID, &kEpoch) == EINVAL);
  CHECK(pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, &kEpoch) == 0);
  CHECK(pthread_mutex_unlock(&m) == 0 && m.__data.__lock == 0 && m.__data.__nusers == 0);
}

static void* die_with(void* m) { return (void*)(intptr_t)pthread_mutex_lock(m); }

CASE(mutex_robust) {
  for (int shared = 0; shared < 2; shared++) {
    pthread_mutex_t m = mutex_of(PTHREAD_MUTEX_ERRORCHECK, shared, 1);
    CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK && pthread_mutex_unlock(&m) == 0);
    CHECK(pthread_mutex_consistent(&m) == EINVAL);
    CHECK(elsewhere(die_with, &m) == 0);
    CHECK(pthread_mutex_lock(&m) == EOWNERDEAD);
    CHECK(pthread_mutex_consistent(&m) == 0 && pthread_mutex_unlock(&m) == 0);
    CHECK(elsewhere(die_with, &m) == 0);
    CHECK(pthread_mutex_trylock(&m) == EOWNERDEAD && pthread_mutex_unlock(&m) == 0);
    CHECK(pthread_mutex_lock(&m) == ENOTRECOVERABLE);
  }
}

CASE(mutex_priority) {
  pthread_mutexattr_t a;
  pthread_mutex_t m;
  pthread_mutexattr_init(&a);
  CHECK(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT) == 0 && pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK) == 0);
  CHECK(pthread_mutex_init(&m, &a) == 0);
  CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK);
  CHECK(elsewhere(try_it, &m) == EBUSY && elsewhere(unlock_it, &m) == EPERM);
  CHECK(pthread_mutex_unlock(&m) == 0 && pthread_mutex_unlock(&m) == EPERM);
  CHECK(elsewhere(lock_it, &m) == 0);
  pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_PROTECT);
  pthread_mutexattr_setprioceiling(&a, 10);
  int ceiling = 0;
  CHECK(pthread_mutex_init(&m, &a) == 0 && pthread_mutex_getprioceiling(&m, &ceiling) == 0 && ceiling == 10);
}

struct paired {
  pthread_mutex_t m;
  pthread_cond_t c;
  pthread_barrier_t b;
  pthread_rwlock_t rw;
  sem_t s;
  int turn;
};

CASE(process_shared) {
  struct paired* p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  p->m = mutex_of(PTHREAD_MUTEX_NORMAL, 1, 0);
  pthread_condattr_t ca;
  pthread_condattr_init(&ca);
  pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
  pthread_cond_init(&p->c, &ca);
  pthread_barrierattr_t ba;
  pthread_barrierattr_init(&ba);
  pthread_barrierattr_setpshared(&ba, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(&p->b, &ba, 2);
  pthread_rwlockattr_t ra;
  pthread_rwlockattr_init(&ra);
  pthread_rwlockattr_setpshared(&ra, PTHREAD_PROCESS_SHARED);
  pthread_rwlock_init(&p->rw, &ra);
  sem_init(&p->s, 1, 0);
  const pid_t child = fork();
  for (int i = 0; i < 200; i++) {
    pthread_mutex_lock(&p->m);
    while (p->turn % 2 != (child == 0)) pthread_cond_wait(&p->c, &p->m);
    p->turn++;
    pthread_cond_signal(&p->c);
    pthread_mutex_unlock(&p->m);
    pthread_barrier_wait(&p->b);
    pthread_rwlock_wrlock(&p->rw);
    p->turn += 2;
    pthread_rwlock_unlock(&p->rw);
    if (child) sem_post(&p->s);
    else sem_wait(&p->s);
    pthread_barrier_wait(&p->b);
  }
  if (!child) _exit(0);
  int status;
  waitpid(child, &status, 0);
  CHECK(status == 0 && p->turn == 400 + 800);
}

CASE(cond_errors) {
  pthread_cond_t c = PTHREAD_COND_INITIALIZER;
  pthread_mutex_t e = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP, r = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
  CHECK(pthread_cond_wait(&c, &e) == EPERM && pthread_cond_wait(&c, &r) == EPERM);
  CHECK(pthread_cond_signal(&c) == 0 && pthread_cond_broadcast(&c) == 0);
  pthread_mutex_lock(&e);
  CHECK(pthread_cond_timedwait(&c, &e, &kBad) == EINVAL && pthread_cond_timedwait(&c, &e, &kBadNegative) == EINVAL);
  CHECK(pthread_cond_clockwait(&c, &e, CLOCK_THREAD_CPUTIME_ID, &kEpoch) == EINVAL);
  CHECK(pthread_cond_timedwait(&c, &e, &kEpoch) == ETIMEDOUT && pthread_cond_timedwait(&c, &e, &kNegative) == ETIMEDOUT);
  const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
  for (int i = 0; i < 2; i++) {
    struct timespec t = in_ms(clocks[i], 30);
    CHECK(pthread_cond_clockwait(&c, &e, clocks[i], &t) == ETIMEDOUT && is_past(clocks[i], t));
    pthread_condattr_t a;
    pthread_cond_t of_clock;
    pthread_condattr_init(&a);
    CHECK(pthread_condattr_setclock(&a, clocks[i]) == 0);
    pthread_cond_init(&of_clock, &a);
    t = in_ms(clocks[i], 30);
    CHECK(pthread_cond_timedwait(&of_clock, &e, &t) == ETIMEDOUT && is_past(clocks[i], t));
    CHECK(pthread_cond_destroy(&of_clock) == 0);
  }
  CHECK(e.__data.__owner == gettid() && e.__data.__nusers == 1);
  CHECK(pthread_mutex_unlock(&e) == 0 && e.__data.__lock == 0 && e.__data.__nusers == 0);
  CHECK(pthread_cond_destroy(&c) == 0);
}

static struct {
  pthread_mutex_t m;
  pthread_cond_t c;
  int waiting, released, woken;
} crowd = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};

static void* wait_in_crowd(void* arg) {
  (void)arg;
  pthread_mutex_lock(&crowd.m);
  crowd.waiting++;
  while (crowd.released == 0) pthread_cond_wait(&crowd.c, &crowd.m);
  crowd.released--;
  crowd.woken++;
  pthread_mutex_unlock(&crowd.m);
  return NULL;
}

static int crowd_has(const int* number, int n) {
  for (int i = 0; i < 5000; i++) {
    pthread_mutex_lock(&crowd.m);
    const int have = *number;
    pthread_mutex_unlock(&crowd.m);
    if (have == n) return 1;
    usleep(1000);
  }
  return 0;
}

CASE(cond_wakes_as_many_as_asked) {
  enum { kThreads = 20 };
  pthread_t t[kThreads];
  for (int i = 0; i < kThreads; i++) pthread_create(&t[i], NULL, wait_in_crowd, NULL);
  CHECK(crowd_has(&crowd.waiting, kThreads));
  CHECK(elsewhere(destroy_it, &crowd.m) == EBUSY);   // the waiters are its users
  pthread_mutex_lock(&crowd.m);                      // signalled with the mutex held
  crowd.released = 3;
  for (int i = 0; i < 3; i++) pthread_cond_signal(&crowd.c);
  pthread_mutex_unlock(&crowd.m);
  CHECK(crowd_has(&crowd.woken, 3));
  pthread_mutex_lock(&crowd.m);
  crowd.released = 3;
  pthread_mutex_unlock(&crowd.m);                    // and without
  for (int i = 0; i < 3; i++) pthread_cond_signal(&crowd.c);
  CHECK(crowd_has(&crowd.woken, 6));
  pthread_mutex_lock(&crowd.m);
  crowd.released = kThreads;
  pthread_cond_broadcast(&crowd.c);
  pthread_mutex_unlock(&crowd.m);
  CHECK(crowd_has(&crowd.woken, kThreads));
  CHECK(pthread_cond_destroy(&crowd.c) == 0);
  for (int i = 0; i < kThreads; i++) pthread_join(t[i], NULL);
  CHECK(pthread_mutex_destroy(&crowd.m) == 0);
}

// POSIX lets a condition be destroyed, and its memory go, as soon as all waiters are woken.
static void* wait_once(void* arg) {
  struct paired* p = arg;
  pthread_mutex_lock(&p->m);
  p->turn++;
  pthread_cond_wait(&p->c, &p->m);
  pthread_mutex_unlock(&p->m);
  return NULL;
}

CASE(cond_destroyed_after_broadcast) {
  for (int round = 0; round < 50; round++) {
    struct paired* p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_cond_t* c = mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_t t[4];
    pthread_mutex_init(&p->m, NULL);
    pthread_cond_init(&p->c, NULL);
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, wait_once, p);
    for (int all = 0; !all; usleep(100)) {
      pthread_mutex_lock(&p->m);
      all = p->turn == 4;
      pthread_mutex_unlock(&p->m);
    }
    pthread_mutex_lock(&p->m);
    pthread_cond_broadcast(&p->c);
    pthread_mutex_unlock(&p->m);
    CHECK(pthread_cond_destroy(&p->c) == 0);
    memset(&p->c, 0xaa, sizeof p->c);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    munmap(p, sizeof *p);
    munmap(c, sizeof *c);
  }
}

CASE(rwlock_errors) {
  pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
  struct timespec t = in_ms(CLOCK_REALTIME, 20);
  CHECK(pthread_rwlock_wrlock(&rw) == 0);
  CHECK(pthread_rwlock_wrlock(&rw) == EDEADLK && pthread_rwlock_rdlock(&rw) == EDEADLK);
  CHECK(pthread_rwlock_timedwrlock(&rw, &t) == EDEADLK && pthread_rwlock_timedrdlock(&rw, &t) == EDEADLK);
  CHECK(pthread_rwlock_trywrlock(&rw) == EBUSY && pthread_rwlock_tryrdlock(&rw) == EBUSY);
  CHECK(pthread_rwlock_unlock(&rw) == 0);
  CHECK(pthread_rwlock_rdlock(&rw) == 0 && pthread_rwlock_tryrdlock(&rw) == 0 && pthread_rwlock_trywrlock(&rw) == EBUSY);
  CHECK(pthread_rwlock_timedrdlock(&rw, &kBad) == EINVAL && pthread_rwlock_timedwrlock(&rw, &kBadNegative) == EINVAL);
  CHECK(pthread_rwlock_clockrdlock(&rw, CLOCK_THREAD_CPUTIME_ID, &t) == EINVAL);
  CHECK(pthread_rwlock_clockwrlock(&rw, CLOCK_THREAD_CPUTIME_ID, &t) == EINVAL);
  const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
  for (int i = 0; i < 2; i++) {
    t = in_ms(clocks[i], 20);
    CHECK(pthread_rwlock_clockwrlock(&rw, clocks[i], &t) == ETIMEDOUT && is_past(clocks[i], t));
    CHECK(pthread_rwlock_clockrdlock(&rw, clocks[i], &t) == 0 && pthread_rwlock_unlock(&rw) == 0);
  }
  CHECK(pthread_rwlock_timedwrlock(&rw, &kNegative) == ETIMEDOUT);
  CHECK(pthread_rwlock_unlock(&rw) == 0 && pthread_rwlock_unlock(&rw) == 0);
  CHECK(pthread_rwlock_trywrlock(&rw) == 0 && pthread_rwlock_unlock(&rw) == 0 && pthread_rwlock_destroy(&rw) == 0);
}

static pthread_rwlock_t shared_rw;
static atomic_int writer_in;
static void* write_it(void* arg) {
  (void)arg;
  pthread_rwlock_wrlock(&shared_rw);
  writer_in = 1;
  pthread_rwlock_unlock(&shared_rw);
  return NULL;
}
static void* write_for_20_ms(void* arg) {
  (void)arg;
  struct timespec t = in_ms(CLOCK_REALTIME, 20);
  return (void*)(intptr_t)pthread_rwlock_timedwrlock(&shared_rw, &t);
}
static void* read_for_5_s(void* arg) {
  (void)arg;
  struct timespec t = in_ms(CLOCK_REALTIME, 5000);
  const int e = pthread_rwlock_timedrdlock(&shared_rw, &t);
  if (!e) pthread_rwlock_unlock(&shared_rw);
  return (void*)(intptr_t)e;
}

// While a reader holds the lock and a writer waits: may further readers come in?
CASE(rwlock_kinds) {
  for (int kind = PTHREAD_RWLOCK_PREFER_READER_NP; kind <= PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP; kind++) {
    pthread_rwlockattr_t a;
    pthread_rwlockattr_init(&a);
    pthread_rwlockattr_setkind_np(&a, kind);
    pthread_rwlock_init(&shared_rw, &a);
    writer_in = 0;
    pthread_t writer, reader;
    pthread_rwlock_rdlock(&shared_rw);
    pthread_create(&writer, NULL, write_it, NULL);
    usleep(50000);
    const int further = pthread_rwlock_tryrdlock(&shared_rw);
    CHECK(further == (kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP ? EBUSY : 0));
    if (!further) pthread_rwlock_unlock(&shared_rw);
    CHECK(!writer_in);
    pthread_rwlock_unlock(&shared_rw);
    pthread_join(writer, NULL);
    CHECK(writer_in);
    // A writer that gives up lets the readers in that it kept out.
    pthread_rwlock_rdlock(&shared_rw);
    pthread_create(&writer, NULL, write_for_20_ms, NULL);
    usleep(5000);
    pthread_create(&reader, NULL, read_for_5_s, NULL);
    void* result;
    pthread_join(writer, &result);
    CHECK((intptr_t)result == ETIMEDOUT);
    pthread_join(reader, &result);
    CHECK(result == NULL);
    pthread_rwlock_unlock(&shared_rw);
    CHECK(pthread_rwlock_trywrlock(&shared_rw) == 0 && pthread_rwlock_unlock(&shared_rw) == 0);
    CHECK(pthread_rwlock_destroy(&shared_rw) == 0);
  }
}

CASE(spin) {
  pthread_spinlock_t s;
  CHECK(pthread_spin_init(&s, PTHREAD_PROCESS_PRIVATE) == 0);
  CHECK(pthread_spin_lock(&s) == 0 && pthread_spin_trylock(&s) == EBUSY && pthread_spin_unlock(&s) == 0);
  CHECK(pthread_spin_trylock(&s) == 0 && pthread_spin_unlock(&s) == 0 && pthread_spin_destroy(&s) == 0);
}

static pthread_barrier_t* barrier_now;
static atomic_int serials;
static void* pass_barrier(void* arg) {
  (void)arg;
  for (int i = 0; i < 100; i++)
    if (pthread_barrier_wait(barrier_now) == PTHREAD_BARRIER_SERIAL_THREAD) serials++;
  return NULL;
}

CASE(barrier) {
  pthread_barrier_t b;
  CHECK(pthread_barrier_init(&b, NULL, 0) == EINVAL);
  CHECK(pthread_barrier_init(&b, NULL, 1) == 0);
  CHECK(pthread_barrier_wait(&b) == PTHREAD_BARRIER_SERIAL_THREAD && pthread_barrier_destroy(&b) == 0);
  barrier_now = malloc(sizeof *barrier_now);
  CHECK(pthread_barrier_init(barrier_now, NULL, 5) == 0);
  pthread_t t[4];
  for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, pass_barrier, NULL);
  pass_barrier(NULL);
  CHECK(pthread_barrier_destroy(barrier_now) == 0);   // others may not have returned yet
  memset(barrier_now, 0xaa, sizeof *barrier_now);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  CHECK(serials == 100);
  free(barrier_now);
}

static void on_signal(int sig) { (void)sig; }
static pthread_t to_signal;
static void* send_signal(void* arg) {
  usleep(50000);
  pthread_kill(to_signal, SIGUSR1);
  return arg;
}

CASE(semaphore) {
  sem_t s;
  int value;
  CHECK(sem_init(&s, 0, (unsigned)SEM_VALUE_MAX + 1) == -1 && errno == EINVAL);
  CHECK(sem_init(&s, 0, 2) == 0);
  CHECK(sem_wait(&s) == 0 && sem_trywait(&s) == 0);
  CHECK(sem_trywait(&s) == -1 && errno == EAGAIN);
  struct timespec t = in_ms(CLOCK_REALTIME, 20);
  CHECK(sem_timedwait(&s, &t) == -1 && errno == ETIMEDOUT && is_past(CLOCK_REALTIME, t));
  t = in_ms(CLOCK_MONOTONIC, 20);
  CHECK(sem_clockwait(&s, CLOCK_MONOTONIC, &t) == -1 && errno == ETIMEDOUT && is_past(CLOCK_MONOTONIC, t));
  CHECK(sem_timedwait(&s, &kNegative) == -1 && errno == ETIMEDOUT);
  CHECK(sem_post(&s) == 0 && sem_getvalue(&s, &value) == 0 && value == 1);
  CHECK(sem_timedwait(&s, &kBad) == -1 && errno == EINVAL);   // checked although it would not block
  CHECK(sem_clockwait(&s, CLOCK_THREAD_CPUTIME_ID, &t) == -1 && errno == EINVAL);
  CHECK(sem_timedwait(&s, &kEpoch) == 0);
  CHECK(*(uint64_t*)&s == 0);
  CHECK(sem_destroy(&s) == 0);
  CHECK(sem_init(&s, 0, SEM_VALUE_MAX) == 0 && sem_post(&s) == -1 && errno == EOVERFLOW);
}

CASE(semaphore_interrupted) {
  sem_t s;
  sem_init(&s, 0, 0);
  struct sigaction a = {.sa_handler = on_signal}, before;
  sigaction(SIGUSR1, &a, &before);
  to_signal = pthread_self();
  pthread_t t;
  pthread_create(&t, NULL, send_signal, NULL);
  CHECK(sem_wait(&s) == -1 && errno == EINTR);
  pthread_join(t, NULL);
  pthread_create(&t, NULL, send_signal, NULL);
  struct timespec later = in_ms(CLOCK_REALTIME, 5000);
  CHECK(sem_timedwait(&s, &later) == -1 && errno == EINTR);
  pthread_join(t, NULL);
  CHECK(*(uint64_t*)&s == 0);
  sigaction(SIGUSR1, &before, NULL);
}

static sem_t posted;
static void post_it(int sig) {
  (void)sig;
  sem_post(&posted);
}
static void* raise_it(void* arg) {
  usleep(20000);
  raise(SIGUSR2);
  return arg;
}
CASE(semaphore_posted_by_a_handler) {
  struct sigaction a = {.sa_handler = post_it, .sa_flags = SA_RESTART};
  sigaction(SIGUSR2, &a, NULL);
  sem_init(&posted, 0, 0);
  pthread_t t;
  pthread_create(&t, NULL, raise_it, NULL);
  CHECK(sem_wait(&posted) == 0);
  pthread_join(t, NULL);
}

static pthread_once_t once = PTHREAD_ONCE_INIT, forked = PTHREAD_ONCE_INIT;
static atomic_int runs;
static void slow_init(void) {
  usleep(20000);
  runs++;
}
static void* run_once(void* arg) {
  pthread_once(&once, slow_init);
  return arg;
}
CASE(once_runs_once) {
  pthread_t t[8];
  runs = 0;
  for (int i = 0; i < 8; i++) pthread_create(&t[i], NULL, run_once, NULL);
  for (int i = 0; i < 8; i++) pthread_join(t[i], NULL);
  CHECK(runs == 1 && once == 2);
}

static int held_up[2];
static void hold_up(void) {
  char c;
  if (runs++ == 0) (void)!read(held_up[0], &c, 1);
}
static void* run_forked(void* arg) {
  pthread_once(&forked, hold_up);
  return arg;
}
CASE(once_and_fork) {
  runs = 0;
  (void)!pipe(held_up);
  pthread_t t;
  pthread_create(&t, NULL, run_forked, NULL);
  while (runs == 0) usleep(1000);
  const pid_t child = fork();   // while another thread is in the routine
  if (!child) {
    pthread_once(&forked, hold_up);
    _exit(runs == 2 && (forked & 2) ? 0 : 1);
  }
  int status;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  (void)!write(held_up[1], "x", 1);
  pthread_join(t, NULL);
  CHECK(forked == 2);
}

static mtx_t c11_mutex;
static cnd_t c11_cond;
static once_flag c11_once = ONCE_FLAG_INIT;
static int c11_try(void* arg) {
  (void)arg;
  struct timespec t = in_ms(CLOCK_REALTIME, 20);
  CHECK(mtx_timedlock(&c11_mutex, &t) == thrd_timedout && is_past(CLOCK_REALTIME, t));
  CHECK(mtx_timedlock(&c11_mutex, &kBad) == thrd_error);
  return mtx_trylock(&c11_mutex);
}
static int c11_signal(void* arg) {
  (void)arg;
  mtx_lock(&c11_mutex);
  runs = 7;
  cnd_signal(&c11_cond);
  mtx_unlock(&c11_mutex);
  return 0;
}
CASE(c11) {
  thrd_t t;
  int result;
  CHECK(mtx_init(&c11_mutex, mtx_timed | mtx_recursive) == thrd_success && cnd_init(&c11_cond) == thrd_success);
  CHECK(mtx_lock(&c11_mutex) == thrd_success && mtx_lock(&c11_mutex) == thrd_success && mtx_trylock(&c11_mutex) == thrd_success);
  CHECK(thrd_create(&t, c11_try, NULL) == thrd_success && thrd_join(t, &result) == thrd_success && result == thrd_busy);
  CHECK(mtx_unlock(&c11_mutex) == thrd_success && mtx_unlock(&c11_mutex) == thrd_success);
  runs = 0;
  thrd_create(&t, c11_signal, NULL);
  while (runs != 7) CHECK(cnd_wait(&c11_cond, &c11_mutex) == thrd_success);
  thrd_join(t, NULL);
  struct timespec later = in_ms(CLOCK_REALTIME, 20);
  CHECK(cnd_timedwait(&c11_cond, &c11_mutex, &later) == thrd_timedout && is_past(CLOCK_REALTIME, later));
  CHECK(cnd_broadcast(&c11_cond) == thrd_success);
  CHECK(mtx_unlock(&c11_mutex) == thrd_success && mtx_unlock(&c11_mutex) == thrd_error);
  call_once(&c11_once, slow_init);
  call_once(&c11_once, slow_init);
  CHECK(runs == 8);
}

static void* lock_stream(void* arg) {
  flockfile(arg);
  const int busy = ftrylockfile(arg);
  funlockfile(arg);
  funlockfile(arg);
  return (void*)(intptr_t)busy;
}
CASE(stream_locks) {
  FILE* f = tmpfile();
  flockfile(f);
  flockfile(f);
  pthread_t t;
  void* result;
  pthread_create(&t, NULL, lock_stream, f);
  usleep(30000);
  fputs("held", f);
  funlockfile(f);
  funlockfile(f);
  pthread_join(t, &result);
  CHECK(result == NULL);
  fclose(f);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
