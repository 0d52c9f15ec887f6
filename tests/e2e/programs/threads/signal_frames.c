// tests/e2e/programs/threads/signal_frames.c: handlers: their masks, stacks, siginfo and flags, their jumps, where they may run.
#include "helpers.h"

#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <ucontext.h>

static int is_blocked(int sig) {
  sigset_t set;
  pthread_sigmask(SIG_SETMASK, NULL, &set);
  return sigismember(&set, sig);
}

static void block(int sig) {
  sigset_t set = set_of(sig);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
}
static void unblock(int sig) {
  sigset_t set = set_of(sig);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void act(int sig, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handler;
  action.sa_flags = flags | SA_SIGINFO;
  MUST(sigaction(sig, &action, NULL) == 0);
}

// ---- what sigaction says ----

static void nothing(int sig) { (void)sig; }
static void nothing3(int sig, siginfo_t* info, void* context) { (void)sig, (void)info, (void)context; }
static void* gives(void* arg) { return arg; }
CASE(sigaction_tells_what_was_set) {
  struct sigaction set, got;
  finish(start(gives, NULL));
  memset(&set, 0, sizeof set);
  set.sa_handler = nothing;
  set.sa_flags = SA_RESTART | SA_NODEFER | SA_RESETHAND;
  sigaddset(&set.sa_mask, SIGUSR2);
  CHECK(sigaction(SIGUSR1, &set, NULL) == 0);
  CHECK(sigaction(SIGUSR1, NULL, &got) == 0);
  CHECK(got.sa_handler == nothing && sigismember(&got.sa_mask, SIGUSR2) == 1 && sigismember(&got.sa_mask, SIGUSR1) == 0);
  CHECK((got.sa_flags & (SA_RESTART | SA_NODEFER | SA_RESETHAND | SA_SIGINFO)) == (SA_RESTART | SA_NODEFER | SA_RESETHAND));
  set.sa_sigaction = nothing3;
  set.sa_flags = SA_SIGINFO | SA_ONSTACK;
  CHECK(sigaction(SIGUSR1, &set, &got) == 0 && got.sa_handler == nothing);
  CHECK(sigaction(SIGUSR1, NULL, &got) == 0 && got.sa_sigaction == nothing3 && (got.sa_flags & SA_ONSTACK));
  CHECK(signal(SIGUSR1, SIG_IGN) == (void (*)(int))nothing3);
  CHECK(signal(SIGUSR1, nothing) == SIG_IGN);
  CHECK(sigaction(SIGUSR1, NULL, &got) == 0 && got.sa_handler == nothing && (got.sa_flags & SA_RESTART));
  CHECK(signal(SIGUSR1, SIG_DFL) == nothing);
  errno = 0;
  CHECK(signal(SIGKILL, nothing) == SIG_ERR && errno == EINVAL);
  errno = 0;
  CHECK(sigaction(65, &set, NULL) == -1 && errno == EINVAL);
  CHECK(siginterrupt(SIGUSR1, 1) == 0);
  CHECK(signal(SIGUSR1, nothing) == SIG_DFL);
  CHECK(sigaction(SIGUSR1, NULL, &got) == 0 && !(got.sa_flags & SA_RESTART));
  CHECK(siginterrupt(SIGUSR1, 0) == 0);
  CHECK(sigset(SIGUSR1, SIG_HOLD) == nothing && is_blocked(SIGUSR1));
  CHECK(sigset(SIGUSR1, SIG_DFL) == SIG_HOLD && !is_blocked(SIGUSR1));
}

static int ran;
static void counts(int sig) {
  (void)sig;
  add(&ran, 1);
}
static void* raises_once(void* arg) {
  (void)arg;
  raise(SIGUSR1);
  return NULL;
}
CASE(resethand_counts_once) {
  struct sigaction got;
  handle(SIGUSR1, counts, SA_RESETHAND);
  store(&ran, 0);
  finish(start(raises_once, NULL));
  CHECK(load(&ran) == 1);
  CHECK(sigaction(SIGUSR1, NULL, &got) == 0 && got.sa_handler == SIG_DFL);
}

static volatile int depth, deepest, calls;   // raise() is declared not to come back here
static void nests(int sig) {
  if (++depth > deepest) deepest = depth;
  if (++calls < 4) raise(sig);
  depth--;
}
static void* raises_usr1(void* arg) {
  (void)arg;
  raise(SIGUSR1);
  return NULL;
}
CASE(nodefer_nests) {
  handle(SIGUSR1, nests, SA_NODEFER);
  depth = deepest = calls = 0;
  finish(start(raises_usr1, NULL));
  CHECK(deepest == 4 && calls == 4);
  handle(SIGUSR1, nests, 0);
  depth = deepest = calls = 0;
  finish(start(raises_usr1, NULL));
  CHECK(deepest == 1 && calls == 4);
}

// ---- masks ----

static void writes_its_mask(int sig, siginfo_t* info, void* context) {
  (void)sig, (void)info;
  sigaddset(&((ucontext_t*)context)->uc_sigmask, SIGUSR2);
}
static void* has_the_written_mask(void* arg) {
  (void)arg;
  CHECK(!is_blocked(SIGUSR2));
  raise(SIGUSR1);
  CHECK(is_blocked(SIGUSR2) && !is_blocked(SIGUSR1));
  for (int i = 0; i < 5; i++) sched_yield();
  CHECK(is_blocked(SIGUSR2));
  return NULL;
}
CASE(a_mask_written_into_the_context) {
  act(SIGUSR1, writes_its_mask, 0);
  in_threads(10, has_the_written_mask);
}

static __thread sigjmp_buf back;
static void jumps(int sig) {
  sched_yield();
  siglongjmp(back, sig);
}
static void* jumps_after_parking(void* arg) {
  (void)arg;
  block(SIGUSR2);
  for (volatile int i = 0; i < 20; i++) {
    if (!sigsetjmp(back, 1)) {
      raise(SIGUSR1);
      CHECK(0);
    }
    CHECK(!is_blocked(SIGUSR1) && is_blocked(SIGUSR2));
    usleep(50);
    CHECK(!is_blocked(SIGUSR1) && is_blocked(SIGUSR2));
    if (!sigsetjmp(back, 0)) {
      raise(SIGUSR1);
      CHECK(0);
    }
    CHECK(is_blocked(SIGUSR1));   // nothing was saved
    unblock(SIGUSR1);
  }
  return NULL;
}
CASE(siglongjmp_from_a_handler_that_yielded) {
  handle(SIGUSR1, jumps, 0);
  in_threads(10, jumps_after_parking);
}

// A handler that blocks leaves its thread's other mask in force, wherever it goes on.
static sem_t go;
static int inside;
static void waits(int sig) {
  add(&inside, 1);
  CHECK(is_blocked(sig));
  while (sem_wait(&go)) {}
  CHECK(is_blocked(sig));
}
static void* is_held_up(void* arg) {
  (void)arg;
  raise(SIGUSR1);
  CHECK(!is_blocked(SIGUSR1));
  return NULL;
}
CASE(a_handler_may_block) {
  pthread_t t[20];
  sem_init(&go, 0, 0);
  store(&inside, 0);
  handle(SIGUSR1, waits, 0);
  for (int i = 0; i < 20; i++) t[i] = start(is_held_up, NULL);
  await(&inside, 20);
  CHECK(!is_blocked(SIGUSR1));
  for (int i = 0; i < 20; i++) sem_post(&go);
  for (int i = 0; i < 20; i++) finish(t[i]);
}

// ---- waits under another mask ----

static int p[2];
static int interrupted_under(int way, const sigset_t* mask) {
  struct timespec long_time = {100, 0};
  struct pollfd one = {p[0], POLLIN, 0};
  struct epoll_event event;
  fd_set set;
  errno = 0;
  FD_ZERO(&set);
  FD_SET(p[0], &set);
  switch (way) {
    case 0: return ppoll(&one, 1, &long_time, mask) == -1 && errno == EINTR;
    case 1: return pselect(p[0] + 1, &set, NULL, NULL, &long_time, mask) == -1 && errno == EINTR;
    case 2: {
      const int fd = epoll_create1(0);
      const int code = epoll_pwait(fd, &event, 1, 100000, mask), error = errno;
      close(fd);
      return code == -1 && error == EINTR;
    }
    default: return sigsuspend(mask) == -1 && errno == EINTR;
  }
}
static int about;
static void* waits_under(void* way) {
  sigset_t mask;
  block(SIGUSR1);
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  sigdelset(&mask, SIGUSR1);
  add(&about, 1);
  const int result = interrupted_under((int)number_of(way), &mask);
  CHECK(is_blocked(SIGUSR1));
  return number(result);
}
CASE(another_mask_for_the_wait) {
  MUST(pipe(p) == 0);
  handle(SIGUSR1, counts, SA_RESTART);
  for (int way = 0; way < 4; way++) {
    for (int late = 0; late < 2; late++) {   // sent before or after it waits
      pthread_t t[5];
      about = 0;
      store(&ran, 0);
      for (int i = 0; i < 5; i++) t[i] = start(waits_under, number(way));
      await(&about, 5);
      if (late) sleep_millis(1);
      for (int i = 0; i < 5; i++) CHECK(pthread_kill(t[i], SIGUSR1) == 0);
      for (int i = 0; i < 5; i++) CHECK(finish(t[i]) == number(1));
      CHECK(load(&ran) == 5);
    }
  }
  // What is ready comes first, and the signal stays.
  MUST(write(p[1], "x", 1) == 1);
  block(SIGUSR1);
  store(&ran, 0);
  sigset_t none = set_of(0);
  struct pollfd one = {p[0], POLLIN, 0};
  pthread_kill(pthread_self(), SIGUSR1);
  CHECK(ppoll(&one, 1, NULL, &none) == 1 && load(&ran) == 0);
  unblock(SIGUSR1);
  CHECK(load(&ran) == 1);
  close(p[0]);
  close(p[1]);
}

// Two threads wake each other by signals alone: none may be lost.
static pthread_t partner[2];
static __thread volatile int mine;
static void is_mine(int sig) {
  (void)sig;
  mine++;
}
static void* hands_over(void* me) {
  const int i = (int)number_of(me);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  sigdelset(&mask, SIGUSR1);
  add(&about, 1);
  await(&about, 3);
  for (int n = 1; n <= 300; n++) {
    if (i == 0) pthread_kill(partner[1], SIGUSR1);
    while (mine < n) sigsuspend(&mask);
    if (i == 1) pthread_kill(partner[0], SIGUSR1);
  }
  return NULL;
}
CASE(ping_pong_by_sigsuspend) {
  handle(SIGUSR1, is_mine, 0);
  block(SIGUSR1);
  about = 0;
  partner[1] = start(hands_over, number(1));
  partner[0] = start(hands_over, number(0));
  add(&about, 1);
  finish(partner[0]);
  finish(partner[1]);
  unblock(SIGUSR1);
}

// ---- alternate stacks ----

enum { kAlternate = 64 * 1024 };
static __thread char* alternate;
static void stands_there(int sig) {
  char here;
  (void)sig;
  for (int i = 0; i < 3; i++) {
    stack_t now;
    CHECK(&here >= alternate && &here < alternate + kAlternate);
    CHECK(sigaltstack(NULL, &now) == 0 && now.ss_sp == alternate && (now.ss_flags & SS_ONSTACK));
    sched_yield();
    usleep(20);
  }
}
static void* has_its_own_stack(void* arg) {
  (void)arg;
  stack_t s = {.ss_sp = malloc(kAlternate), .ss_flags = 0, .ss_size = kAlternate}, before, off = {.ss_flags = SS_DISABLE};
  CHECK(sigaltstack(NULL, &before) == 0 && (before.ss_flags & SS_DISABLE));   // not inherited
  alternate = (char*)s.ss_sp;
  CHECK(sigaltstack(&s, NULL) == 0);
  for (int i = 0; i < 10; i++) {
    raise(SIGUSR1);
    sched_yield();
    CHECK(sigaltstack(NULL, &before) == 0 && before.ss_sp == alternate && !(before.ss_flags & SS_ONSTACK));
  }
  CHECK(sigaltstack(&off, NULL) == 0);
  free(alternate);
  return NULL;
}
CASE(a_stack_each) {
  handle(SIGUSR1, stands_there, SA_ONSTACK);
  in_threads(16, has_its_own_stack);
}

// A thread runs into its guard, again and again, and its handler jumps out.
static void overflowed(int sig, siginfo_t* info, void* context) {
  (void)info, (void)context;
  siglongjmp(back, sig);
}
__attribute__((noinline)) static int recurses(int n) {
  volatile char room[4096];
  room[0] = (char)n;
  return recurses(n + 1) + room[0];
}
static void* overflows(void* arg) {
  (void)arg;
  stack_t s = {.ss_sp = malloc(kAlternate), .ss_flags = 0, .ss_size = kAlternate}, off = {.ss_flags = SS_DISABLE};
  CHECK(sigaltstack(&s, NULL) == 0);
  for (volatile int i = 0; i < 3; i++) {
    const int sig = sigsetjmp(back, 1);
    if (!sig) recurses(0);
    CHECK(sig == SIGSEGV && !is_blocked(SIGSEGV));
    sched_yield();
  }
  CHECK(sigaltstack(&off, NULL) == 0);
  free(s.ss_sp);
  return NULL;
}
CASE(stack_overflow_is_handled) {
  act(SIGSEGV, overflowed, SA_ONSTACK);
  pthread_t t[6];
  for (int i = 0; i < 6; i++) t[i] = start_on(128 * 1024, overflows, NULL);
  for (int i = 0; i < 6; i++) finish(t[i]);
  signal(SIGSEGV, SIG_DFL);
}

// ---- faults ----

static char* page;
static void opens_the_page(int sig, siginfo_t* info, void* context) {
  (void)sig, (void)context;
  char* at = (char*)((uintptr_t)info->si_addr & ~(uintptr_t)4095);
  CHECK(info->si_code == SEGV_ACCERR);
  sched_yield();
  mprotect(at, 4096, PROT_READ | PROT_WRITE);
}
static void* touches(void* i) {
  page[number_of(i) * 4096 + 17] = 1;
  return NULL;
}
CASE(a_fault_is_repaired) {
  page = (char*)mmap(NULL, 4096 * 32, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  act(SIGSEGV, opens_the_page, 0);
  in_threads(32, touches);
  for (int i = 0; i < 32; i++) CHECK(page[i * 4096 + 17] == 1);
  munmap(page, 4096 * 32);
  signal(SIGSEGV, SIG_DFL);
}

static void divided(int sig, siginfo_t* info, void* context) {
  (void)info, (void)context;
  siglongjmp(back, sig);
}
static volatile int zero;
static void* divides(void* arg) {
  if (!sigsetjmp(back, 1)) return number(17 / zero);
  return arg;
}
CASE(division_by_zero) {
  act(SIGFPE, divided, 0);
  for (int i = 0; i < 10; i++) CHECK(finish(start(divides, number(5))) == number(5));
}

// ---- siginfo ----

static siginfo_t seen;
static pthread_t seen_by;
static void sees(int sig, siginfo_t* info, void* context) {
  (void)sig, (void)context;
  seen = *info;
  seen_by = pthread_self();
  add(&ran, 1);
}
static void* waits_for_a_signal(void* arg) {
  add(&about, 1);
  while (!load(&ran)) pause();
  return arg;
}
CASE(siginfo_of_each_kind) {
  act(SIGRTMIN + 2, sees, 0);
  union sigval value = {.sival_int = 77};
  for (int kind = 0; kind < 3; kind++) {
    about = 0;
    store(&ran, 0);
    block(SIGRTMIN + 2);
    pthread_t t = start(waits_for_a_signal, NULL);   // has it blocked as well
    await(&about, 1);
    unblock(SIGRTMIN + 2);
    memset(&seen, 0, sizeof seen);
    if (kind == 0) CHECK(pthread_kill(pthread_self(), SIGRTMIN + 2) == 0);
    if (kind == 1) CHECK(pthread_sigqueue(pthread_self(), SIGRTMIN + 2, value) == 0);
    if (kind == 2) CHECK(sigqueue(getpid(), SIGRTMIN + 2, value) == 0);
    await(&ran, 1);
    CHECK(seen.si_signo == SIGRTMIN + 2 && seen.si_pid == getpid() && seen.si_uid == getuid());
    CHECK(seen.si_code == (kind ? SI_QUEUE : SI_TKILL) && (!kind || seen.si_value.sival_int == 77));
    CHECK(pthread_equal(seen_by, pthread_self()));
    pthread_cancel(t);
    finish(t);
  }
}

// A child's end, told to main while everybody is parked.
static void* parks(void* arg) {
  add(&about, 1);
  for (;;) sleep(100);
  return arg;
}
CASE(sigchld_reaches_main) {
  pthread_t t[5];
  act(SIGCHLD, sees, SA_RESTART);
  store(&ran, 0);
  about = 0;
  for (int i = 0; i < 5; i++) t[i] = start(parks, NULL);
  await(&about, 5);
  fflush(stdout);
  const pid_t pid = fork();
  if (!pid) {
    usleep(2000);
    _exit(3);
  }
  while (!load(&ran)) {
    struct timespec d = {5, 0};
    nanosleep(&d, NULL);
  }
  CHECK(seen.si_pid == pid && seen.si_code == CLD_EXITED && seen.si_status == 3 && pthread_equal(seen_by, pthread_self()));
  CHECK(ended_with(pid) == 3);
  for (int i = 0; i < 5; i++) pthread_cancel(t[i]);
  for (int i = 0; i < 5; i++) finish(t[i]);
  signal(SIGCHLD, SIG_DFL);
}

// Main computes, or waits, while others compute: kill() from outside is main's, as a rule: a kernel passes over a main
// that it is about to wake for something else.
static int stop;
static void* spins(void* arg) {
  while (!load(&stop)) {}
  return arg;
}
CASE(main_stands_first) {
  pthread_t t[4];
  act(SIGUSR1, sees, 0);
  stop = 0;
  for (int i = 0; i < 4; i++) t[i] = start(spins, NULL);
  fflush(stdout);
  const pid_t parent = getpid();
  int by_main = 0;
  for (int i = 0; i < 5; i++) {
    store(&ran, 0);
    const pid_t pid = fork();
    if (!pid) {
      usleep(500);
      kill(parent, SIGUSR1);
      _exit(0);
    }
    while (!load(&ran)) usleep(100000);
    CHECK(seen.si_pid == pid && seen.si_code == SI_USER);
    by_main += pthread_equal(seen_by, pthread_self()) != 0;
    CHECK(ended_with(pid) == 0);
  }
  CHECK(by_main >= 3);
  store(&stop, 1);
  for (int i = 0; i < 4; i++) finish(t[i]);
}

// kill() of oneself has run before it returns, whoever calls it, where nobody else takes it.
static void* kills_itself(void* arg) {
  unblock(SIGUSR1);
  for (int i = 1; i <= 20; i++) {
    store(&ran, 0);
    CHECK(kill(getpid(), SIGUSR1) == 0 && load(&ran) == 1 && pthread_equal(seen_by, pthread_self()));
    CHECK(syscall(SYS_kill, getpid(), SIGUSR1) == 0 && load(&ran) == 2);
    if (i % 4 == 0) sched_yield();
  }
  return arg;
}
CASE(kill_runs_before_it_returns) {
  act(SIGUSR1, sees, 0);
  block(SIGUSR1);
  pthread_t t[3];
  finish(start(kills_itself, NULL));
  about = 0;
  for (int i = 0; i < 3; i++) t[i] = start(parks, NULL);   // blocked there
  await(&about, 3);
  finish(start(kills_itself, NULL));
  for (int i = 0; i < 3; i++) pthread_cancel(t[i]);
  for (int i = 0; i < 3; i++) finish(t[i]);
  unblock(SIGUSR1);
}

// A signal that everybody blocks waits for the kernel's readers, though threads had it open a moment ago.
static void* is_blocked_by_all(void* arg) {
  (void)arg;
  for (int i = 0; i < 3; i++) sched_yield();
  return NULL;
}
CASE(pending_for_the_process) {
  signal(SIGUSR2, SIG_DFL);
  for (int i = 0; i < 20; i++) {
    sigset_t pending, set = set_of(SIGUSR2);
    in_threads(4, is_blocked_by_all);
    block(SIGUSR2);
    CHECK(kill(getpid(), SIGUSR2) == 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR2));
    int sig = 0;
    CHECK(sigwait(&set, &sig) == 0 && sig == SIGUSR2);
    unblock(SIGUSR2);
  }
}

// ---- by number ----

static void* sends_by_number(void* to) {
  CHECK(syscall(SYS_tgkill, getpid(), (int)number_of(to), SIGUSR1) == 0);
  CHECK(syscall(SYS_gettid) != number_of(to));
  return NULL;
}
CASE(by_number) {
  uint64_t set = 1ull << (SIGUSR2 - 1), before = ~0ull, now = 0;
  act(SIGUSR1, sees, 0);
  finish(start(gives, NULL));
  store(&ran, 0);
  finish(start(sends_by_number, number(syscall(SYS_gettid))));
  await(&ran, 1);
  CHECK(seen.si_code == SI_TKILL && pthread_equal(seen_by, pthread_self()));
  CHECK(syscall(SYS_tkill, (int)syscall(SYS_gettid), SIGUSR1) == 0 && load(&ran) == 2);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_QUEUE;
  info.si_value.sival_int = 99;
  CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), (int)syscall(SYS_gettid), SIGUSR1, &info) == 0 && load(&ran) == 3);
  CHECK(seen.si_code == SI_QUEUE && seen.si_value.sival_int == 99);
  CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, &before, 8) == 0 && is_blocked(SIGUSR2));
  CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, &now, 8) == 0 && (now & set) && !is_blocked(SIGUSR2));
  errno = 0;
  CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 16) == -1 && errno == EINVAL);
  errno = 0;
  CHECK(syscall(SYS_tgkill, getpid(), 0x7ffffff, SIGUSR1) == -1 && errno == ESRCH);
}

