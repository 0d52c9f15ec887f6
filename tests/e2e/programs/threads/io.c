// tests/e2e/programs/threads/io.c: blocking calls, their results and errno, each from a thread: the same with and without us.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { kSoon = 20 };  // ms: how much later the other thread acts

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}
static void nap(int ms) { usleep(ms * 1000); }

// Runs `f` on a thread of its own.
static pthread_t go(void* (*f)(void*), void* arg) {
  pthread_t t;
  if (pthread_create(&t, NULL, f, arg)) abort();
  return t;
}
static void in_thread(void* (*f)(void*)) { pthread_join(go(f, NULL), NULL); }

// A body that runs on a thread: blocking calls on the first thread say little.
#define THREAD_CASE(name)                                  \
  static void name##_body(void);                           \
  static void* name##_start(void* unused) {                \
    name##_body();                                         \
    return unused;                                         \
  }                                                        \
  CASE(name) { in_thread(name##_start); }                  \
  static void name##_body(void)

struct later {
  int fd;
  const char* data;
  size_t size;
  int then_close;
};
static void* write_later(void* arg) {
  struct later* l = arg;
  nap(kSoon);
  if (l->size && write(l->fd, l->data, l->size) != (ssize_t)l->size) abort();
  if (l->then_close) close(l->fd);
  return NULL;
}

static int listener(struct sockaddr_in* at, int backlog) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  socklen_t n = sizeof *at;
  memset(at, 0, sizeof *at);
  at->sin_family = AF_INET;
  at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr*)at, n) || listen(fd, backlog) || getsockname(fd, (struct sockaddr*)at, &n)) abort();
  return fd;
}

THREAD_CASE(read_waits_for_a_pipe) {
  int p[2];
  char b[16] = "";
  CHECK(!pipe(p));
  struct later l = {p[1], "hello", 5, 0};
  pthread_t t = go(write_later, &l);
  const double begin = now_ms();
  errno = 77;
  CHECK(read(p[0], b, sizeof b) == 5 && !memcmp(b, "hello", 5));
  CHECK(errno == 77 && now_ms() - begin >= kSoon - 1);
  pthread_join(t, NULL);
  l = (struct later){p[1], "", 0, 1};
  t = go(write_later, &l);
  CHECK(read(p[0], b, sizeof b) == 0);
  pthread_join(t, NULL);
  CHECK(read(p[0], b, sizeof b) == 0);
  close(p[0]);
  CHECK(read(p[0], b, 1) == -1 && errno == EBADF);
}

THREAD_CASE(readv_waits) {
  int p[2];
  char a[3], b[9] = "";
  CHECK(!pipe(p));
  struct later l = {p[1], "abcdef", 6, 0};
  pthread_t t = go(write_later, &l);
  struct iovec v[2] = {{a, 3}, {b, 8}};
  volatile int none = -1, too_many = IOV_MAX + 1;
  CHECK(readv(p[0], v, 2) == 6 && !memcmp(a, "abc", 3) && !memcmp(b, "def", 3));
  pthread_join(t, NULL);
  CHECK(readv(p[0], v, none) == -1 && errno == EINVAL);
  CHECK(readv(p[0], v, too_many) == -1 && errno == EINVAL);
  close(p[0]), close(p[1]);
}

static void* drain_later(void* arg) {
  const int fd = *(int*)arg;
  char b[4096];
  size_t* total = calloc(1, sizeof *total);
  ssize_t n;
  nap(kSoon);
  while ((n = read(fd, b, sizeof b)) > 0) *total += (size_t)n;
  return total;
}

static size_t drained(pthread_t t) {
  void* total;
  pthread_join(t, &total);
  const size_t n = *(size_t*)total;
  free(total);
  return n;
}

// One call on a blocking descriptor takes everything.
static void write_all(int from, int to, int how) {
  const size_t size = 3 << 20;
  char* data = calloc(1, size);
  pthread_t t = go(drain_later, &to);
  struct iovec v[3] = {{data, 1000}, {data, size / 2}, {data, size - size / 2 - 1000}};
  struct msghdr m = {.msg_iov = v, .msg_iovlen = 3};
  ssize_t n = how == 0 ? write(from, data, size) : how == 1 ? writev(from, v, 3) : how == 2 ? send(from, data, size, 0)
                                                                                          : sendmsg(from, &m, 0);
  CHECK(n == (ssize_t)size);
  close(from);
  CHECK(drained(t) == size);
  close(to);
  free(data);
}

THREAD_CASE(a_pipe_takes_all) {
  for (int how = 0; how < 2; how++) {
    int p[2];
    CHECK(!pipe(p));
    write_all(p[1], p[0], how);
  }
}

THREAD_CASE(a_stream_takes_all) {
  for (int how = 0; how < 4; how++) {
    int s[2];
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    write_all(s[1], s[0], how);
  }
}

THREAD_CASE(tcp_takes_all) {
  for (int how = 0; how < 4; how++) {
    struct sockaddr_in at;
    int l = listener(&at, 1), c = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(!connect(c, (struct sockaddr*)&at, sizeof at));
    int s = accept(l, NULL, NULL);
    write_all(s, c, how);
    close(l);
  }
}

