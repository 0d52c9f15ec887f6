// tests/e2e/programs/threads/semaphore.c: unnamed, named and process-shared semaphores; try, timed, hand-over.
#include "helpers.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/mman.h>

CASE(values) {
  sem_t s;
  int value = -1;
  CHECK(sem_init(&s, 0, 2) == 0);
  CHECK(sem_wait(&s) == 0 && sem_trywait(&s) == 0);
  errno = 0;
  CHECK(sem_trywait(&s) == -1 && errno == EAGAIN);
  CHECK(sem_getvalue(&s, &value) == 0 && value == 0);
  CHECK(sem_post(&s) == 0 && sem_getvalue(&s, &value) == 0 && value == 1);
  CHECK(sem_destroy(&s) == 0);
  errno = 0;
  CHECK(sem_init(&s, 0, (unsigned)SEM_VALUE_MAX + 1) == -1 && errno == EINVAL);
  CHECK(sem_init(&s, 0, SEM_VALUE_MAX) == 0);
  errno = 0;
  CHECK(sem_post(&s) == -1 && errno == EOVERFLOW);
}

CASE(timed_waits_are_never_early) {
  sem_t s;
  sem_init(&s, 0, 0);
  for (int i = 1; i <= 10; i++) {
    struct timespec until = timespec_of(now(CLOCK_REALTIME) + i * 300000);
    errno = 0;
    CHECK(sem_timedwait(&s, &until) == -1 && errno == ETIMEDOUT && now(CLOCK_REALTIME) >= nanos(until));
    until = timespec_of(now(CLOCK_MONOTONIC) + i * 300000);
    errno = 0;
    CHECK(sem_clockwait(&s, CLOCK_MONOTONIC, &until) == -1 && errno == ETIMEDOUT &&
          now(CLOCK_MONOTONIC) >= nanos(until));
  }
  struct timespec wrong = {1, 1000000000};
  errno = 0;
  CHECK(sem_timedwait(&s, &wrong) == -1 && errno == EINVAL);
  sem_post(&s);
  struct timespec past = {1, 0};
  CHECK(sem_timedwait(&s, &past) == 0);  // there is one: nobody looks at the time
}

static sem_t ping, pong;
static void* returns_the_ball(void* n) {
  for (int i = 0; i < number_of(n); i++) {
    sem_wait(&ping);
    sem_post(&pong);
  }
  return NULL;
}
CASE(hand_over) {
  sem_init(&ping, 0, 0);
  sem_init(&pong, 0, 0);
  pthread_t t = start(returns_the_ball, number(20000));
  for (int i = 0; i < 20000; i++) {
    sem_post(&ping);
    sem_wait(&pong);
  }
  finish(t);
  int value = -1;
  CHECK(sem_getvalue(&pong, &value) == 0 && value == 0);
}

// 100 threads through a door for 3.
static sem_t door;
static int inside, most, passed;
static void* passes(void* arg) {
  (void)arg;
  for (int i = 0; i < 20; i++) {
    sem_wait(&door);
    const int there = add(&inside, 1);
    if (there > load(&most)) store(&most, there);
    sched_yield();
    add(&inside, -1);
    add(&passed, 1);
    sem_post(&door);
  }
  return NULL;
}
CASE(a_door_for_three) {
  sem_init(&door, 0, 3);
  in_threads(100, passes);
  CHECK(most >= 1 && most <= 3 && passed == 2000);
}

// Posters meet waiters with short time-outs: units are neither lost nor doubled.
static sem_t units;
static int taken;
static void* takes_units(void* arg) {
  (void)arg;
  while (load(&taken) < 400) {
    struct timespec until = timespec_of(now(CLOCK_REALTIME) + 30000);
    if (sem_timedwait(&units, &until) == 0) add(&taken, 1);
  }
  return NULL;
}
CASE(posts_against_time_outs) {
  pthread_t t[8];
  sem_init(&units, 0, 0);
  for (int i = 0; i < 8; i++) t[i] = start(takes_units, NULL);
  for (int i = 0; i < 400; i++) {
    sem_post(&units);
    if (i % 4 == 0) usleep(30);
  }
  for (int i = 0; i < 8; i++) finish(t[i]);
  int value = -1;
  CHECK(sem_getvalue(&units, &value) == 0 && value == 0 && taken == 400);
}

static void posts(int sig) {
  (void)sig;
  sem_post(&ping);
}
CASE(post_in_a_signal_handler) {
  sem_init(&ping, 0, 0);
  handle(SIGUSR1, posts, 0);
  for (int i = 0; i < 100; i++) {
    raise(SIGUSR1);
    sem_wait(&ping);
  }
}

CASE(named) {
  char name[64];
  snprintf(name, sizeof name, "/gamelan-test-%d", (int)getpid());
  sem_t* s = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
  CHECK(s != SEM_FAILED);
  CHECK(sem_open(name, O_CREAT | O_EXCL, 0600, 0) == SEM_FAILED && errno == EEXIST);
  CHECK(sem_open(name, 0) == s);  // the same one again
  pid_t pid = fork();
  if (!pid) {
    sem_t* theirs = sem_open(name, 0);
    for (int i = 0; i < 100; i++) sem_post(theirs);
    _exit(7);
  }
  for (int i = 0; i < 100; i++) CHECK(sem_wait(s) == 0);
  CHECK(ended_with(pid) == 7);
  CHECK(sem_close(s) == 0 && sem_close(s) == 0);
  CHECK(sem_unlink(name) == 0);
  CHECK(sem_open(name, 0) == SEM_FAILED && errno == ENOENT);
}

struct between {
  sem_t there, back;
  int sum;
};
static struct between* between;
static void* answers(void* n) {
  for (int i = 0; i < number_of(n); i++) {
    sem_wait(&between->there);
    __atomic_add_fetch(&between->sum, 1, __ATOMIC_SEQ_CST);
    sem_post(&between->back);
  }
  return NULL;
}
CASE(between_processes) {
  between = mmap(NULL, sizeof *between, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  sem_init(&between->there, 1, 0);
  sem_init(&between->back, 1, 0);
  pid_t pid = fork();
  if (!pid) {  // four threads of the child answer
    pthread_t t[4];
    for (int i = 0; i < 4; i++) t[i] = start(answers, number(50));
    for (int i = 0; i < 4; i++) finish(t[i]);
    _exit(8);
  }
  for (int i = 0; i < 200; i++) {
    sem_post(&between->there);
    sem_wait(&between->back);
  }
  CHECK(ended_with(pid) == 8 && between->sum == 200);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
