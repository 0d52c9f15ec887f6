// tests/e2e/programs/threads/masks.c: signal masks per thread: inherited, kept across yields and blocking, put back by
// handlers.
#include "helpers.h"

#include <setjmp.h>

static int is_blocked(int sig) {
  sigset_t now_blocked;
  pthread_sigmask(SIG_SETMASK, NULL, &now_blocked);
  return sigismember(&now_blocked, sig);
}

static void* has_its_own_mask(void* arg) {
  const int mine = SIGRTMIN + (int)number_of(arg) % 20;
  CHECK(is_blocked(SIGUSR2) == 1 && is_blocked(SIGUSR1) == 0);  // inherited
  sigset_t set = set_of(mine);
  CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
  for (int i = 0; i < 20; i++) {
    if (i % 5)
      sched_yield();
    else
      usleep(100);
    CHECK(is_blocked(mine) == 1 && is_blocked(SIGUSR2) == 1 &&
          is_blocked(SIGRTMIN + (int)(number_of(arg) + 1) % 20) == 0);
  }
  return NULL;
}
CASE(inherited_and_kept) {
  sigset_t usr2 = set_of(SIGUSR2);
  CHECK(pthread_sigmask(SIG_BLOCK, &usr2, NULL) == 0);
  in_threads(40, has_its_own_mask);
  CHECK(is_blocked(SIGUSR2) == 1 && is_blocked(SIGRTMIN) == 0);
  CHECK(pthread_sigmask(SIG_UNBLOCK, &usr2, NULL) == 0);
}

static void* says_what_is_pending(void* arg) {
  sigset_t set = set_of(SIGUSR1), pending;
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  if (number_of(arg)) pthread_kill(pthread_self(), SIGUSR1);
  sched_yield();
  sigpending(&pending);
  const int there = sigismember(&pending, SIGUSR1);
  struct timespec at_once = {0, 0};
  sigtimedwait(&set, NULL, &at_once);  // takes it away
  return number(there);
}
CASE(pending_is_the_thread_s) {
  pthread_t t[20];
  for (int i = 0; i < 20; i++) t[i] = start(says_what_is_pending, number(i % 2));
  for (int i = 0; i < 20; i++) CHECK(finish(t[i]) == number(i % 2));
}

CASE(wrong_arguments) {
  sigset_t set = set_of(SIGUSR1);
  CHECK(pthread_sigmask(99, &set, NULL) == EINVAL);
  CHECK(pthread_sigmask(99, NULL, NULL) == 0);  // nothing to do
  sigfillset(&set);
  CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
  CHECK(is_blocked(SIGKILL) == 0 && is_blocked(SIGSTOP) == 0 && is_blocked(SIGTERM) == 1);
  CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
}

static __thread volatile int inside_blocked;
static void looks(int sig) {
  inside_blocked = is_blocked(sig) * 10 + is_blocked(SIGUSR2);
  sched_yield();
  inside_blocked += is_blocked(sig) * 1000 + is_blocked(SIGUSR2) * 100;
}
static void* raises(void* arg) {
  (void)arg;
  for (int i = 0; i < 10; i++) {
    inside_blocked = 0;
    raise(SIGUSR1);
    CHECK(inside_blocked == 1111);
    CHECK(is_blocked(SIGUSR1) == 0 && is_blocked(SIGUSR2) == 0);
  }
  return NULL;
}
CASE(a_handler_has_its_mask) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = looks;
  sigaddset(&action.sa_mask, SIGUSR2);
  sigaction(SIGUSR1, &action, NULL);
  in_threads(20, raises);
}

static __thread sigjmp_buf back;
static void jumps(int sig) { siglongjmp(back, sig); }
static void* jumps_out(void* arg) {
  (void)arg;
  for (volatile int i = 0; i < 20; i++) {
    const int sig = sigsetjmp(back, 1);
    if (!sig) {
      raise(SIGUSR1);
      CHECK(0);
    }
    CHECK(sig == SIGUSR1 && is_blocked(SIGUSR1) == 0);
    sched_yield();
  }
  return NULL;
}
CASE(siglongjmp_puts_the_mask_back) {
  handle(SIGUSR1, jumps, 0);
  in_threads(20, jumps_out);
}

static __thread volatile int handled;
static void counts(int sig) {
  (void)sig;
  handled++;
}
static void* suspends(void* arg) {
  (void)arg;
  sigset_t usr1 = set_of(SIGUSR1), none = set_of(0);
  pthread_sigmask(SIG_BLOCK, &usr1, NULL);
  pthread_kill(pthread_self(), SIGUSR1);
  CHECK(handled == 0);
  errno = 0;
  CHECK(sigsuspend(&none) == -1 && errno == EINTR && handled == 1);
  CHECK(is_blocked(SIGUSR1) == 1);
  return NULL;
}
CASE(sigsuspend_lets_it_through) {
  handle(SIGUSR1, counts, 0);
  in_threads(20, suspends);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