THREAD_CASE(nonblocking_stays_nonblocking) {
  int p[2], s[2];
  char b[8];
  static char big[1 << 20];
  CHECK(!pipe2(p, O_NONBLOCK) && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
  CHECK(read(p[0], b, 8) == -1 && errno == EAGAIN);
  CHECK(read(s[0], b, 8) == -1 && errno == EAGAIN);
  CHECK(recv(s[0], b, 8, 0) == -1 && errno == EAGAIN);
  CHECK(write(p[1], big, sizeof big) == 65536);
  CHECK(write(p[1], big, 1) == -1 && errno == EAGAIN);
  ssize_t n = send(s[0], big, sizeof big, 0);
  CHECK(n > 0 && n < (ssize_t)sizeof big);
  CHECK(send(s[0], big, 1, 0) == -1 && errno == EAGAIN);
  CHECK(accept(s[0], NULL, NULL) == -1 && (errno == EINVAL || errno == EOPNOTSUPP));
  struct sockaddr_in at;
  int l = listener(&at, 1);
  fcntl(l, F_SETFL, O_NONBLOCK);
  CHECK(accept(l, NULL, NULL) == -1 && errno == EAGAIN);
  CHECK((fcntl(l, F_GETFL) & O_NONBLOCK) && !(fcntl(0, F_GETFL) & O_NONBLOCK));
  close(l), close(p[0]), close(p[1]), close(s[0]), close(s[1]);
}

THREAD_CASE(dontwait_and_its_like) {
  int s[2];
  char b[8];
  CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  CHECK(recv(s[0], b, 8, MSG_DONTWAIT) == -1 && errno == EAGAIN);
  int u = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(recv(u, b, 8, MSG_ERRQUEUE) == -1 && errno == EAGAIN);
  CHECK(recv(0x7ffffff, b, 8, 0) == -1 && errno == EBADF);
  int f = open("/dev/null", O_RDWR);
  CHECK(recv(f, b, 8, 0) == -1 && errno == ENOTSOCK);
  CHECK(send(f, b, 8, 0) == -1 && errno == ENOTSOCK);
  CHECK(accept(f, NULL, NULL) == -1 && errno == ENOTSOCK);
  CHECK(accept(u, NULL, NULL) == -1 && errno == EOPNOTSUPP);
  close(u), close(f), close(s[0]), close(s[1]);
}

THREAD_CASE(waitall_waits_for_all) {
  int s[2];
  char b[8] = "";
  CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  CHECK(write(s[1], "ab", 2) == 2);
  struct later l = {s[1], "cd", 2, 0};
  pthread_t t = go(write_later, &l);
  CHECK(recv(s[0], b, 4, MSG_WAITALL) == 4 && !memcmp(b, "abcd", 4));
  pthread_join(t, NULL);
  CHECK(write(s[1], "ef", 2) == 2);
  l = (struct later){s[1], "g", 1, 1};
  t = go(write_later, &l);
  CHECK(recv(s[0], b, 8, MSG_WAITALL) == 3);
  CHECK(recv(s[0], b, 8, MSG_WAITALL) == 0);
  pthread_join(t, NULL);
  close(s[0]);
}

THREAD_CASE(peek_leaves_it) {
  int s[2];
  char b[8] = "";
  CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  struct later l = {s[1], "xyz", 3, 0};
  pthread_t t = go(write_later, &l);
  CHECK(recv(s[0], b, 8, MSG_PEEK) == 3);
  CHECK(recv(s[0], b, 8, 0) == 3 && !memcmp(b, "xyz", 3));
  pthread_join(t, NULL);
  close(s[0]), close(s[1]);
}

THREAD_CASE(seqpacket_and_datagrams_keep_their_bounds) {
  int type[] = {SOCK_SEQPACKET, SOCK_DGRAM};
  for (int i = 0; i < 2; i++) {
    int s[2];
    char b[16];
    CHECK(!socketpair(AF_UNIX, type[i], 0, s));
    CHECK(write(s[0], "one", 3) == 3 && write(s[0], "three", 5) == 5);
    struct iovec v = {b, 16};
    CHECK(read(s[1], b, 2) == 2 && readv(s[1], &v, 1) == 5);
    struct later l = {s[0], "late", 4, 0};
    pthread_t t = go(write_later, &l);
    CHECK(recvfrom(s[1], b, 16, 0, NULL, NULL) == 4);
    pthread_join(t, NULL);
    close(s[0]), close(s[1]);
  }
}

THREAD_CASE(messages_with_descriptors) {
  int s[2], p[2], got = -1;
  char b[4], control[CMSG_SPACE(sizeof(int))];
  CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s) && !pipe(p));
  struct iovec v = {b, 4};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &p[1], sizeof(int));
  CHECK(sendmsg(s[0], &m, 0) == 4);
  memset(control, 0, sizeof control);
  m.msg_controllen = sizeof control;
  CHECK(recvmsg(s[1], &m, 0) == 4 && (c = CMSG_FIRSTHDR(&m)));
  if (c) memcpy(&got, CMSG_DATA(c), sizeof got);
  CHECK(write(got, "q", 1) == 1 && read(p[0], b, 4) == 1 && b[0] == 'q');
  close(got), close(p[0]), close(p[1]), close(s[0]), close(s[1]);
}

