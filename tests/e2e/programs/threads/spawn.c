// tests/e2e/programs/threads/spawn.c: popen, system, posix_spawn, vfork and exec, waitpid, from many threads at once.
#include "helpers.h"

#include <fcntl.h>
#include <spawn.h>

extern char** environ;
static int right;

static void* pipes_from_a_shell(void* i) {
  char command[64], line[64] = "", want[64];
  snprintf(command, sizeof command, "echo from %d", (int)number_of(i));
  snprintf(want, sizeof want, "from %d\n", (int)number_of(i));
  FILE* f = popen(command, "re");
  MUST(f != NULL);
  const int read_it = fgets(line, sizeof line, f) && !strcmp(line, want);
  if (pclose(f) == 0 && read_it) add(&right, 1);
  return NULL;
}
CASE(popen_from_many) {
  right = 0;
  in_threads(20, pipes_from_a_shell);
  CHECK(right == 20);
}

static void* asks_the_system(void* i) {
  char command[64];
  snprintf(command, sizeof command, "exit %d", (int)number_of(i));
  if (system(command) == (int)number_of(i) << 8) add(&right, 1);
  return NULL;
}
CASE(system_from_many) {
  right = 0;
  in_threads(20, asks_the_system);
  CHECK(right == 20);
}

static void* spawns(void* i) {
  char code[16];
  snprintf(code, sizeof code, "exit %d", (int)number_of(i));
  char* argv[] = {(char*)"sh", (char*)"-c", code, NULL};
  pid_t pid = 0;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attr;
  sigset_t none = set_of(0);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawnattr_init(&attr);
  posix_spawnattr_setsigmask(&attr, &none);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
  const int made = number_of(i) % 2 ? posix_spawn(&pid, "/bin/sh", &actions, &attr, argv, environ)
                                    : posix_spawnp(&pid, "sh", &actions, &attr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attr);
  if (made == 0 && ended_with(pid) == (int)number_of(i)) add(&right, 1);
  return NULL;
}
CASE(posix_spawn_from_many) {
  right = 0;
  in_threads(20, spawns);
  CHECK(right == 20);
  pid_t pid;
  char* argv[] = {(char*)"none", NULL};
  CHECK(posix_spawn(&pid, "/does/not/exist", NULL, NULL, argv, environ) == ENOENT);
}

static void* vforks(void* i) {
  char code[16];
  snprintf(code, sizeof code, "exit %d", (int)number_of(i));
  char* argv[] = {(char*)"sh", (char*)"-c", code, NULL};
  pid_t pid = vfork();
  if (!pid) {
    execve("/bin/sh", argv, environ);
    _exit(127);
  }
  if (ended_with(pid) == (int)number_of(i)) add(&right, 1);
  return NULL;
}
CASE(vfork_from_many) {
  right = 0;
  in_threads(20, vforks);
  CHECK(right == 20);
}

// exec from a worker replaces the process, whatever its other threads do.
static void* spins(void* arg) {
  for (;;) sched_yield();
  return arg;
}
static void* executes(void* arg) {
  (void)arg;
  execl("/bin/sh", "sh", "-c", "exit 17", NULL);
  return NULL;
}
CASE(exec_from_a_worker) {
  fflush(stdout);
  pid_t pid = fork();
  if (!pid) {
    for (int i = 0; i < 5; i++) start(spins, NULL);
    finish(start(executes, NULL));
    _exit(1);
  }
  CHECK(ended_with(pid) == 17);
}

// What exec hands on is the thread's mask.
static void* executes_with_a_mask(void* arg) {
  (void)arg;
  sigset_t usr1 = set_of(SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, NULL);
  sched_yield();
  execl("/bin/sh", "sh", "-c", "kill -USR1 $$; exit 18", NULL);
  return NULL;
}
CASE(exec_keeps_the_thread_s_mask) {
  fflush(stdout);
  pid_t pid = fork();
  if (!pid) {
    finish(start(executes_with_a_mask, NULL));
    _exit(1);
  }
  CHECK(ended_with(pid) == 18);
}

// A thread waits for its own child while others wait for theirs; one waits for any.
static void* waits_for_its_own(void* i) {
  pid_t pid = fork();
  if (!pid) {
    usleep((useconds_t)(number_of(i) % 5) * 500);
    _exit((int)number_of(i));
  }
  siginfo_t info;
  memset(&info, 0, sizeof info);
  if (number_of(i) % 2 ? ended_with(pid) == number_of(i)
                       : waitid(P_PID, (id_t)pid, &info, WEXITED) == 0 && info.si_status == number_of(i))
    add(&right, 1);
  return NULL;
}
CASE(waiting_for_one_s_own_child) {
  right = 0;
  in_threads(20, waits_for_its_own);
  CHECK(right == 20);
  errno = 0;
  CHECK(wait(NULL) == -1 && errno == ECHILD);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
