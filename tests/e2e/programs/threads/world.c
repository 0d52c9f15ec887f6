// tests/e2e/programs/threads/world.c: gamelan_stop_the_world: nobody moves, nobody notices, whatever he was at.
#define _GNU_SOURCE
#include "helpers.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>

static int (*stop_world)(void);
static void (*start_world)(void);
static int done;

// Without us, and where threads are native, nothing stops, and nothing is to be seen.
static int wanted(void) {
  const char* mode = getenv("GAMELAN_THREADS");
  return ((mode && !strcmp(mode, "goroutine")) || getenv("GAMELAN_GC")) && dlsym(RTLD_DEFAULT, "gamelan_stop_the_world");
}
static void find(void) {
  stop_world = (int (*)(void))dlsym(RTLD_DEFAULT, "gamelan_stop_the_world");
  start_world = (void (*)(void))dlsym(RTLD_DEFAULT, "gamelan_start_the_world");
  store(&done, 0);
}
static void stopped(void) {
  if (stop_world && stop_world() != 0) stop_world = NULL;
}
static void goes_on(void) {
  if (stop_world) start_world();
}
static void briefly(void) {
  stopped();
  goes_on();
}
static void compute_for(double seconds) {
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  do clock_gettime(CLOCK_MONOTONIC, &b);
  while ((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec) < seconds);
}

// ---- movers, each with a counter ----
enum { kComputes, kAllocates, kSleeps, kPlaysA, kPlaysB, kWrites, kReads, kPrints, kGets, kBreeds, kMovers };
static int moves[kMovers];

static void* computes(void* arg) {
  while (!load(&done)) add(&moves[kComputes], 1);
  return arg;
}
static void* allocates(void* arg) {
  void* kept[64] = {0};
  for (unsigned i = 0; !load(&done); i++) {
    free(kept[i % 64]);
    kept[i % 64] = malloc(16 + i % 3000);
    add(&moves[kAllocates], 1);
  }
  for (int i = 0; i < 64; i++) free(kept[i]);
  return arg;
}
static void* sleeps(void* arg) {
  for (; !load(&done); add(&moves[kSleeps], 1)) MUST(usleep(300) == 0);
  return arg;
}
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long turn;
static void* plays(void* me) {
  pthread_mutex_lock(&lock);
  while (!load(&done)) {
    if (turn % 2 != number_of(me)) {
      pthread_cond_wait(&changed, &lock);
      continue;
    }
    turn++;
    add(&moves[kPlaysA + number_of(me)], 1);
    pthread_cond_signal(&changed);
  }
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return NULL;
}
static int bytes[2], lines[2];
static void* writes(void* arg) {
  for (; !load(&done); add(&moves[kWrites], 1)) MUST(write(bytes[1], "x", 1) == 1);
  close(bytes[1]);
  return arg;
}
static void* reads(void* arg) {
  char c;
  for (long n; (n = read(bytes[0], &c, 1)) != 0; add(&moves[kReads], 1)) MUST(n == 1);
  return arg;
}
// Through libc's streams, whose waiting in the kernel nobody announces.
static void* prints(void* arg) {
  FILE* f = fdopen(lines[1], "w");
  for (; !load(&done); add(&moves[kPrints], 1)) {
    MUST(fprintf(f, "line\n") == 5 && fflush(f) == 0);
    usleep(200);
  }
  fclose(f);
  return arg;
}
static void* gets_lines(void* arg) {
  FILE* f = fdopen(lines[0], "r");
  char line[16];
  for (; fgets(line, sizeof line, f); add(&moves[kGets], 1)) MUST(!strcmp(line, "line\n"));
  MUST(feof(f));
  fclose(f);
  return arg;
}
static void* nothing(void* arg) { return arg; }
static void* breeds(void* arg) {
  for (; !load(&done); add(&moves[kBreeds], 1)) finish(start(nothing, NULL));
  return arg;
}

CASE(nobody_moves) {
  find();
  MUST(pipe(bytes) == 0 && pipe(lines) == 0);
  turn = 0;
  const pthread_t t[] = {start(computes, 0), start(allocates, 0), start(sleeps, 0), start(plays, number(0)), start(plays, number(1)),
                         start(writes, 0), start(reads, 0), start(prints, 0), start(gets_lines, 0), start(breeds, 0)};
  unsigned seed = 7;
  int moved = 0;
  for (int i = 0; i < 40; i++) {
    int before[kMovers];
    stopped();
    memcpy(before, moves, sizeof before);
    compute_for(0.0003);
    if (stop_world) moved += memcmp(before, moves, sizeof before) != 0;
    goes_on();
    seed = seed * 1664525 + 1013904223;
    usleep(seed >> 21);
  }
  CHECK(moved == 0 && (stop_world || !wanted()));
  for (int i = 0; i < kMovers; i++)  // and all of them go on
    for (int was = load(&moves[i]), n = 0; load(&moves[i]) == was; n++) {
      MUST(n < 20000);
      usleep(1000);
    }
  store(&done, 1);
  pthread_cond_broadcast(&changed);
  for (int i = 0; i < kMovers; i++) finish(t[i]);
  close(bytes[0]);
}