THREAD_CASE(many_messages) {
  int s[2];
  CHECK(!socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
  char b[4][8];
  struct iovec v[4];
  struct mmsghdr m[4] = {0};
  for (int i = 0; i < 4; i++) v[i] = (struct iovec){b[i], 8}, m[i].msg_hdr.msg_iov = &v[i], m[i].msg_hdr.msg_iovlen = 1;
  CHECK(sendmmsg(s[0], m, 2, 0) == 2);
  CHECK(recvmmsg(s[1], m, 4, MSG_WAITFORONE, NULL) == 2);
  CHECK(sendmmsg(s[0], m, 3, 0) == 3);
  struct later l = {s[0], "late", 4, 0};
  pthread_t t = go(write_later, &l);
  CHECK(recvmmsg(s[1], m, 4, 0, NULL) == 4 && m[3].msg_len == 4);
  pthread_join(t, NULL);
  CHECK(recvmmsg(s[1], m, 4, MSG_DONTWAIT, NULL) == -1 && errno == EAGAIN);
  close(s[0]), close(s[1]);
}

THREAD_CASE(time_outs_of_sockets) {
  int s[2];
  char b[8];
  static char big[1 << 20];
  CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  struct timeval t = {0, 30000};
  CHECK(!setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) && !setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t));
  double begin = now_ms();
  CHECK(recv(s[0], b, 8, 0) == -1 && errno == EAGAIN);
  CHECK(now_ms() - begin >= 29);
  begin = now_ms();
  CHECK(read(s[0], b, 8) == -1 && errno == EAGAIN);
  CHECK(now_ms() - begin >= 29);
  ssize_t n = send(s[0], big, sizeof big, 0);
  CHECK(n > 0 && n < (ssize_t)sizeof big);
  CHECK(send(s[0], big, 100, 0) == -1 && errno == EAGAIN);
  close(s[0]), close(s[1]);
  struct sockaddr_in at;
  int l = listener(&at, 1);
  setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  begin = now_ms();
  CHECK(accept(l, NULL, NULL) == -1 && errno == EAGAIN);
  CHECK(now_ms() - begin >= 29);
  close(l);
}

static void* connect_later(void* arg) {
  nap(kSoon);
  int c = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c, arg, sizeof(struct sockaddr_in))) abort();
  return (void*)(intptr_t)c;
}

THREAD_CASE(accept_waits) {
  struct sockaddr_in at, peer;
  socklen_t n = sizeof peer;
  int l = listener(&at, 5);
  void* c;
  pthread_t t = go(connect_later, &at);
  int s = accept4(l, (struct sockaddr*)&peer, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
  CHECK(s >= 0 && n == sizeof peer && peer.sin_family == AF_INET);
  CHECK((fcntl(s, F_GETFL) & O_NONBLOCK) && (fcntl(s, F_GETFD) & FD_CLOEXEC));
  pthread_join(t, &c);
  close((int)(intptr_t)c), close(s), close(l);
  CHECK(accept(l, NULL, NULL) == -1 && errno == EBADF);
}

static void* shutdown_later(void* arg) {
  nap(kSoon);
  shutdown(*(int*)arg, SHUT_RDWR);
  return NULL;
}

THREAD_CASE(shutdown_ends_waits) {
  struct sockaddr_in at;
  int l = listener(&at, 5), s[2];
  char b[8];
  pthread_t t = go(shutdown_later, &l);
  CHECK(accept(l, NULL, NULL) == -1 && errno == EINVAL);
  pthread_join(t, NULL);
  close(l);
  CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  t = go(shutdown_later, &s[0]);
  CHECK(recv(s[0], b, 8, 0) == 0);
  pthread_join(t, NULL);
  close(s[0]), close(s[1]);
}

THREAD_CASE(connect_results) {
  struct sockaddr_in at;
  int l = listener(&at, 5), c = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(!connect(c, (struct sockaddr*)&at, sizeof at));
  CHECK(connect(c, (struct sockaddr*)&at, sizeof at) == -1 && errno == EISCONN);
  close(c), close(l);
  c = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(c, (struct sockaddr*)&at, sizeof at) == -1 && errno == ECONNREFUSED);
  close(c);
  struct sockaddr_un u = {AF_UNIX, "/nowhere/at/all"};
  c = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(connect(c, (struct sockaddr*)&u, sizeof u) == -1 && errno == ENOENT);
  close(c);
  c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  l = listener(&at, 5);
  int r = connect(c, (struct sockaddr*)&at, sizeof at);
  CHECK(r == 0 || errno == EINPROGRESS);
  close(c), close(l);
}

