// tests/e2e/programs/threads/pipes.c: blocking and non-blocking reads and writes on pipes, FIFOs and files.
#include "helpers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

enum { kPairs = 50, kBytes = 200000 };
static int ends[kPairs][2];

static void* writes(void* i) {
  char block[1000];
  for (int n = 0; n < kBytes; n += (int)sizeof block) {
    memset(block, n / (int)sizeof block + (int)number_of(i), sizeof block);
    MUST(write(ends[number_of(i)][1], block, sizeof block) == sizeof block);
  }
  close(ends[number_of(i)][1]);
  return NULL;
}
static void* reads(void* i) {
  char block[1000];
  long n = 0, wrong = 0;
  ssize_t got;
  while ((got = read(ends[number_of(i)][0], block, sizeof block)) > 0)
    for (int k = 0; k < got; k++, n++) wrong += block[k] != (char)(n / 1000 + number_of(i));
  close(ends[number_of(i)][0]);
  return number(got == 0 && wrong == 0 && n == kBytes);
}
CASE(streams_between_threads) {
  pthread_t w[kPairs], r[kPairs];
  for (int i = 0; i < kPairs; i++) {
    MUST(pipe(ends[i]) == 0);
    r[i] = start(reads, number(i));
    w[i] = start(writes, number(i));
  }
  int right = 0;
  for (int i = 0; i < kPairs; i++) {
    finish(w[i]);
    right += finish(r[i]) == number(1);
  }
  CHECK(right == kPairs);
}

static void* reads_one(void* fd) {
  char c = 0;
  return number(read((int)number_of(fd), &c, 1) == 1 ? c : -1);
}
CASE(each_byte_wakes_one_reader) {
  int p[2], sum = 0;
  pthread_t t[50];
  MUST(pipe(p) == 0);
  for (int i = 0; i < 50; i++) t[i] = start(reads_one, number(p[0]));
  for (int i = 0; i < 50; i++) {
    char c = (char)i;
    MUST(write(p[1], &c, 1) == 1);
  }
  for (int i = 0; i < 50; i++) sum += (int)number_of(finish(t[i]));
  CHECK(sum == 49 * 50 / 2);
  close(p[0]);
  close(p[1]);
}

CASE(end_of_file_wakes_all_readers) {
  int p[2], sum = 0;
  pthread_t t[20];
  MUST(pipe(p) == 0);
  for (int i = 0; i < 20; i++) t[i] = start(reads_one, number(p[0]));
  sleep_millis(5);
  close(p[1]);
  for (int i = 0; i < 20; i++) sum += (int)number_of(finish(t[i]));
  CHECK(sum == -20);
  close(p[0]);
}

static void* writes_much(void* fd) {
  static char much[300000];
  return number(write((int)number_of(fd), much, sizeof much));
}
CASE(a_large_write_is_whole) {
  int p[2];
  char block[7000];
  long n = 0;
  MUST(pipe(p) == 0);
  pthread_t t = start(writes_much, number(p[1]));
  while (n < 300000) {
    ssize_t got = read(p[0], block, sizeof block);
    MUST(got > 0);
    n += got;
    sched_yield();
  }
  CHECK(finish(t) == number(300000));
  close(p[0]);
  close(p[1]);
}

CASE(a_broken_pipe) {
  int p[2];
  handle(SIGPIPE, SIG_IGN, 0);
  MUST(pipe(p) == 0);
  pthread_t t = start(writes_much, number(p[1]));
  sleep_millis(5);  // it fills the pipe and blocks
  close(p[0]);
  const intptr_t wrote = number_of(finish(t));
  CHECK(wrote == -1 || (wrote > 0 && wrote < 300000));
  errno = 0;
  CHECK(write(p[1], "x", 1) == -1 && errno == EPIPE);
  close(p[1]);
}