// ---- nobody notices ----
static int ends[2];
static sem_t sem;
static int wrong, over;
static void* in_read(void* arg) {
  char c;
  if (read(ends[0], &c, 1) != 0) add(&wrong, 1);
  return arg;
}
static void* in_poll(void* arg) {
  struct pollfd p = {ends[0], POLLIN, 0};
  if (poll(&p, 1, 60000) != 1) add(&wrong, 1);
  return arg;
}
static void* in_epoll(void* arg) {
  struct epoll_event e = {EPOLLIN, {0}};
  const int ep = epoll_create1(0);
  MUST(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &e) == 0);
  if (epoll_wait(ep, &e, 1, 60000) != 1) add(&wrong, 1);
  close(ep);
  return arg;
}
static void* in_sem(void* arg) {
  if (sem_wait(&sem) != 0) add(&wrong, 1);
  return arg;
}
static void* in_timed_sem(void* arg) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_sec += 60;
  if (sem_timedwait(&sem, &t) != 0) add(&wrong, 1);
  return arg;
}
static void* in_sleep(void* arg) {
  struct timespec t = {0, 2000000};
  while (!load(&over))
    if (nanosleep(&t, NULL) != 0) add(&wrong, 1);
  return arg;
}
static void* in_wait(void* arg) {
  const pid_t child = fork();
  if (child == 0) {
    usleep(150000);
    _exit(3);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 3) add(&wrong, 1);
  return arg;
}
CASE(no_call_is_interrupted) {
  find();
  MUST(pipe(ends) == 0 && sem_init(&sem, 0, 0) == 0);
  store(&wrong, 0), store(&over, 0);
  const pthread_t t[] = {start(in_read, 0), start(in_poll, 0), start(in_epoll, 0), start(in_sem, 0), start(in_timed_sem, 0), start(in_sleep, 0), start(in_wait, 0)};
  usleep(20000);
  for (int i = 0; i < 100; i++) {
    briefly();
    usleep(1000);
  }
  const int early = load(&wrong);
  CHECK(early == 0);
  close(ends[1]);
  sem_post(&sem), sem_post(&sem);
  store(&over, 1);
  for (unsigned i = 0; i < sizeof t / sizeof *t; i++) finish(t[i]);
  CHECK(load(&wrong) == 0);
  close(ends[0]);
}

// ---- everybody at once ----
static int stops;
static void* stops_it(void* arg) {
  for (int i = 0; i < 60; i++) {
    stopped();
    const int n = stops;  // nobody else writes
    compute_for(0.00002);
    stops = n + 1;
    goes_on();
  }
  return arg;
}
CASE(many_stop_it) {
  pthread_t t[4];
  find();
  stops = 0;
  const pthread_t other = start(allocates, NULL);
  for (int i = 0; i < 4; i++) t[i] = start(stops_it, NULL);
  for (int i = 0; i < 4; i++) finish(t[i]);
  store(&done, 1);
  finish(other);
  CHECK(stops == 240 || !stop_world);
}

static void* forks(void* arg) {
  for (int i = 0; i < 30; i++) {
    const pid_t child = fork();
    if (child == 0) {
      briefly();
      finish(start(nothing, NULL));
      briefly();
      _exit(stop_world || !wanted() ? 5 : 6);
    }
    int status = 0;
    MUST(waitpid(child, &status, 0) == child);
    MUST(WIFEXITED(status) && WEXITSTATUS(status) == 5);
  }
  store(&done, 1);
  return arg;
}
CASE(children_have_a_world_of_their_own) {
  find();
  const pthread_t t = start(forks, NULL), other = start(allocates, NULL);
  while (!load(&done)) {
    briefly();
    usleep(500);
  }
  finish(t), finish(other);
}

static int handled;
static void on_signal(int s) {
  (void)s;
  add(&handled, 1);
}
static void* works(void* arg) {
  while (!load(&done)) usleep(100);
  return arg;
}
CASE(signals_are_not_lost) {
  find();
  struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  MUST(sigaction(SIGUSR1, &a, NULL) == 0);
  store(&handled, 0);
  const pthread_t t[] = {start(works, NULL), start(allocates, NULL), start(computes, NULL)};
  for (int i = 0; i < 36; i++) {
    stopped();
    pthread_kill(t[i % 3], SIGUSR1);
    goes_on();
    for (int n = 0; load(&handled) != i + 1; n++) {
      MUST(n < 20000);
      usleep(1000);
    }
  }
  store(&done, 1);
  for (int i = 0; i < 3; i++) finish(t[i]);
  CHECK(load(&handled) == 36);
}

// A thread of which nobody has told us: libc makes it, in its own text, for each expiry.
static int expiries;
static void on_expiry(union sigval v) {
  (void)v;
  add(&expiries, 1);
}
CASE(threads_of_libc) {
  find();
  timer_t timer;
  struct sigevent e = {.sigev_notify = SIGEV_THREAD};
  e.sigev_notify_function = on_expiry;
  MUST(timer_create(CLOCK_MONOTONIC, &e, &timer) == 0);
  const struct itimerspec every = {{0, 1000000}, {0, 1000000}};
  MUST(timer_settime(timer, 0, &every, NULL) == 0);
  const pthread_t other = start(allocates, NULL);
  for (int i = 0; i < 20; i++) {
    briefly();
    usleep(1500);
  }
  CHECK(stop_world || !wanted());
  MUST(timer_delete(timer) == 0);
  usleep(20000);
  CHECK(load(&expiries) > 0);
  store(&done, 1);
  finish(other);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