// More than may block in connect at once, at a queue that is full until somebody accepts.
enum { kConnectors = 40 };
static struct sockaddr_un local_at;
static struct sockaddr_in tcp_at;
static void* connect_local(void* unused) {
  (void)unused;
  int c = socket(AF_UNIX, SOCK_STREAM, 0);
  int r = connect(c, (struct sockaddr*)&local_at, sizeof local_at);
  if (r) perror("connect");
  char b = 'x';
  if (write(c, &b, 1) != 1) perror("write");
  close(c);
  return (void*)(intptr_t)r;
}
static void* connect_tcp(void* unused) {
  struct timeval t = {0, 100000};
  int c = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
  const double begin = now_ms();
  int r = connect(c, (struct sockaddr*)&tcp_at, sizeof tcp_at);
  CHECK(r == -1 && errno == EINPROGRESS && now_ms() - begin >= 95);
  memset(&t, 0, sizeof t);
  socklen_t n = sizeof t;
  CHECK(!getsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &t, &n) && t.tv_sec == 0 && t.tv_usec == 100000);
  close(c);
  return unused;
}
static void accept_all(int l, void* (*connector)(void*)) {
  pthread_t t[kConnectors];
  for (int i = 0; i < kConnectors; i++) t[i] = go(connector, NULL);
  nap(50);
  for (int i = 0; i < kConnectors; i++) {
    char b = 0;
    int s = accept(l, NULL, NULL);
    CHECK(s >= 0 && read(s, &b, 1) == 1 && b == 'x');
    close(s);
  }
  for (int i = 0; i < kConnectors; i++) {
    void* r;
    pthread_join(t[i], &r);
    CHECK(r == NULL);
  }
  close(l);
}

THREAD_CASE(many_connect_to_a_full_local_queue) {
  int l = socket(AF_UNIX, SOCK_STREAM, 0);
  local_at = (struct sockaddr_un){AF_UNIX, ""};
  sprintf(local_at.sun_path + 1, "gamelan-io-%d", getpid());
  CHECK(!bind(l, (struct sockaddr*)&local_at, sizeof local_at) && !listen(l, 1));
  accept_all(l, connect_local);
}

THREAD_CASE(many_connect_to_a_full_tcp_queue) {
  int l = listener(&tcp_at, 0), filler[8];
  for (int i = 0; i < 8; i++) {
    filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(filler[i], (struct sockaddr*)&tcp_at, sizeof tcp_at);
  }
  pthread_t t[kConnectors];
  for (int i = 0; i < kConnectors; i++) t[i] = go(connect_tcp, NULL);
  for (int i = 0; i < kConnectors; i++) pthread_join(t[i], NULL);
  for (int i = 0; i < 8; i++) close(filler[i]);
  close(l);
}

static int taken;
static void* take_one(void* arg) {
  char b;
  if (read(*(int*)arg, &b, 1) == 1) __atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

// Each byte wakes one reader, and none is left behind.
THREAD_CASE(hundred_readers_of_one_pipe) {
  int p[2];
  pthread_t t[100];
  CHECK(!pipe(p));
  taken = 0;
  for (int i = 0; i < 100; i++) t[i] = go(take_one, &p[0]);
  nap(30);
  for (int i = 0; i < 50; i++) CHECK(write(p[1], "x", 1) == 1);
  char rest[50] = "";
  CHECK(write(p[1], rest, 50) == 50);
  for (int i = 0; i < 100; i++) pthread_join(t[i], NULL);
  CHECK(taken == 100);
  close(p[0]), close(p[1]);
}

static void* accept_one(void* arg) {
  int s = accept(*(int*)arg, NULL, NULL);
  if (s >= 0) close(s), __atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

THREAD_CASE(hundred_acceptors_of_one_socket) {
  struct sockaddr_in at;
  int l = listener(&at, 128);
  pthread_t t[100];
  taken = 0;
  for (int i = 0; i < 100; i++) t[i] = go(accept_one, &l);
  for (int i = 0; i < 100; i++) {
    int c = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(!connect(c, (struct sockaddr*)&at, sizeof at));
    close(c);
  }
  for (int i = 0; i < 100; i++) pthread_join(t[i], NULL);
  CHECK(taken == 100);
  close(l);
}

struct both {
  int fd, errors;
};
static void* echo_back(void* arg) {
  struct both* b = arg;
  char c;
  for (int i = 0; i < 2000; i++)
    if (read(b->fd, &c, 1) != 1 || c != (char)i || write(b->fd, &c, 1) != 1) b->errors++;
  return NULL;
}

THREAD_CASE(ping_pong) {
  enum { kPairs = 8 };
  int s[kPairs][2];
  struct both other[kPairs];
  pthread_t t[kPairs];
  for (int i = 0; i < kPairs; i++) {
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s[i]));
    other[i] = (struct both){s[i][1], 0};
    t[i] = go(echo_back, &other[i]);
  }
  int wrong = 0;
  for (int n = 0; n < 2000; n++) {
    char c = (char)n;
    for (int i = 0; i < kPairs; i++) wrong += write(s[i][0], &c, 1) != 1;
    for (int i = 0; i < kPairs; i++) wrong += read(s[i][0], &c, 1) != 1 || c != (char)n;
  }
  for (int i = 0; i < kPairs; i++) {
    pthread_join(t[i], NULL);
    wrong += other[i].errors;
    close(s[i][0]), close(s[i][1]);
  }
  CHECK(wrong == 0);
}

