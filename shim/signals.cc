// shim/signals.cc: masks, alternate stacks, what is pending.
//
// Source   POSIX.1-2017 pthread_sigmask, sigpending, sigaltstack; sighold(3).
#include "shim/signals.h"

#include <errno.h>
#include <string.h>

#include "sched/sched.h"
#include "shim/io_call.h"
#include "shim/next.h"

using namespace gamelan;
using namespace gamelan::io;

namespace gamelan::signals {

long change_mask(int how, const uint64_t* set, uint64_t* before) {
  G* g = self();
  const uint64_t old = g->mask, wanted = set ? *set : 0;
  if (set && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK) return -EINVAL;
  if (before) *before = old;
  if (set) set_mask(g, how == SIG_BLOCK ? old | wanted : how == SIG_UNBLOCK ? old & ~wanted : wanted);
  return 0;
}

long pending(uint64_t* set) {
  const long r = sys::call(SYS_rt_sigpending, word(set), sizeof *set);
  const G* g = self();
  if (!r) *set |= g->pending.load_seq() & g->mask;
  return r;
}

long change_altstack(const stack_t* now, stack_t* before) {
  RuntimeSection section;
  G* g = self();
  const long r = sys::call(SYS_sigaltstack, word(now), word(before));
  if (r || !now) return r;
  g->altstack = {now->ss_flags & SS_DISABLE ? nullptr : now->ss_sp, now->ss_flags, now->ss_size};
  g->m->altstack = g->altstack.sp;
  return 0;
}

}  // namespace gamelan::signals

namespace {
long change_set(int how, const sigset_t* set, sigset_t* before) {
  uint64_t now = 0, was = 0;
  if (set) now = signals::word_of(set);
  if (const long r = signals::change_mask(how, set ? &now : nullptr, &was)) return r;
  if (before) signals::to_set(before, was);
  return 0;
}

long change_one(int how, int signal) {
  if (signal < 1 || signal > 64) return -EINVAL;
  const uint64_t set = signals::bit(signal);
  return signals::change_mask(how, &set, nullptr);
}

// BSD's: the first 32 signals as an int; returns those that were blocked before.
int change_low(int how, int low) {
  const uint64_t set = static_cast<unsigned>(low);
  uint64_t before;
  signals::change_mask(how, &set, &before);
  return static_cast<int>(before);
}
}  // namespace

GAMELAN_EXPORT int pthread_sigmask(int how, const sigset_t* set, sigset_t* before) {
  static constinit auto next = next_for(pthread_sigmask, "pthread_sigmask");
  if (!signals::are_of_goroutine()) return next.get()(how, set, before);
  return static_cast<int>(-change_set(how, set, before));
}

GAMELAN_EXPORT int sigprocmask(int how, const sigset_t* set, sigset_t* before) {
  static constinit auto next = next_for(sigprocmask, "sigprocmask");
  if (!signals::are_of_goroutine()) return next.get()(how, set, before);
  return static_cast<int>(finish(change_set(how, set, before)));
}

GAMELAN_EXPORT int sighold(int signal) {
  static constinit Next<int (*)(int)> next{"sighold"};
  if (!signals::are_of_goroutine()) return next.get()(signal);
  return static_cast<int>(finish(change_one(SIG_BLOCK, signal)));
}

GAMELAN_EXPORT int sigrelse(int signal) {
  static constinit Next<int (*)(int)> next{"sigrelse"};
  if (!signals::are_of_goroutine()) return next.get()(signal);
  return static_cast<int>(finish(change_one(SIG_UNBLOCK, signal)));
}

GAMELAN_EXPORT int sigblock(int low) {
  static constinit Next<int (*)(int)> next{"sigblock"};
  if (!signals::are_of_goroutine()) return next.get()(low);
  return change_low(SIG_BLOCK, low);
}

GAMELAN_EXPORT int sigsetmask(int low) {
  static constinit Next<int (*)(int)> next{"sigsetmask"};
  if (!signals::are_of_goroutine()) return next.get()(low);
  return change_low(SIG_SETMASK, low);
}

GAMELAN_EXPORT int sigpending(sigset_t* set) {
  static constinit auto next = next_for(sigpending, "sigpending");
  if (!signals::are_of_goroutine()) return next.get()(set);
  uint64_t w = 0;
  const long r = signals::pending(&w);
  signals::to_set(set, w);
  return static_cast<int>(finish(r));
}

GAMELAN_EXPORT int sigaltstack(const stack_t* now, stack_t* before) {
  static constinit auto next = next_for(sigaltstack, "sigaltstack");
  if (!signals::are_of_goroutine()) return next.get()(now, before);
  return static_cast<int>(finish(signals::change_altstack(now, before)));
}
