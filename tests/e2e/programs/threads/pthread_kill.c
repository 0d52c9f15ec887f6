// tests/e2e/programs/threads/pthread_kill.c: signals to running, parked and blocked threads: handled there; EINTR and
// SA_RESTART.
#include "helpers.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static pthread_t handled_by;
static int handled;
static __thread volatile int mine;
static void notes(int sig) {
  (void)sig;
  handled_by = pthread_self();
  mine++;
  add(&handled, 1);
}

static int stop, started;
static void* spins(void* arg) {
  (void)arg;
  add(&started, 1);
  while (!load(&stop)) {}
  return number(mine);
}
CASE(to_a_running_one) {
  handle(SIGUSR1, notes, 0);
  pthread_t t[4];
  handled = stop = started = 0;
  for (int i = 0; i < 4; i++) t[i] = start(spins, NULL);
  await(&started, 4);
  for (int i = 0; i < 4; i++) {
    CHECK(pthread_kill(t[i], SIGUSR1) == 0);
    await(&handled, i + 1);
    CHECK(pthread_equal(handled_by, t[i]));
  }
  store(&stop, 1);
  for (int i = 0; i < 4; i++) CHECK(finish(t[i]) == number(1));
}

CASE(to_oneself_at_once) {
  handle(SIGUSR1, notes, 0);
  mine = 0;
  for (int i = 1; i <= 100; i++) {
    CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0 && mine == i);
    CHECK(raise(SIGUSR1) == 0 && mine == ++i);
  }
  CHECK(pthread_kill(pthread_self(), 0) == 0);
  CHECK(pthread_kill(pthread_self(), 99999) == EINVAL);
}

// What a signal does to a thread that is blocked in each way: whether its call returns EINTR, with SA_RESTART too.
static sem_t semaphore;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int p[2], pair[2], epoll, go_on;

enum {
  kRead,
  kRecv,
  kSem,
  kNanosleep,
  kUsleep,
  kPoll,
  kSelect,
  kEpoll,
  kPause,
  kTimedRecv,
  kSigtimedwait,
  kCond,
  kMutex,
  kWays
};
static const struct {
  const char* name;
  int restarts, never_interrupted;
} kinds[kWays] = {
    [kRead] = {"read", 1, 0},
    [kRecv] = {"recv", 1, 0},
    [kSem] = {"sem_wait", 1, 0},
    [kNanosleep] = {"nanosleep", 0, 0},
    [kUsleep] = {"usleep", 0, 0},
    [kPoll] = {"poll", 0, 0},
    [kSelect] = {"select", 0, 0},
    [kEpoll] = {"epoll_wait", 0, 0},
    [kPause] = {"pause", 0, 0},
    [kTimedRecv] = {"recv with SO_RCVTIMEO", 0, 0},
    [kSigtimedwait] = {"sigtimedwait", 0, 0},
    [kCond] = {"pthread_cond_wait", 0, 1},
    [kMutex] = {"pthread_mutex_lock", 0, 1},
};

static int interrupted_in(int way) {
  char c;
  struct pollfd one = {p[0], POLLIN, 0};
  struct timespec long_time = {100, 0};
  struct epoll_event event;
  sigset_t usr2 = set_of(SIGUSR2);
  errno = 0;
  switch (way) {
    case kRead: return read(p[0], &c, 1) == -1 && errno == EINTR;
    case kRecv: return recv(pair[0], &c, 1, 0) == -1 && errno == EINTR;
    case kSem: return sem_wait(&semaphore) == -1 && errno == EINTR;
    case kNanosleep: {
      struct timespec left = {0, 0};
      const int code = nanosleep(&long_time, &left);
      return code == -1 && errno == EINTR && left.tv_sec > 50 && left.tv_sec < 100;
    }
    case kUsleep: return usleep(100000000) == -1 && errno == EINTR;
    case kPoll: return poll(&one, 1, -1) == -1 && errno == EINTR;
    case kSelect: return select(0, NULL, NULL, NULL, NULL) == -1 && errno == EINTR;
    case kEpoll: return epoll_wait(epoll, &event, 1, -1) == -1 && errno == EINTR;
    case kPause: return pause() == -1 && errno == EINTR;
    case kTimedRecv: return recv(pair[1], &c, 1, 0) == -1 && errno == EINTR;
    case kSigtimedwait: return sigtimedwait(&usr2, NULL, &long_time) == -1 && errno == EINTR;
    case kCond:
      pthread_mutex_lock(&mutex);
      while (!load(&go_on)) MUST(pthread_cond_wait(&cond, &mutex) == 0);
      pthread_mutex_unlock(&mutex);
      return 0;
    case kMutex:
      MUST(pthread_mutex_lock(&mutex) == 0);
      pthread_mutex_unlock(&mutex);
      return 0;
  }
  return -1;
}
static int about_to_block;
static void* is_interrupted(void* way) {
  store(&about_to_block, 1);
  return number(interrupted_in((int)number_of(way)));
}