// Readers and a writer of one descriptor at once: both directions.
static void* fill_it(void* arg) {
  static char big[1 << 20];
  return (void*)(intptr_t)(write(*(int*)arg, big, sizeof big) == sizeof big);
}
THREAD_CASE(both_directions_of_one_socket) {
  int s[2];
  CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  taken = 0;
  pthread_t r = go(take_one, &s[0]), w = go(fill_it, &s[0]);
  void* ok;
  nap(kSoon);
  CHECK(write(s[1], "x", 1) == 1);
  pthread_join(r, NULL);
  CHECK(taken == 1);
  static char b[65536];
  for (size_t n = 0; n < 1 << 20;) {
    ssize_t got = read(s[1], b, sizeof b);
    if (got <= 0) break;
    n += (size_t)got;
  }
  pthread_join(w, &ok);
  CHECK(ok != NULL);
  close(s[0]), close(s[1]);
}

THREAD_CASE(broken_pipe) {
  int p[2], s[2];
  signal(SIGPIPE, SIG_IGN);
  CHECK(!pipe(p) && !socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  close(p[0]), close(s[0]);
  CHECK(write(p[1], "x", 1) == -1 && errno == EPIPE);
  CHECK(write(s[1], "x", 1) == -1 && errno == EPIPE);
  CHECK(send(s[1], "x", 1, 0) == -1 && errno == EPIPE);
  close(p[1]), close(s[1]);
}

THREAD_CASE(other_kinds) {
  uint64_t v = 3;
  int e = eventfd(0, EFD_SEMAPHORE);
  struct later l = {e, (char*)&v, 8, 0};
  pthread_t t = go(write_later, &l);
  CHECK(read(e, &v, 8) == 8 && v == 1);
  pthread_join(t, NULL);
  close(e);
  int f = timerfd_create(CLOCK_MONOTONIC, 0);
  struct itimerspec it = {{0, 0}, {0, 20000000}};
  timerfd_settime(f, 0, &it, NULL);
  CHECK(read(f, &v, 8) == 8 && v == 1);
  close(f);
  char name[] = "/tmp/gamelan-io-test", b[4096];
  int i = inotify_init();
  CHECK(inotify_add_watch(i, "/tmp", IN_CREATE) >= 0);
  close(open(name, O_CREAT | O_RDWR, 0600));
  CHECK(read(i, b, sizeof b) > 0);
  close(i);
  int file = open(name, O_RDWR);
  CHECK(write(file, "content", 7) == 7 && lseek(file, 0, SEEK_SET) == 0 && read(file, b, 100) == 7 && read(file, b, 100) == 0);
  CHECK(pread(file, b, 3, 4) == 3 && pwrite(file, "X", 1, 0) == 1);
  struct iovec two[2] = {{b, 1}, {b + 1, 6}};
  CHECK(preadv(file, two, 2, 0) == 7 && b[0] == 'X');
  lseek(file, 0, SEEK_SET);
  CHECK(readv(file, two, 2) == 7 && writev(file, two, 2) == 7);
  close(file), unlink(name);
  CHECK(read(file, b, 1) == -1 && errno == EBADF);
  int d = open("/", O_RDONLY);
  CHECK(read(d, b, 1) == -1 && errno == EISDIR);
  close(d);
}

THREAD_CASE(a_number_is_another_file_now) {
  int s[2], p[2];
  char b[8];
  CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s) && !pipe(p));
  CHECK(write(s[0], "ab", 2) == 2 && read(s[1], b, 8) == 2);
  CHECK(dup2(p[0], s[1]) == s[1] && dup2(p[1], s[0]) == s[0]);
  CHECK(write(s[0], "cde", 3) == 3 && read(s[1], b, 8) == 3);
  close(s[0]), close(s[1]);
  syscall(SYS_close, p[0]);
  int f = open("/dev/zero", O_RDONLY);
  CHECK(f == s[0] || f == p[0] || f >= 0);
  CHECK(read(f, b, 8) == 8);
  close(f), close(p[1]);
}

THREAD_CASE(fifo_open_waits_for_the_other_end) {
  char name[64];
  sprintf(name, "/tmp/gamelan-fifo-%d", getpid());
  CHECK(!mkfifo(name, 0600));
  pid_t child = fork();
  if (child == 0) {
    usleep(kSoon * 1000);
    int w = open(name, O_WRONLY);
    _exit(write(w, "f", 1) != 1);
  }
  char b;
  int r = open(name, O_RDONLY), status = -1;
  CHECK(r >= 0 && read(r, &b, 1) == 1 && b == 'f' && read(r, &b, 1) == 0);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  close(r), unlink(name);
}

