// tests/e2e/programs/threads/process_signals.c: kill() with every thread parked, sigwait threads, the default actions,
// alarm.
#include "helpers.h"

#include <semaphore.h>
#include <sys/time.h>

static int handled;
static pthread_t handled_by;
static void notes(int sig) {
  (void)sig;
  handled_by = pthread_self();
  add(&handled, 1);
}

static sem_t end;
static int parked;
static void* parks(void* block) {
  if (block) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
  }
  add(&parked, 1);
  while (sem_wait(&end)) {}
  return NULL;
}

// A child sends the signals while every thread of this process is parked.
static pid_t signals_from_a_child(int times, int sig) {
  const pid_t parent = getpid();
  pid_t pid = fork();
  if (pid) return pid;
  for (int i = 0; i < times; i++) {
    sleep_millis(2);
    kill(parent, sig);
  }
  _exit(0);
}

CASE(with_all_threads_parked) {
  pthread_t t[20];
  sem_init(&end, 0, 0);
  handle(SIGUSR1, notes, 0);
  handled = parked = 0;
  for (int i = 0; i < 20; i++) t[i] = start(parks, NULL);
  await(&parked, 20);
  pid_t pid = signals_from_a_child(20, SIGUSR1);
  while (load(&handled) < 1) usleep(1000);
  CHECK(ended_with(pid) == 0);
  for (int i = 0; i < 20; i++) sem_post(&end);
  for (int i = 0; i < 20; i++) finish(t[i]);
  CHECK(handled >= 1 && handled <= 20);
}

// Only one thread takes it: the others, main too, have it blocked.
static void* takes_it(void* arg) {
  sigset_t usr1 = set_of(SIGUSR1);
  pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
  return parks(arg);
}
CASE(to_the_one_thread_that_takes_it) {
  pthread_t t[10];
  sigset_t usr1 = set_of(SIGUSR1);
  handle(SIGUSR1, notes, 0);
  pthread_sigmask(SIG_BLOCK, &usr1, NULL);
  handled = parked = 0;
  for (int i = 0; i < 10; i++) t[i] = start(i == 7 ? takes_it : parks, number(i != 7));
  await(&parked, 10);
  for (int i = 0; i < 10; i++) {
    CHECK(kill(getpid(), SIGUSR1) == 0);
    await(&handled, i + 1);
    CHECK(pthread_equal(handled_by, t[7]));
  }
  for (int i = 0; i < 10; i++) sem_post(&end);
  for (int i = 0; i < 10; i++) finish(t[i]);
  pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
}

CASE(nobody_takes_it_until_somebody_does) {
  sigset_t usr1 = set_of(SIGUSR1), pending;
  handle(SIGUSR1, notes, 0);
  pthread_sigmask(SIG_BLOCK, &usr1, NULL);
  handled = parked = 0;
  pthread_t t = start(parks, number(1));
  await(&parked, 1);
  kill(getpid(), SIGUSR1);
  sleep_millis(2);
  CHECK(load(&handled) == 0);
  CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
  pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
  CHECK(load(&handled) == 1 && pthread_equal(handled_by, pthread_self()));
  sem_post(&end);
  finish(t);
}

