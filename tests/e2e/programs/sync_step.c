// tests/e2e/programs/sync_step.c: counts the instructions of uncontended pthread calls, by single steps.
//
// The parent traces a child (itself again, with $LIBRARY preloaded, if that is set) that has made a thread, and counts every
// step of ten warmed turns, less those of ten empty ones. Prints a line per pair of calls: "mutex 42".
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kTurns = 10 };

static pthread_mutex_t normal = PTHREAD_MUTEX_INITIALIZER, recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP,
                       errorcheck = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_spinlock_t spin;
static sem_t semaphore;

static void nothing(void) {}
static void lock_normal(void) { pthread_mutex_lock(&normal), pthread_mutex_unlock(&normal); }
static void try_normal(void) { pthread_mutex_trylock(&normal), pthread_mutex_unlock(&normal); }
static void lock_recursive(void) { pthread_mutex_lock(&recursive), pthread_mutex_unlock(&recursive); }
static void lock_errorcheck(void) { pthread_mutex_lock(&errorcheck), pthread_mutex_unlock(&errorcheck); }
static void lock_to_read(void) { pthread_rwlock_rdlock(&rwlock), pthread_rwlock_unlock(&rwlock); }
static void lock_to_write(void) { pthread_rwlock_wrlock(&rwlock), pthread_rwlock_unlock(&rwlock); }
static void post_and_wait(void) { sem_post(&semaphore), sem_wait(&semaphore); }
static void signal_nobody(void) { pthread_cond_signal(&cond); }
static void broadcast_to_nobody(void) { pthread_cond_broadcast(&cond); }
static void run_once(void) { pthread_once(&once, nothing); }
static void lock_spin(void) { pthread_spin_lock(&spin), pthread_spin_unlock(&spin); }

static const struct {
  const char* name;
  void (*turn)(void);
} calls[] = {{"nothing", nothing}, {"mutex", lock_normal}, {"trylock", try_normal}, {"recursive", lock_recursive},
             {"errorcheck", lock_errorcheck}, {"rdlock", lock_to_read}, {"wrlock", lock_to_write}, {"semaphore", post_and_wait},
             {"signal", signal_nobody}, {"broadcast", broadcast_to_nobody}, {"once", run_once}, {"spin", lock_spin}};
enum { kCalls = sizeof calls / sizeof *calls };

static void* ends(void* arg) { return arg; }

static int child(void) {
  pthread_t t;
  sem_init(&semaphore, 0, 0);
  pthread_spin_init(&spin, 0);
  if (pthread_create(&t, NULL, ends, NULL) || pthread_join(t, NULL)) return 1;
  for (int c = 0; c < kCalls; c++) {
    calls[c].turn();
    raise(SIGSTOP);
    for (int i = 0; i < kTurns; i++) calls[c].turn();
    raise(SIGSTOP);
  }
  return 0;
}

static int stopped_at_mark(int status) { return WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP; }

static int go_to_mark(pid_t pid) {
  int status;
  do {
    ptrace(PTRACE_CONT, pid, 0, 0);
    if (waitpid(pid, &status, 0) != pid) return 0;
  } while (WIFSTOPPED(status) && !stopped_at_mark(status));
  return stopped_at_mark(status);
}

static long steps_to_mark(pid_t pid) {
  int status;
  for (long n = 0;; n++) {
    ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return -1;
    if (stopped_at_mark(status)) return n;
  }
}

int main(int argc, char** argv) {
  (void)argv;
  if (argc > 1) return child();
  const pid_t pid = fork();
  if (!pid) {
    if (getenv("LIBRARY")) setenv("LD_PRELOAD", getenv("LIBRARY"), 1);
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    execl("/proc/self/exe", "sync_step", "child", NULL);
    _exit(127);
  }
  int status;
  waitpid(pid, &status, 0);   // its exec
  long empty = 0;
  for (int c = 0; c < kCalls; c++) {
    if (!go_to_mark(pid)) return 1;
    const long n = steps_to_mark(pid);
    if (n < 0) return 1;
    if (c == 0) empty = n;
    else printf("%s %ld\n", calls[c].name, (n - empty) / kTurns);
  }
  kill(pid, SIGKILL);
  return 0;
}