CASE(non_blocking_says_so) {
  int p[2];
  char c, block[4096];
  MUST(pipe2(p, O_NONBLOCK) == 0);
  errno = 0;
  CHECK(read(p[0], &c, 1) == -1 && errno == EAGAIN);
  memset(block, 1, sizeof block);
  while (write(p[1], block, sizeof block) > 0) {}
  CHECK(errno == EAGAIN);
  CHECK((fcntl(p[0], F_GETFL) & O_NONBLOCK) && read(p[0], &c, 1) == 1);
  close(p[0]);
  close(p[1]);
  // A blocking one stays blocking in everybody's eyes, while a thread is blocked on it as well.
  MUST(pipe(p) == 0);
  pthread_t t = start(reads_one, number(p[0]));
  for (int i = 0; i < 20; i++) {
    CHECK(!(fcntl(p[0], F_GETFL) & O_NONBLOCK) && !(fcntl(p[1], F_GETFL) & O_NONBLOCK));
    usleep(100);
  }
  MUST(write(p[1], "\5", 1) == 1);
  CHECK(finish(t) == number(5));
  close(p[0]);
  close(p[1]);
}

static int vector_ends[2];
static void* reads_a_vector(void* arg) {
  (void)arg;
  char a[3], b[10];
  struct iovec v[2] = {{a, 3}, {b, 10}};
  const ssize_t n = readv(vector_ends[0], v, 2);
  return number(n == 5 && !memcmp(a, "abc", 3) && !memcmp(b, "de", 2));
}
CASE(vectors) {
  MUST(pipe(vector_ends) == 0);
  pthread_t t = start(reads_a_vector, NULL);
  usleep(1000);
  struct iovec v[2] = {{"ab", 2}, {"cde", 3}};
  CHECK(writev(vector_ends[1], v, 2) == 5);
  CHECK(finish(t) == number(1));
  close(vector_ends[0]);
  close(vector_ends[1]);
}

CASE(files_and_bad_descriptors) {
  char name[] = "/tmp/gamelan-pipes-XXXXX" "X",
       text[10];
  const int fd = mkstemp(name);
  MUST(fd >= 0);
  unlink(name);
  CHECK(write(fd, "0123456789", 10) == 10);
  CHECK(pread(fd, text, 4, 3) == 4 && !memcmp(text, "3456", 4));
  CHECK(read(fd, text, 1) == 0);  // at its end
  CHECK(pwrite(fd, "x", 1, 0) == 1 && lseek(fd, 0, SEEK_SET) == 0 && read(fd, text, 10) == 10 && text[0] == 'x');
  CHECK(fsync(fd) == 0);
  close(fd);
  errno = 0;
  CHECK(read(fd, text, 1) == -1 && errno == EBADF);
  errno = 0;
  CHECK(write(-1, text, 1) == -1 && errno == EBADF);
  const int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_RDWR);
  CHECK(read(zero, text, 10) == 10 && text[9] == 0);
  CHECK(write(null, text, 10) == 10 && read(null, text, 10) == 0);
  close(zero);
  close(null);
  int p[2];
  MUST(pipe(p) == 0);
  errno = 0;
  void* volatile nowhere = (void*)8;
  CHECK(write(p[1], nowhere, 100) == -1 && errno == EFAULT);
  CHECK(write(p[1], text, 0) == 0);
  close(p[0]);
  close(p[1]);
}

// Numbers are closed and given out again while threads read: a reader never gets what belongs to another pipe.
static void* makes_and_drops_pipes(void* i) {
  for (int n = 0; n < 100; n++) {
    int p[2];
    char c = (char)(number_of(i) + n), got = 0;
    MUST(pipe(p) == 0);
    pthread_t t = start(reads_one, number(p[0]));
    if (n % 3) sched_yield();
    MUST(write(p[1], &c, 1) == 1);
    got = (char)number_of(finish(t));
    CHECK(got == c);
    close(p[0]);
    close(p[1]);
  }
  return NULL;
}
CASE(descriptors_are_reused) { in_threads(10, makes_and_drops_pipes); }

static int fifo_value;
static void* opens_to_write(void* name) {
  const int fd = open((const char*)name, O_WRONLY);  // blocks until there is a reader
  store(&fifo_value, 1);
  const int code = (int)write(fd, "f", 1);
  close(fd);
  return number(code);
}
CASE(opening_a_fifo_blocks) {
  char name[64], c = 0;
  snprintf(name, sizeof name, "/tmp/gamelan-fifo-%d", (int)getpid());
  MUST(mkfifo(name, 0600) == 0);
  pthread_t t = start(opens_to_write, name);
  sleep_millis(5);
  CHECK(load(&fifo_value) == 0);
  const int fd = open(name, O_RDONLY);
  CHECK(read(fd, &c, 1) == 1 && c == 'f');
  CHECK(finish(t) == number(1));
  close(fd);
  unlink(name);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