// The classic: one thread waits for the signals of all.
static int taken[65];
static void* waits_for_signals(void* set) {
  int sig;
  for (;;) {
    if (sigwait((sigset_t*)set, &sig)) return number(-1);
    add(&taken[sig], 1);
    if (sig == SIGTERM) return number(SIGTERM);
  }
}
CASE(a_thread_in_sigwait) {
  sigset_t set = set_of(SIGUSR1);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_t waiter = start(waits_for_signals, &set), t[10];
  parked = 0;
  for (int i = 0; i < 10; i++) t[i] = start(parks, NULL);
  await(&parked, 10);
  for (int i = 1; i <= 10; i++) {
    kill(getpid(), i % 2 ? SIGUSR1 : SIGHUP);
    while (load(&taken[SIGUSR1]) + load(&taken[SIGHUP]) < i) sched_yield();
  }
  pthread_kill(waiter, SIGTERM);
  CHECK(finish(waiter) == number(SIGTERM));
  CHECK(taken[SIGUSR1] == 5 && taken[SIGHUP] == 5);
  for (int i = 0; i < 10; i++) sem_post(&end);
  for (int i = 0; i < 10; i++) finish(t[i]);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void* takes_one_unit(void* set) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int sig;
  do sig = sigwaitinfo((sigset_t*)set, &info);
  while (sig < 0 && errno == EINTR);  // the kernel's answer to one that was woken and found it taken
  return number(sig > 0 ? info.si_value.sival_int : -1);
}
CASE(many_in_sigwaitinfo) {
  sigset_t set = set_of(SIGRTMIN + 3);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_t t[20];
  int sum = 0;
  for (int i = 0; i < 20; i++) t[i] = start(takes_one_unit, &set);
  for (int i = 0; i < 20; i++) {
    union sigval value = {.sival_int = i};
    CHECK(sigqueue(getpid(), SIGRTMIN + 3, value) == 0);
  }
  for (int i = 0; i < 20; i++) sum += (int)number_of(finish(t[i]));
  CHECK(sum == 190);
}

CASE(sigtimedwait_is_never_early) {
  sigset_t set = set_of(SIGRTMIN + 4);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  for (int i = 1; i <= 5; i++) {
    struct timespec d = timespec_of(millis(i));
    const int64_t begin = now(CLOCK_MONOTONIC);
    errno = 0;
    CHECK(sigtimedwait(&set, NULL, &d) == -1 && errno == EAGAIN && now(CLOCK_MONOTONIC) - begin >= millis(i));
  }
}

// Timers that send signals to the process.
CASE(alarm_and_itimer) {
  handle(SIGALRM, notes, 0);
  store(&handled, 0);
  struct itimerval every = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
  CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
  while (load(&handled) < 3) pause();
  CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
}

// The default action ends the whole process, whoever runs.
CASE(a_deadly_signal_ends_all) {
  static const int deadly[] = {SIGTERM, SIGINT, SIGKILL, SIGUSR2};
  fflush(stdout);
  for (int i = 0; i < 4; i++) {
    int link[2];
    char c;
    MUST(pipe(link) == 0);
    pid_t pid = fork();
    if (!pid) {
      signal(deadly[i], SIG_DFL);
      sem_init(&end, 0, 0);
      parked = 0;
      for (int k = 0; k < 10; k++) start(parks, NULL);
      await(&parked, 10);
      MUST(write(link[1], "r", 1) == 1);
      parks(NULL);
    }
    CHECK(read(link[0], &c, 1) == 1);
    CHECK(kill(pid, deadly[i]) == 0);
    CHECK(ended_with(pid) == 1000 + deadly[i]);
    close(link[0]);
    close(link[1]);
  }
}

CASE(stopped_and_continued) {
  int link[2], back[2], status = 0;
  char c;
  MUST(pipe(link) == 0 && pipe(back) == 0);
  fflush(stdout);
  pid_t pid = fork();
  if (!pid) {
    sem_init(&end, 0, 0);
    pthread_t t = start(parks, NULL);
    MUST(write(link[1], "r", 1) == 1);
    MUST(read(back[0], &c, 1) == 1);   // once it was stopped
    sem_post(&end);
    finish(t);
    _exit(14);
  }
  CHECK(read(link[0], &c, 1) == 1);
  kill(pid, SIGSTOP);
  CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
  MUST(write(back[1], "g", 1) == 1);
  kill(pid, SIGCONT);
  CHECK(ended_with(pid) == 14);
  for (int i = 0; i < 2; i++) {
    close(link[i]);
    close(back[i]);
  }
}

static void* aborts(void* arg) {
  (void)arg;
  abort();
}
CASE(abort_in_a_thread) {
  fflush(stdout);
  pid_t pid = fork();
  if (!pid) {
    finish(start(aborts, NULL));
    _exit(0);
  }
  CHECK(ended_with(pid) == 1000 + SIGABRT);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