THREAD_CASE(poll_results) {
  int p[2];
  CHECK(!pipe(p));
  struct pollfd f[3] = {{p[0], POLLIN, 0}, {-1, POLLIN, 0}, {p[1], 0, 0}};
  CHECK(poll(f, 3, 0) == 0);
  double begin = now_ms();
  CHECK(poll(f, 3, 25) == 0 && now_ms() - begin >= 25);
  struct later l = {p[1], "z", 1, 0};
  pthread_t t = go(write_later, &l);
  CHECK(poll(f, 3, -1) == 1 && f[0].revents == POLLIN && !f[1].revents && !f[2].revents);
  pthread_join(t, NULL);
  struct timespec ts = {0, 10000000};
  f[0].fd = -1;
  begin = now_ms();
  CHECK(ppoll(f, 3, &ts, NULL) == 0 && now_ms() - begin >= 10);
  begin = now_ms();
  CHECK(poll(NULL, 0, 15) == 0 && now_ms() - begin >= 15);
  ts.tv_nsec = 1000000000;
  CHECK(ppoll(f, 3, &ts, NULL) == -1 && errno == EINVAL);
  f[1].fd = 0x7ffffff;
  CHECK(poll(f, 2, -1) == 1 && f[1].revents == POLLNVAL);
  close(p[1]);
  f[0].fd = p[0];
  char b;
  CHECK(read(p[0], &b, 1) == 1 && poll(f, 1, -1) == 1 && f[0].revents == POLLHUP);
  close(p[0]);
  int file = open("/etc/passwd", O_RDONLY);
  f[0] = (struct pollfd){file, POLLIN | POLLOUT, 0};
  CHECK(poll(f, 1, -1) == 1 && f[0].revents == (POLLIN | POLLOUT));
  close(file);
}

THREAD_CASE(poll_of_many) {
  enum { kMany = 200 };
  static int p[kMany][2];
  static struct pollfd f[kMany];
  for (int i = 0; i < kMany; i++) {
    CHECK(!pipe(p[i]));
    f[i] = (struct pollfd){p[i][0], POLLIN, 0};
  }
  CHECK(poll(f, kMany, 10) == 0);
  struct later l = {p[137][1], "z", 1, 0};
  pthread_t t = go(write_later, &l);
  CHECK(poll(f, kMany, -1) == 1 && f[137].revents == POLLIN);
  pthread_join(t, NULL);
  for (int i = 0; i < kMany; i++) close(p[i][0]), close(p[i][1]);
}

THREAD_CASE(select_results) {
  int p[2];
  CHECK(!pipe(p));
  fd_set r, w;
  FD_ZERO(&r);
  FD_ZERO(&w);
  FD_SET(p[0], &r);
  struct timeval tv = {0, 20000};
  double begin = now_ms();
  CHECK(select(p[0] + 1, &r, NULL, NULL, &tv) == 0 && now_ms() - begin >= 20);
  CHECK(!FD_ISSET(p[0], &r) && tv.tv_sec == 0 && tv.tv_usec == 0);
  FD_SET(p[0], &r), FD_SET(p[1], &w);
  CHECK(select(p[1] + 1, &r, &w, NULL, NULL) == 1 && !FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w));
  struct later l = {p[1], "z", 1, 0};
  pthread_t t = go(write_later, &l);
  FD_SET(p[0], &r);
  tv = (struct timeval){5, 0};
  CHECK(select(p[0] + 1, &r, NULL, NULL, &tv) == 1 && FD_ISSET(p[0], &r) && tv.tv_sec == 4);
  pthread_join(t, NULL);
  struct timespec ts = {0, 15000000};
  begin = now_ms();
  CHECK(pselect(0, NULL, NULL, NULL, &ts, NULL) == 0 && now_ms() - begin >= 15);
  CHECK(select(-1, NULL, NULL, NULL, NULL) == -1 && errno == EINVAL);
  tv = (struct timeval){-1, 0};
  CHECK(select(0, NULL, NULL, NULL, &tv) == -1 && errno == EINVAL);
  close(p[1]);
  FD_ZERO(&r);
  FD_SET(p[1], &r);
  CHECK(select(p[1] + 1, &r, NULL, NULL, NULL) == -1 && errno == EBADF);
  close(p[0]);
}