// ---- timers ----

CASE(a_timer_for_one_thread) {
  act(SIGRTMIN + 4, sees, SA_RESTART);
  finish(start(gives, NULL));
  struct sigevent event;
  timer_t timer;
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGRTMIN + 4;
  event.sigev_value.sival_int = 6;
  event._sigev_un._tid = (int)syscall(SYS_gettid);
  store(&ran, 0);
  MUST(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  struct itimerspec d = {{0, 0}, {0, 1000000}};
  MUST(timer_settime(timer, 0, &d, NULL) == 0);
  while (!load(&ran)) usleep(10000);
  CHECK(seen.si_code == SI_TIMER && seen.si_value.sival_int == 6 && pthread_equal(seen_by, pthread_self()));
  timer_delete(timer);
}
static void* has_a_timer(void* arg) {
  (void)arg;
  a_timer_for_one_thread();
  return NULL;
}
CASE(a_timer_for_another_thread) { finish(start(has_a_timer, NULL)); }

// ---- a handler anywhere ----

static int posted;
static sem_t semaphore;
static void does_what_is_safe(int sig) {
  const int error = errno;
  struct sigaction action;
  sigset_t set;
  sem_post(&semaphore);
  sigaction(sig, NULL, &action);
  sigpending(&set);
  pthread_sigmask(SIG_BLOCK, NULL, &set);
  if (write(-1, "", 1) != -1) abort();
  if (add(&posted, 1) % 16 == 0) {
    struct timespec d = {0, 1000};
    nanosleep(&d, NULL);
    poll(NULL, 0, 0);
  }
  errno = error;
}
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turns, lived;
static void* lives(void* arg) {
  void* kept[16] = {NULL};
  errno = 4242;
  int i = 0;
  for (; i < 1500 || load(&posted) < 200; i++) {
    void** slot = &kept[i % 16];
    free(*slot);
    *slot = malloc((size_t)(i % 700) + 1);
    memset(*slot, i, (size_t)(i % 700) + 1);
    pthread_mutex_lock(&mutex);
    turns++;
    if (i % 10 == 0) pthread_cond_broadcast(&cond);
    if (i % 50 == 0) {
      struct timespec d = in_millis(CLOCK_REALTIME, 1);
      pthread_cond_timedwait(&cond, &mutex, &d);
    }
    pthread_mutex_unlock(&mutex);
    while (sem_trywait(&semaphore) == 0) {}
    if (errno == EAGAIN) errno = 4242;
    CHECK(errno == 4242);
  }
  for (int k = 0; k < 16; k++) free(kept[k]);
  add(&lived, i);
  add(&stop, 1);
  return arg;
}
CASE(storm) {
  pthread_t t[6];
  handle(SIGUSR1, does_what_is_safe, SA_RESTART);
  handle(SIGUSR2, does_what_is_safe, SA_RESTART);
  sem_init(&semaphore, 0, 0);
  stop = turns = posted = lived = 0;
  for (int i = 0; i < 6; i++) t[i] = start(lives, NULL);
  for (int i = 0; load(&stop) < 6; i++) {
    pthread_kill(t[i % 6], i % 3 ? SIGUSR1 : SIGUSR2);
    if (i % 8 == 0) kill(getpid(), SIGUSR2);
    if (i % 4 == 0) sched_yield();
  }
  for (int i = 0; i < 6; i++) finish(t[i]);
  CHECK(turns == lived);
}

// Threads are stopped and let go by signals, as collectors do it.
static sem_t stopped;
static int resumed;
static void stops(int sig) {
  const int error = errno;
  sigset_t mask;
  (void)sig;
  sigfillset(&mask);
  sigdelset(&mask, SIGUSR2);
  const int was = load(&resumed);
  sem_post(&stopped);
  while (load(&resumed) == was) sigsuspend(&mask);
  errno = error;
}
static void* works(void* arg) {
  while (!load(&stop)) {
    free(malloc(100));
    pthread_mutex_lock(&mutex);
    turns++;
    pthread_mutex_unlock(&mutex);
  }
  return arg;
}
CASE(stopping_the_world) {
  struct sigaction action;
  pthread_t t[5];
  memset(&action, 0, sizeof action);
  action.sa_handler = stops;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  sigaction(SIGUSR1, &action, NULL);
  action.sa_handler = nothing;
  sigaction(SIGUSR2, &action, NULL);
  sem_init(&stopped, 0, 0);
  stop = 0;
  for (int i = 0; i < 5; i++) t[i] = start(works, NULL);
  for (int n = 0; n < 30; n++) {
    for (int i = 0; i < 5; i++) CHECK(pthread_kill(t[i], SIGUSR1) == 0);
    for (int i = 0; i < 5; i++) while (sem_wait(&stopped)) {}
    const int seen_turns = turns;
    sched_yield();
    CHECK(turns == seen_turns);
    add(&resumed, 1);
    for (int i = 0; i < 5; i++) pthread_kill(t[i], SIGUSR2);
    usleep(100);
  }
  store(&stop, 1);
  for (int i = 0; i < 5; i++) finish(t[i]);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
