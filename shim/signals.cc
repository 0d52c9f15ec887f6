// shim/signals.cc: masks, thread-directed signals, waiting for signals, alternate stacks.
//
// Source   POSIX.1-2017 pthread_sigmask, pthread_kill, sigwait, sigsuspend, sigaltstack; tgkill(2), rt_sigtimedwait(2).
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "allocator/base/syscall.h"
#include "sched/cancel.h"
#include "sched/sched.h"
#include "sched/signals.h"
#include "shim/next.h"
#include "shim/threads.h"

using namespace gamelan;

namespace {
constexpr size_t kKernelSet = 8;  // bytes of a signal set as the kernel has it

int fail(int e) {
  errno = e;
  return -1;
}

uint64_t word_of(const sigset_t* set) {
  uint64_t w;
  memcpy(&w, set, sizeof w);
  return w;
}

int change_mask(int how, const sigset_t* set, sigset_t* before) {
  G* g = self();
  if (set && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK) return EINVAL;
  const uint64_t old = g->mask, wanted = set ? word_of(set) : 0;
  if (before) {
    memset(before, 0, sizeof *before);
    memcpy(before, &old, sizeof old);
  }
  if (set) signals::set_mask(g, how == SIG_BLOCK ? old | wanted : how == SIG_UNBLOCK ? old & ~wanted : wanted);
  return 0;
}
}  // namespace

GAMELAN_EXPORT int pthread_sigmask(int how, const sigset_t* set, sigset_t* before) {
  static constinit Next<int (*)(int, const sigset_t*, sigset_t*)> next{"pthread_sigmask"};
  if (self()->kind != GKind::goroutine || self()->in_vfork.load_relaxed()) return next.get()(how, set, before);
  return change_mask(how, set, before);
}

GAMELAN_EXPORT int sigprocmask(int how, const sigset_t* set, sigset_t* before) {
  static constinit Next<int (*)(int, const sigset_t*, sigset_t*)> next{"sigprocmask"};
  if (self()->kind != GKind::goroutine || self()->in_vfork.load_relaxed()) return next.get()(how, set, before);
  const int e = change_mask(how, set, before);
  return e ? fail(e) : 0;
}

GAMELAN_EXPORT int pthread_kill(pthread_t t, int signal) {
  static constinit Next<int (*)(pthread_t, int)> next{"pthread_kill"};
  if (!is_goroutine(t)) return next.get()(t, signal);
  return signals::send(g_of(t), signal);
}

GAMELAN_EXPORT int raise(int signal) {
  static constinit Next<int (*)(int)> next{"raise"};
  if (self()->kind != GKind::goroutine) return next.get()(signal);
  const int e = signals::send(self(), signal);
  return e ? fail(e) : 0;
}

// ---- waiting for signals: in the kernel, with the P free for others ----

GAMELAN_EXPORT int sigtimedwait(const sigset_t* set, siginfo_t* info, const struct timespec* timeout) {
  cancel::point();
  G* g = self();
  // A thread-directed one that is kept in the G comes first.
  if (g->kind == GKind::goroutine)
    if (const uint64_t mine = g->pending.load_seq() & word_of(set)) {
      const int signal = __builtin_ctzll(mine) + 1;
      g->pending.fetch_and(~signals::bit(signal));
      if (info) {
        memset(info, 0, sizeof *info);
        info->si_signo = signal;
        info->si_code = SI_TKILL;
        info->si_pid = sys::current_pid();
      }
      return signal;
    }
  siginfo_t any;
  long r;
  {
    sched::BlockingCall call;
    do r = sys::call(SYS_rt_sigtimedwait, reinterpret_cast<long>(set), reinterpret_cast<long>(info ? info : &any),
                     reinterpret_cast<long>(timeout), kKernelSet);
    while (r == -EINTR && !timeout && !cancel::requested() && !signals::is_due(g));
  }
  cancel::point();
  return sys::is_error(r) ? fail(static_cast<int>(-r)) : static_cast<int>(r);
}

GAMELAN_EXPORT int sigwaitinfo(const sigset_t* set, siginfo_t* info) { return sigtimedwait(set, info, nullptr); }

GAMELAN_EXPORT int sigwait(const sigset_t* set, int* signal) {
  int r;
  do r = sigtimedwait(set, nullptr, nullptr);
  while (r < 0 && errno == EINTR);
  if (r < 0) return errno;
  *signal = r;
  return 0;
}

GAMELAN_EXPORT int sigsuspend(const sigset_t* set) {
  cancel::point();
  long r;
  {
    sched::BlockingCall call;
    r = sys::call(SYS_rt_sigsuspend, reinterpret_cast<long>(set), kKernelSet);
  }
  cancel::point();
  return fail(static_cast<int>(-r));
}

GAMELAN_EXPORT int pause() {
  cancel::point();
  long r;
  {
    sched::BlockingCall call;
    r = sys::call(SYS_pause);
  }
  cancel::point();
  return fail(static_cast<int>(-r));
}

GAMELAN_EXPORT int sigaltstack(const stack_t* now, stack_t* before) {
  static constinit Next<int (*)(const stack_t*, stack_t*)> next{"sigaltstack"};
  const int e = next.get()(now, before);
  G* g = self();
  if (e || !now || g->kind != GKind::goroutine) return e;
  RuntimeSection section;
  g->altstack = {now->ss_flags & SS_DISABLE ? nullptr : now->ss_sp, now->ss_flags, now->ss_size};
  if (g->m) g->m->altstack = g->altstack.sp;
  return 0;
}