// A hang-up that select was not asked about must not make it spin.
THREAD_CASE(select_does_not_spin) {
  int s[2];
  CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  close(s[0]);
  fd_set e;
  FD_ZERO(&e);
  FD_SET(s[1], &e);
  struct timeval tv = {0, 100000};
  struct timespec a, b;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
  CHECK(select(s[1] + 1, NULL, NULL, &e, &tv) == 0);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
  CHECK((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 40);
  close(s[1]);
}

THREAD_CASE(epoll_results) {
  int p[2], e = epoll_create1(0);
  CHECK(!pipe(p));
  struct epoll_event ev = {EPOLLIN, {.u64 = 42}}, got[4];
  CHECK(!epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev));
  CHECK(epoll_wait(e, got, 4, 0) == 0);
  double begin = now_ms();
  CHECK(epoll_wait(e, got, 4, 25) == 0 && now_ms() - begin >= 25);
  struct later l = {p[1], "z", 1, 0};
  pthread_t t = go(write_later, &l);
  CHECK(epoll_wait(e, got, 4, -1) == 1 && got[0].data.u64 == 42 && got[0].events == EPOLLIN);
  pthread_join(t, NULL);
  CHECK(epoll_pwait(e, got, 4, -1, NULL) == 1);
  char b;
  CHECK(read(p[0], &b, 1) == 1);
  ev.events = EPOLLIN | EPOLLET;
  CHECK(!epoll_ctl(e, EPOLL_CTL_MOD, p[0], &ev));
  t = go(write_later, &l);
  CHECK(epoll_wait(e, got, 4, 1000) == 1);
  pthread_join(t, NULL);
  CHECK(epoll_wait(e, got, 4, 20) == 0);
  CHECK(epoll_wait(e, got, 0, 0) == -1 && errno == EINVAL);
  CHECK(epoll_wait(p[0], got, 4, 10) == -1 && errno == EINVAL);
  close(e), close(p[0]), close(p[1]);
  CHECK(epoll_wait(e, got, 4, 10) == -1 && errno == EBADF);
}

static void* epoll_one(void* arg) {
  struct epoll_event ev;
  char b;
  int* fds = arg;
  while (epoll_wait(fds[0], &ev, 1, -1) != 1) {}
  if (read(fds[1], &b, 1) == 1) __atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

THREAD_CASE(hundred_wait_on_one_epoll) {
  int p[2], e = epoll_create1(0);
  pthread_t t[100];
  CHECK(!pipe(p));
  taken = 0;
  struct epoll_event ev = {EPOLLIN, {0}};
  CHECK(!epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev));
  int fds[2] = {e, p[0]};
  for (int i = 0; i < 100; i++) t[i] = go(epoll_one, fds);
  nap(20);
  for (int i = 0; i < 100; i++) CHECK(write(p[1], "x", 1) == 1);
  for (int i = 0; i < 100; i++) pthread_join(t[i], NULL);
  CHECK(taken == 100);
  close(e), close(p[0]), close(p[1]);
}

static void ignore(int sig) { (void)sig; }
static void* kill_later(void* arg) {
  nap(kSoon);
  pthread_kill(*(pthread_t*)arg, SIGUSR1);
  return NULL;
}

static void catch_usr1(int flags) {
  struct sigaction a = {.sa_handler = ignore, .sa_flags = flags};
  sigaction(SIGUSR1, &a, NULL);
}

THREAD_CASE(handlers_end_what_does_not_restart) {
  int p[2], e = epoll_create1(0);
  char b;
  CHECK(!pipe(p));
  pthread_t me = pthread_self(), t;
  struct pollfd f = {p[0], POLLIN, 0};
  struct epoll_event ev;
  struct timespec one = {1, 0}, left = {0, 0};
  catch_usr1(SA_RESTART);
  t = go(kill_later, &me);
  CHECK(poll(&f, 1, 1000) == -1 && errno == EINTR);
  pthread_join(t, NULL);
  t = go(kill_later, &me);
  CHECK(epoll_wait(e, &ev, 1, 1000) == -1 && errno == EINTR);
  pthread_join(t, NULL);
  t = go(kill_later, &me);
  CHECK(nanosleep(&one, &left) == -1 && errno == EINTR && left.tv_sec == 0 && left.tv_nsec > 900000000);
  pthread_join(t, NULL);
  catch_usr1(0);
  t = go(kill_later, &me);
  CHECK(read(p[0], &b, 1) == -1 && errno == EINTR);
  pthread_join(t, NULL);
  close(p[0]), close(p[1]), close(e);
}

static void* kill_then_write(void* arg) {
  pthread_t* to = ((void**)arg)[0];
  nap(kSoon);
  pthread_kill(*to, SIGUSR1);
  nap(kSoon);
  if (write(*(int*)((void**)arg)[1], "r", 1) != 1) abort();
  return NULL;
}

THREAD_CASE(ignored_signals_end_nothing) {
  pthread_t me = pthread_self(), t;
  struct timespec some = {0, 60000000};
  signal(SIGUSR1, SIG_IGN);
  double begin = now_ms();
  t = go(kill_later, &me);
  CHECK(poll(NULL, 0, 60) == 0 && now_ms() - begin >= 60);
  pthread_join(t, NULL);
  begin = now_ms();
  t = go(kill_later, &me);
  CHECK(nanosleep(&some, NULL) == 0 && now_ms() - begin >= 60);
  pthread_join(t, NULL);
}

THREAD_CASE(handlers_let_what_restarts_go_on) {
  int p[2];
  char b = 0;
  CHECK(!pipe(p));
  pthread_t me = pthread_self();
  catch_usr1(SA_RESTART);
  void* args[2] = {&me, &p[1]};
  pthread_t t = go(kill_then_write, args);
  CHECK(read(p[0], &b, 1) == 1 && b == 'r');
  pthread_join(t, NULL);
  close(p[0]), close(p[1]);
}