// Lets a thread go on that nothing but its own event wakes.
static void let_go(int way) {
  store(&go_on, 1);
  if (way == kRead) MUST(write(p[1], "x", 1) == 1);
  if (way == kRecv) MUST(write(pair[1], "x", 1) == 1);
  if (way == kSem) sem_post(&semaphore);
  if (way == kMutex) pthread_mutex_unlock(&mutex);
  if (way == kCond) {
    pthread_mutex_lock(&mutex);
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
  }
}

static void try_way(int way, int flags) {
  const int restarts = kinds[way].never_interrupted || (flags && kinds[way].restarts);
  handle(SIGUSR1, notes, flags);
  store(&handled, 0);
  store(&about_to_block, 0);
  store(&go_on, 0);
  if (way == kMutex) pthread_mutex_lock(&mutex);
  pthread_t t = start(is_interrupted, number(way));
  await(&about_to_block, 1);
  sleep_millis(2);
  CHECK(pthread_kill(t, SIGUSR1) == 0);
  // The handler runs at once, though what the thread waits for does not come. Signals that came before the call was
  // entered interrupt nothing: one is sent again until one does.
  await(&handled, 1);
  void* result = NULL;
  if (restarts) {
    sleep_millis(2);
    CHECK(pthread_tryjoin_np(t, NULL) == EBUSY);
    let_go(way);
    result = finish(t);
  } else {
    while (pthread_tryjoin_np(t, &result) == EBUSY) {
      sleep_millis(1);
      pthread_kill(t, SIGUSR1);
    }
  }
  if (result != number(!restarts))
    printf("%s, %s SA_RESTART: %d\n", kinds[way].name, flags ? "with" : "without", (int)number_of(result));
  CHECK(result == number(!restarts));
}
CASE(eintr_and_sa_restart) {
  struct timeval long_time = {100, 0};
  MUST(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  MUST(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof long_time) == 0);
  epoll = epoll_create1(0);
  sem_init(&semaphore, 0, 0);
  sigset_t usr2 = set_of(SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &usr2, NULL);
  for (int way = 0; way < kWays; way++) {
    try_way(way, 0);
    try_way(way, SA_RESTART);
  }
  pthread_sigmask(SIG_UNBLOCK, &usr2, NULL);
}

// A thread with its signal blocked gets it when it opens its mask.
static void* opens_later(void* arg) {
  (void)arg;
  sigset_t usr1 = set_of(SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, NULL);
  store(&started, 1);
  await(&stop, 1);
  const int before = mine;
  pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
  return number(before * 10 + mine);
}
CASE(blocked_ones_stay_pending) {
  handle(SIGUSR1, notes, 0);
  started = stop = 0;
  pthread_t t = start(opens_later, NULL);
  await(&started, 1);
  pthread_kill(t, SIGUSR1);
  pthread_kill(t, SIGUSR1);  // a standard signal: once
  store(&stop, 1);
  CHECK(finish(t) == number(1));
}

// Real-time signals queue, each with its value, in order.
static int values[16], got;
static void notes_value(int sig, siginfo_t* info, void* context) {
  (void)sig, (void)context;
  values[got++ % 16] = info->si_value.sival_int;
}
static void* takes_queued(void* arg) {
  (void)arg;
  sigset_t rt = set_of(SIGRTMIN + 2);
  pthread_sigmask(SIG_BLOCK, &rt, NULL);
  store(&started, 1);
  await(&stop, 1);
  pthread_sigmask(SIG_UNBLOCK, &rt, NULL);
  sched_yield();
  return NULL;
}
CASE(pthread_sigqueue_queues) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = notes_value;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGRTMIN + 2, &action, NULL);
  started = stop = got = 0;
  pthread_t t = start(takes_queued, NULL);
  await(&started, 1);
  for (int i = 0; i < 10; i++) {
    union sigval value = {.sival_int = i};
    CHECK(pthread_sigqueue(t, SIGRTMIN + 2, value) == 0);
  }
  store(&stop, 1);
  finish(t);
  CHECK(got == 10);
  for (int i = 0; i < 10; i++) CHECK(values[i] == i);
}

// Signals rain on threads that compute, allocate and hand a mutex about.
static long shared;
static void* works(void* arg) {
  (void)arg;
  for (int i = 0; i < 300; i++) {
    pthread_mutex_lock(&mutex);
    shared++;
    if (i % 32 == 0) sched_yield();
    pthread_mutex_unlock(&mutex);
    free(malloc(200));
  }
  add(&stop, 1);
  return NULL;
}
CASE(rain) {
  pthread_t t[8];
  handle(SIGUSR1, notes, SA_RESTART);
  shared = stop = 0;
  for (int i = 0; i < 8; i++) t[i] = start(works, NULL);
  for (int i = 0; load(&stop) < 8; i++) {
    pthread_kill(t[i % 8], SIGUSR1);
    sched_yield();
  }
  for (int i = 0; i < 8; i++) finish(t[i]);
  CHECK(shared == 2400);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
