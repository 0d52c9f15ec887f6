// tests/e2e/programs/threads/mutex_shared.c: mutexes, conds and barriers between processes; robust and
// priority-inheriting ones.
#include "helpers.h"

#include <sys/mman.h>

struct shared {
  pthread_mutex_t mutex;
  pthread_cond_t cond;
  pthread_barrier_t barrier;
  pthread_rwlock_t rwlock;
  int turn, count;
};

static struct shared* make_shared(void) {
  struct shared* s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  MUST(s != MAP_FAILED);
  pthread_mutexattr_t ma;
  pthread_mutexattr_init(&ma);
  pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&s->mutex, &ma);
  pthread_condattr_t ca;
  pthread_condattr_init(&ca);
  pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
  pthread_cond_init(&s->cond, &ca);
  pthread_barrierattr_t ba;
  pthread_barrierattr_init(&ba);
  pthread_barrierattr_setpshared(&ba, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(&s->barrier, &ba, 2);
  pthread_rwlockattr_t ra;
  pthread_rwlockattr_init(&ra);
  pthread_rwlockattr_setpshared(&ra, PTHREAD_PROCESS_SHARED);
  pthread_rwlock_init(&s->rwlock, &ra);
  return s;
}

static struct shared* s;

static void* counts(void* arg) {
  (void)arg;
  for (int i = 0; i < 1000; i++) {
    pthread_mutex_lock(&s->mutex);
    int seen = s->count;
    if (i % 16 == 0) sched_yield();
    s->count = seen + 1;
    pthread_mutex_unlock(&s->mutex);
  }
  return NULL;
}
CASE(a_mutex_between_processes) {
  s = make_shared();
  pid_t pid = fork();
  in_threads(4, counts);
  if (!pid) _exit(0);
  CHECK(ended_with(pid) == 0);
  CHECK(s->count == 8000);
}

// Threads of two processes take turns by one cond.
static void take_turns(int me) {
  for (int i = 0; i < 100; i++) {
    pthread_mutex_lock(&s->mutex);
    while (s->turn != me) pthread_cond_wait(&s->cond, &s->mutex);
    s->turn = !me;
    s->count++;
    pthread_cond_signal(&s->cond);
    pthread_mutex_unlock(&s->mutex);
  }
}
static void* takes_turns(void* me) {
  take_turns((int)number_of(me));
  return NULL;
}
CASE(a_cond_between_processes) {
  s = make_shared();
  pid_t pid = fork();
  finish(start(takes_turns, number(!pid)));
  if (!pid) _exit(0);
  CHECK(ended_with(pid) == 0);
  CHECK(s->count == 200);
}

CASE(a_barrier_between_processes) {
  s = make_shared();
  pid_t pid = fork();
  int serial = 0, wrong = 0;
  for (int i = 0; i < 100; i++) {
    if (!pid) s->turn = i;
    const int first = pthread_barrier_wait(&s->barrier);
    wrong += s->turn != i;
    const int second = pthread_barrier_wait(&s->barrier);
    serial += (first == PTHREAD_BARRIER_SERIAL_THREAD) + (second == PTHREAD_BARRIER_SERIAL_THREAD);
  }
  if (!pid) _exit(wrong ? 255 : serial);
  CHECK(!wrong && ended_with(pid) + serial == 200);
}

CASE(a_rwlock_between_processes) {
  s = make_shared();
  pid_t pid = fork();
  for (int i = 0; i < 1000; i++) {
    pthread_rwlock_wrlock(&s->rwlock);
    s->count++;
    pthread_rwlock_unlock(&s->rwlock);
    pthread_rwlock_rdlock(&s->rwlock);
    MUST(s->count > i);
    pthread_rwlock_unlock(&s->rwlock);
  }
  if (!pid) _exit(0);
  CHECK(ended_with(pid) == 0);
  CHECK(s->count == 2000);
}

static void make_robust(pthread_mutex_t* m, int shared) {
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  CHECK(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) == 0);
  if (shared) pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
  CHECK(pthread_mutex_init(m, &a) == 0);
}
static void* dies_holding(void* m) {
  pthread_mutex_lock((pthread_mutex_t*)m);
  return NULL;
}
CASE(a_robust_mutex_outlives_its_thread) {
  static pthread_mutex_t m;
  make_robust(&m, 0);
  finish(start(dies_holding, &m));
  CHECK(pthread_mutex_lock(&m) == EOWNERDEAD);
  CHECK(pthread_mutex_consistent(&m) == 0);
  CHECK(pthread_mutex_unlock(&m) == 0);
  CHECK(pthread_mutex_lock(&m) == 0);
  CHECK(pthread_mutex_unlock(&m) == 0);
  finish(start(dies_holding, &m));
  CHECK(pthread_mutex_lock(&m) == EOWNERDEAD);
  CHECK(pthread_mutex_unlock(&m) == 0);  // not made consistent
  CHECK(pthread_mutex_lock(&m) == ENOTRECOVERABLE);
}

CASE(a_robust_mutex_outlives_its_process) {
  pthread_mutex_t* m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  make_robust(m, 1);
  pid_t pid = fork();
  if (!pid) {
    pthread_t t = start(dies_holding, m);
    (void)t;
    while (pthread_mutex_trylock(m) == 0) {  // until the thread has it, or has died of it
      pthread_mutex_unlock(m);
      sched_yield();
    }
    _exit(0);
  }
  CHECK(ended_with(pid) == 0);
  CHECK(pthread_mutex_lock(m) == EOWNERDEAD);
  CHECK(pthread_mutex_consistent(m) == 0 && pthread_mutex_unlock(m) == 0);
}

static pthread_mutex_t inheriting;
static int counted;
static void* counts_inheriting(void* arg) {
  (void)arg;
  for (int i = 0; i < 200; i++) {
    pthread_mutex_lock(&inheriting);
    int seen = counted;
    if (i % 16 == 0) sched_yield();
    counted = seen + 1;
    pthread_mutex_unlock(&inheriting);
  }
  return NULL;
}
CASE(priority_inheritance) {
  pthread_mutexattr_t a;
  int protocol = -1;
  pthread_mutexattr_init(&a);
  CHECK(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT) == 0);
  CHECK(pthread_mutexattr_getprotocol(&a, &protocol) == 0 && protocol == PTHREAD_PRIO_INHERIT);
  CHECK(pthread_mutex_init(&inheriting, &a) == 0);
  in_threads(8, counts_inheriting);
  CHECK(counted == 1600);
  CHECK(pthread_mutex_destroy(&inheriting) == 0);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