THREAD_CASE(sleeps) {
  double begin = now_ms();
  struct timespec t = {0, 12000000}, at, left = {7, 7};
  errno = 77;
  CHECK(nanosleep(&t, &left) == 0 && now_ms() - begin >= 12 && errno == 77 && left.tv_sec == 7);
  begin = now_ms();
  CHECK(usleep(11000) == 0 && now_ms() - begin >= 11);
  clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
  for (int i = 0; i < 3; i++) {
    begin = now_ms();
    CHECK(clock_nanosleep(clocks[i], 0, &t, NULL) == 0 && now_ms() - begin >= 12);
    clock_gettime(clocks[i], &at);
    at.tv_nsec += 12000000;
    if (at.tv_nsec >= 1000000000) at.tv_sec++, at.tv_nsec -= 1000000000;
    begin = now_ms();
    CHECK(clock_nanosleep(clocks[i], TIMER_ABSTIME, &at, NULL) == 0 && now_ms() - begin >= 11);
    at.tv_sec -= 5;
    CHECK(clock_nanosleep(clocks[i], TIMER_ABSTIME, &at, NULL) == 0);
  }
  t.tv_nsec = 1000000000;
  CHECK(nanosleep(&t, NULL) == -1 && errno == EINVAL);
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL) == EINVAL);
  t = (struct timespec){-1, 0};
  CHECK(nanosleep(&t, NULL) == -1 && errno == EINVAL);
  t = (struct timespec){0, 1};
  CHECK(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL) == EINVAL);
  CHECK(clock_nanosleep(1234, 0, &t, NULL) != 0);
  CHECK(sleep(0) == 0);
}

THREAD_CASE(by_number) {
  int p[2];
  char b;
  CHECK(!pipe(p));
  struct later l = {p[1], "n", 1, 0};
  pthread_t t = go(write_later, &l);
  CHECK(syscall(SYS_read, p[0], &b, 1L) == 1 && b == 'n');
  pthread_join(t, NULL);
  struct pollfd f = {p[0], POLLIN, 0};
  double begin = now_ms();
  CHECK(syscall(SYS_poll, &f, 1L, 15L) == 0 && now_ms() - begin >= 15);
  struct timespec ts = {0, 5000000};
  CHECK(syscall(SYS_nanosleep, &ts, NULL) == 0);
  ts.tv_nsec = -1;
  CHECK(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0L, &ts, NULL) == -1 && errno == EINVAL);
  CHECK(syscall(SYS_write, p[1], "q", 1L) == 1 && syscall(SYS_close, p[1]) == 0);
  CHECK(syscall(SYS_write, p[1], "q", 1L) == -1 && errno == EBADF);
  CHECK(syscall(SYS_getppid) == getppid());
  close(p[0]);
}

THREAD_CASE(locks_of_files) {
  char name[] = "/tmp/gamelan-lock-test";
  int a = open(name, O_CREAT | O_RDWR, 0600), b = open(name, O_RDWR);
  CHECK(!flock(a, LOCK_EX) && flock(b, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK && !flock(a, LOCK_UN));
  CHECK(!lockf(a, F_LOCK, 10) && !lockf(a, F_ULOCK, 10));
  struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 5};
  CHECK(!fcntl(a, F_SETLKW, &l));
  l.l_type = F_UNLCK;
  CHECK(!fcntl(a, F_SETLK, &l));
  CHECK(!fsync(a) && !fdatasync(a));
  close(a), close(b), unlink(name);
}

THREAD_CASE(children) {
  int status = -1;
  pid_t child = fork();
  if (!child) usleep(kSoon * 1000), _exit(3);
  CHECK(waitpid(child, &status, WNOHANG) == 0);
  CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
  CHECK(wait(&status) == -1 && errno == ECHILD);
  CHECK(WEXITSTATUS(system("exit 5")) == 5);
  FILE* f = popen("echo popen", "r");
  char b[16] = "";
  CHECK(f && fgets(b, sizeof b, f) && !strcmp(b, "popen\n"));
  CHECK(f && WEXITSTATUS(pclose(f)) == 0);
}

// A child's descriptors are its own: it waits for them by itself.
THREAD_CASE(a_child_waits_too) {
  int p[2], status = -1;
  char b;
  struct pollfd f;
  CHECK(!pipe(p));
  f = (struct pollfd){p[0], POLLIN, 0};
  CHECK(poll(&f, 1, 5) == 0);
  pid_t child = fork();
  if (!child) {
    if (poll(&f, 1, 10) != 0) _exit(1);
    _exit(read(p[0], &b, 1) != 1);
  }
  nap(kSoon + 10);
  CHECK(write(p[1], "c", 1) == 1 && waitpid(child, &status, 0) == child && status == 0);
  CHECK(poll(&f, 1, 5) == 0);
  close(p[0]), close(p[1]);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
