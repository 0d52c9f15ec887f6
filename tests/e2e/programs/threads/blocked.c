// tests/e2e/programs/threads/blocked.c [N]: N threads (220) blocked at once in eleven ways, then each let go.
//
// Says on stderr how many kernel threads there are while all are blocked: `kernel_threads K`.
#include "helpers.h"

#include <dirent.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { kRead, kRecv, kPoll, kSelect, kEpoll, kNanosleep, kSem, kRwlock, kBarrier, kAccept, kConnect, kWays };
static const char* const names[kWays] = {"read",     "recv",   "poll",    "select", "epoll_wait", "nanosleep",
                                         "sem_wait", "rwlock", "barrier", "accept", "connect"};

struct waiter {
  pthread_t thread;
  int way, fd[2];
};

static int count = 220, about_to_block, returned[kWays];
static int64_t sleep_until;
static sem_t semaphore;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static int accepting, full;  // two listeners: nobody connects to the one, the other's backlog is full

static struct sockaddr_un address_of(const char* name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "gamelan-blocked-%d-%s", (int)getpid(), name);
  return address;
}
static int listens(const char* name, int backlog) {
  struct sockaddr_un address = address_of(name);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  MUST(bind(fd, (struct sockaddr*)&address, sizeof address) == 0 && listen(fd, backlog) == 0);
  return fd;
}
static int connects(const char* name) {
  struct sockaddr_un address = address_of(name);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  MUST(fd >= 0 && connect(fd, (struct sockaddr*)&address, sizeof address) == 0);
  return fd;
}

// Returns whether the wait ended as it should.
static int wait_its_way(struct waiter* w) {
  char c = 0;
  switch (w->way) {
    case kRead: return read(w->fd[0], &c, 1) == 1 && c == 'x';
    case kRecv: return recv(w->fd[0], &c, 1, 0) == 1 && c == 'x';
    case kPoll: {
      struct pollfd one = {w->fd[0], POLLIN, 0};
      return poll(&one, 1, -1) == 1 && one.revents == POLLIN;
    }
    case kSelect: {
      fd_set set;
      FD_ZERO(&set);
      FD_SET(w->fd[0], &set);
      return select(w->fd[0] + 1, &set, NULL, NULL, NULL) == 1;
    }
    case kEpoll: {
      struct epoll_event event = {.events = EPOLLIN};
      const int epoll = epoll_create1(0);
      MUST(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, w->fd[0], &event) == 0);
      const int n = epoll_wait(epoll, &event, 1, -1);
      close(epoll);
      return n == 1;
    }
    case kNanosleep: {
      while (now(CLOCK_MONOTONIC) < __atomic_load_n(&sleep_until, __ATOMIC_SEQ_CST)) {
        struct timespec d = timespec_of(millis(200));
        nanosleep(&d, NULL);
      }
      return 1;
    }
    case kSem: return sem_wait(&semaphore) == 0;
    case kRwlock: return pthread_rwlock_rdlock(&rwlock) == 0 && pthread_rwlock_unlock(&rwlock) == 0;
    case kBarrier: {
      const int code = pthread_barrier_wait(&barrier);
      return code == 0 || code == PTHREAD_BARRIER_SERIAL_THREAD;
    }
    case kAccept: {
      const int fd = accept(accepting, NULL, NULL);
      return fd >= 0 && close(fd) == 0;
    }
    case kConnect: return close(connects("full")) == 0;
  }
  return 0;
}
static void* waits(void* arg) {
  struct waiter* w = arg;
  add(&about_to_block, 1);
  const int right = wait_its_way(w);
  if (right) add(&returned[w->way], 1);
  return NULL;
}

static void let_go(struct waiter* w) {
  switch (w->way) {
    case kRead:
    case kRecv:
    case kPoll:
    case kSelect:
    case kEpoll: MUST(write(w->fd[1], "x", 1) == 1); break;
    case kSem: sem_post(&semaphore); break;
    case kAccept: close(connects("accepting")); break;
    case kConnect: close(accept(full, NULL, NULL)); break;
    default: break;  // all at once
  }
}

static int kernel_threads(void) {
  int n = 0;
  DIR* tasks = opendir("/proc/self/task");
  for (struct dirent* entry; (entry = readdir(tasks));) n += entry->d_name[0] != '.';
  closedir(tasks);
  return n;
}

int main(int argc, char** argv) {
  if (argc > 1) count = atoi(argv[1]);
  const int of_each = count / kWays;
  count = of_each * kWays;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  struct waiter* w = calloc((size_t)count, sizeof *w);
  for (int i = 0; i < count; i++) {
    const int way = w[i].way = (i / of_each + kSelect) % kWays;  // select's descriptors first: below FD_SETSIZE
    if (way == kRead || way == kPoll || way == kSelect || way == kEpoll) MUST(pipe(w[i].fd) == 0);
    if (way == kRecv) MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, w[i].fd) == 0);
  }
  sem_init(&semaphore, 0, 0);
  pthread_barrier_init(&barrier, NULL, (unsigned)of_each + 1);
  pthread_rwlock_wrlock(&rwlock);
  accepting = listens("accepting", 1000);
  full = listens("full", 0);
  const int filler = connects("full");  // one has room behind a backlog of 0
  sleep_until = INT64_MAX;

  for (int i = 0; i < count; i++) w[i].thread = start_small(waits, &w[i]);
  await(&about_to_block, count);
  sleep_millis(count > 500 ? 1000 : 50);
  fprintf(stderr, "kernel_threads %d\n", kernel_threads());

  close(accept(full, NULL, NULL));
  close(filler);
  __atomic_store_n(&sleep_until, 0, __ATOMIC_SEQ_CST);
  pthread_rwlock_unlock(&rwlock);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < count; i++) let_go(&w[i]);
  int wrong = 0;
  for (int i = 0; i < count; i++) finish(w[i].thread);
  for (int way = 0; way < kWays; way++) {
    printf("%s: %d of %d\n", names[way], returned[way], of_each);
    wrong += returned[way] != of_each;
  }
  return wrong != 0;
}
