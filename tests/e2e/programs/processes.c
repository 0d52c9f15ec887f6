// tests/e2e/programs/processes.c: every way to a new process, a case each.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "pattern.h"

extern char** environ;

static int ended_with(pid_t pid) {
  int status = -1;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void use_the_heap(void) {
  for (size_t n = 1; n < 5000000; n = n * 2 + 3) {
    char* p = malloc(n);
    pattern_fill(p, n, n);
    if (!pattern_holds(p, n, n, n)) abort();
    free(p);
  }
}

CASE(fork_before_any_thread) {
  pid_t pid = fork();
  if (!pid) {
    use_the_heap();
    exit(11);
  }
  CHECK(ended_with(pid) == 11);
}

static char* path_true[] = {(char*)"/bin/true", NULL};

CASE(vfork_and_exec) {
  for (int i = 0; i < 50; i++) {
    char* kept = strdup("of the parent");
    pid_t pid = vfork();
    if (!pid) {
      execve(path_true[0], path_true, environ);
      _exit(127);
    }
    CHECK(ended_with(pid) == 0 && !strcmp(kept, "of the parent"));
    free(kept);
  }
}

CASE(vfork_child_may_allocate) {   // it should not, but shells did: the memory is the parent's
  static char* volatile from_child;
  pid_t pid = vfork();
  if (!pid) {
    from_child = malloc(1000);
    memset(from_child, 7, 1000);
    _exit(3);
  }
  CHECK(ended_with(pid) == 3 && from_child && from_child[999] == 7);
  free(from_child);
  use_the_heap();
}

CASE(posix_spawn_works) {
  for (int i = 0; i < 20; i++) {
    pid_t pid = 0;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    CHECK(posix_spawn(&pid, "/bin/true", &actions, NULL, path_true, environ) == 0);
    CHECK(ended_with(pid) == 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  pid_t pid = 0;
  CHECK(posix_spawn(&pid, "/does/not/exist", NULL, NULL, path_true, environ) == ENOENT);
}

static int cloned(void* arg) {
  (void)arg;
  char* p = malloc(100);
  memset(p, 1, 100);
  free(p);
  return 21;
}

CASE(clone_without_thread) {   // own memory: like fork, but without the handlers
  static char stack[65536] __attribute__((aligned(16)));
  pid_t pid = clone(cloned, stack + sizeof stack, SIGCHLD, NULL);
  CHECK(pid > 0 && ended_with(pid) == 21);
}

CASE(raw_fork) {
  use_the_heap();
  pid_t pid = (pid_t)syscall(SYS_fork);
  if (!pid) {
    use_the_heap();
    _exit(5);
  }
  CHECK(ended_with(pid) == 5);
}

CASE(popen_and_system) {
  char line[100] = "";
  FILE* f = popen("echo from a shell", "r");
  CHECK(f && fgets(line, sizeof line, f) && !strcmp(line, "from a shell\n"));
  CHECK(pclose(f) == 0);
  CHECK(system("exit 9") == 9 << 8);
}

static int prepared, in_parent, in_child;
static void* from_prepare;
static void prepare(void) {
  prepared++;
  from_prepare = malloc(300);
  free(malloc(100000));
}
static void parent(void) {
  in_parent++;
  free(from_prepare);
  use_the_heap();
}
static void child(void) {
  in_child++;
  free(from_prepare);
  use_the_heap();
}

CASE(atfork_handlers_allocate) {
  pthread_atfork(prepare, parent, child);
  pid_t pid = fork();
  if (!pid) _exit(in_child == 1 && prepared == 1 ? 4 : 99);
  CHECK(ended_with(pid) == 4 && in_parent == 1);
}

static void* forks_in_a_thread(void* arg) {
  (void)arg;
  pid_t pid = fork();
  if (!pid) {
    use_the_heap();
    exit(6);
  }
  return (void*)(intptr_t)ended_with(pid);
}

CASE(fork_in_a_thread) {
  for (int i = 0; i < 20; i++) {
    pthread_t t;
    void* result = NULL;
    pthread_create(&t, NULL, forks_in_a_thread, NULL);
    pthread_join(t, &result);
    CHECK((intptr_t)result == 6);
  }
}

CASE(daemon_outlives_its_parent) {
  int link[2];
  char word[8] = "";
  CHECK(pipe(link) == 0);
  pid_t pid = fork();
  if (!pid) {
    if (daemon(1, 0)) _exit(1);
    use_the_heap();
    char* text = strdup("alive");
    if (write(link[1], text, 5) != 5) _exit(1);
    free(text);
    exit(0);
  }
  CHECK(ended_with(pid) == 0);
  close(link[1]);
  CHECK(read(link[0], word, 5) == 5 && !strcmp(word, "alive"));
  close(link[0]);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
