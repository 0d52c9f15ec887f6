// tests/e2e/programs/threads/fork.c: fork from workers, among locks and waiters; the child makes threads of its own.
#include "helpers.h"

#include <semaphore.h>

static void* same(void* arg) { return arg; }

// What a child does that has one thread, and may have more again.
static int lives(void) {
  int sum = 0;
  pthread_t t[10];
  for (int i = 0; i < 10; i++) t[i] = start(same, number(i));
  for (int i = 0; i < 10; i++) sum += (int)number_of(finish(t[i]));
  sem_t s;
  struct timespec soon = in_millis(CLOCK_REALTIME, 2);
  sem_init(&s, 0, 0);
  if (sem_timedwait(&s, &soon) == 0 || errno != ETIMEDOUT) return 2;
  usleep(500);
  char* p = malloc(100000);
  memset(p, 1, 100000);
  free(p);
  return sum == 45 ? 11 : 3;
}

CASE(from_main) {
  pid_t pid = fork();
  if (!pid) _exit(lives());
  CHECK(ended_with(pid) == 11);
}

static void* forks(void* arg) {
  (void)arg;
  const pthread_t me = pthread_self();
  pid_t pid = fork();
  if (!pid) _exit(pthread_equal(me, pthread_self()) && gettid() == getpid() ? lives() : 4);
  return number(ended_with(pid));
}
CASE(from_a_worker) {
  for (int i = 0; i < 5; i++) CHECK(finish(start(forks, NULL)) == number(11));
}

CASE(from_many_at_once) {
  pthread_t t[10];
  for (int i = 0; i < 10; i++) t[i] = start(forks, NULL);
  for (int i = 0; i < 10; i++) CHECK(finish(t[i]) == number(11));
}

static int stop;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static void* is_busy(void* i) {
  switch (number_of(i) % 4) {
    case 0:
      while (!load(&stop)) free(malloc(100)), sched_yield();
      break;
    case 1:
      pthread_mutex_lock(&mutex);
      while (!load(&stop)) pthread_cond_wait(&cond, &mutex);
      pthread_mutex_unlock(&mutex);
      break;
    case 2:
      while (!load(&stop)) usleep(300);
      break;
    case 3:
      while (!load(&stop)) {}
  }
  return NULL;
}
CASE(among_busy_threads) {
  pthread_t t[12];
  store(&stop, 0);
  for (int i = 0; i < 12; i++) t[i] = start(is_busy, number(i));
  for (int i = 0; i < 5; i++) CHECK(finish(start(forks, NULL)) == number(11));
  pthread_mutex_lock(&mutex);
  store(&stop, 1);
  pthread_cond_broadcast(&cond);
  pthread_mutex_unlock(&mutex);
  for (int i = 0; i < 12; i++) finish(t[i]);
}

static int order;
static void prepares_second(void) { order = order * 10 + 1; }
static void prepares_first(void) { order = order * 10 + 2; }
static void in_parent_first(void) { order = order * 10 + 3; }
static void in_parent_second(void) { order = order * 10 + 4; }
static void in_child_first(void) { order = order * 10 + 5; }
static void in_child_second(void) { order = order * 10 + 6; }
static void* forks_with_handlers(void* arg) {
  (void)arg;
  order = 0;
  pid_t pid = fork();
  if (!pid) _exit(order == 2156 ? 12 : 5);
  CHECK(order == 2134);
  return number(ended_with(pid));
}
CASE(atfork_handlers_in_order) {
  pthread_atfork(prepares_second, in_parent_first, in_child_first);
  pthread_atfork(prepares_first, in_parent_second, in_child_second);
  CHECK(finish(start(forks_with_handlers, NULL)) == number(12));
  CHECK(finish(start(forks_with_handlers, NULL)) == number(12));
}

// A grandchild, from a thread of the child.
static void* forks_again(void* arg) { return forks(arg); }
static void* forks_twice(void* arg) {
  (void)arg;
  pid_t pid = fork();
  if (!pid) _exit(finish(start(forks_again, NULL)) == number(11) ? 13 : 6);
  return number(ended_with(pid));
}
CASE(grandchildren) { CHECK(finish(start(forks_twice, NULL)) == number(13)); }

static __thread int mine;
static pthread_key_t key;
static void* forks_with_its_own(void* arg) {
  (void)arg;
  mine = 21;
  pthread_setspecific(key, number(22));
  errno = 23;
  pid_t pid = fork();
  if (!pid) _exit(mine == 21 && pthread_getspecific(key) == number(22) && errno == 23 ? lives() : 7);
  return number(ended_with(pid));
}
CASE(the_child_keeps_what_is_the_thread_s) {
  pthread_key_create(&key, NULL);
  CHECK(finish(start(forks_with_its_own, NULL)) == number(11));
}

// The child's one thread ends: the process ends with it.
static void* forks_and_returns(void* link) {
  pid_t pid = fork();
  if (!pid) {
    pthread_exit(NULL);  // the last thread: exit code 0
  }
  *(int*)link = ended_with(pid);
  return NULL;
}
CASE(the_last_thread_of_a_child) {
  int code = -1;
  fflush(stdout);
  finish(start(forks_and_returns, &code));
  CHECK(code == 0);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
