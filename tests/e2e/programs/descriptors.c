// tests/e2e/programs/descriptors.c: what a program that minds its descriptors may expect, a case each.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

// closefrom() came with glibc 2.34.
void closefrom(int);

static void use_the_heap(void) {
  static char* kept[500];
  for (int i = 0; i < 500; i++) kept[i] = memset(malloc((size_t)i * 40 + 1), 1, (size_t)i * 40 + 1);
  for (int i = 0; i < 500; i++) free(kept[i]);
  free(memset(malloc((size_t)20 << 20), 1, (size_t)20 << 20));   // enough to wake a scavenger
}

static int lowest_free(void) {
  const int fd = open("/dev/null", O_RDONLY);
  close(fd);
  return fd;
}

CASE(lowest_free_descriptor_is_the_same) {
  printf("lowest free %d\n", lowest_free());
  use_the_heap();
  printf("lowest free %d\n", lowest_free());
}

static int in_child(void (*body)(void)) {
  fflush(stdout);
  const pid_t pid = fork();
  if (!pid) {
    body();
    _exit(0);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  return status;
}

static void close_everything_by_hand(void) {
  for (int fd = 3; fd < 1100; fd++) close(fd);
  use_the_heap();
}
static void close_everything_by_closefrom(void) {
  closefrom(3);
  use_the_heap();
  closefrom(0);
  use_the_heap();
}
static void close_everything_by_range(void) {
  close_range(3, ~0U, 0);
  use_the_heap();
}
static void close_everything_listed(void) {   // as many daemons do
  DIR* d = opendir("/proc/self/fd");
  for (struct dirent* e; (e = readdir(d));)
    if (atoi(e->d_name) > 2 && atoi(e->d_name) != dirfd(d)) close(atoi(e->d_name));
  closedir(d);
  use_the_heap();
}

CASE(closing_everything_is_harmless) {
  use_the_heap();
  CHECK(in_child(close_everything_by_hand) == 0);
  CHECK(in_child(close_everything_by_closefrom) == 0);
  CHECK(in_child(close_everything_by_range) == 0);
  CHECK(in_child(close_everything_listed) == 0);
}

// A daemon reuses 2 for its own file: nothing of ours may ever land in there.
static char data_file[] = "/tmp/gamelan-descriptors-XXXXXX";
static void daemon_that_closes_stderr(void) {
  close(2);
  const int fd = open(data_file, O_WRONLY | O_APPEND);
  if (fd != 2) _exit(9);
  if (write(2, "data", 4) != 4) _exit(8);
  use_the_heap();
  exit(0);   // with its exit handlers: statistics would be written here
}

CASE(a_reused_stderr_stays_clean) {
  const int fd = mkstemp(data_file);
  struct stat st;
  close(fd);
  CHECK(in_child(daemon_that_closes_stderr) == 0);
  CHECK(stat(data_file, &st) == 0 && st.st_size == 4);
  unlink(data_file);
}

static void with_few_descriptors(void) {
  struct rlimit none = {3, 3};
  if (setrlimit(RLIMIT_NOFILE, &none)) _exit(1);
  use_the_heap();
}

CASE(no_descriptor_left) { CHECK(in_child(with_few_descriptors) == 0); }

CASE(descriptors_close_on_exec) {
  use_the_heap();
  fflush(stdout);
  CHECK(system("ls /proc/self/fd | wc -l") == 0);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
