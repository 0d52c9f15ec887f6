// shim/sigwait.cc: waiting for signals: sigwait and its kin in the kernel, sigsuspend and pause on the scheduler.
//
// sigwait      takes what was sent to the G, else waits in the kernel, which knows who waits for what of the process' signals.
//              One for the G that comes meanwhile is put into that wait as a reminder.
// sigsuspend   is a change of mask and a wait that any handler ends: no kernel thread is held.
// Source       POSIX.1-2017 sigwait, sigtimedwait, sigsuspend, pause; rt_sigtimedwait(2).
#include <errno.h>
#include <unistd.h>

#include "sched/parking_lot.h"
#include "sched/proc.h"
#include "shim/io_call.h"
#include "shim/next.h"
#include "shim/ready_wait.h"
#include "shim/signals.h"

using namespace gamelan;
using namespace gamelan::io;

namespace gamelan::signals {

namespace {
// Those in front of the kernel's. 0: none.
long take_own(G* g, uint64_t set, siginfo_t* info) {
  bool to_process;
  return take(g, set, info, &to_process) ? info->si_signo : 0;
}

// Says that `g` waits for `set` while it lives.
class Waiting {
 public:
  Waiting(G* g, uint64_t set) : g_(g) { g->waits_for.store_seq(set); }
  ~Waiting() { g_->waits_for.store_seq(0); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  G* g_;
};

// -EINTR may be somebody else's, or ours; a reminder says that there is one in the queue.
long wait_once(G* g, uint64_t set, siginfo_t* info, const timespec* time_out) {
  sched::BlockingCall call;
  if (const long mine = take_own(g, set, info)) return mine;
  const long r = sys::call(SYS_rt_sigtimedwait, word(&set), word(info), word(time_out), sizeof set);
  if (r <= 0 || !is_reminder(info)) return r;
  const long mine = take_own(g, set, info);
  return mine ? mine : -EINTR;
}
}  // namespace

long wait_for(uint64_t set, siginfo_t* info, const timespec* time_out) {
  if (time_out && (time_out->tv_sec < 0 || !has_valid_nanos(*time_out))) return -EINVAL;
  G* g = self();
  siginfo_t any;
  if (!info) info = &any;
  set &= ~kNeverBlocked;
  const Nanos deadline = deadline_of(time_out);
  const uint32_t handlers_before = g->handlers_run;
  Waiting waiting(g, set);
  for (;;) {
    timespec room;
    const long r = wait_once(g, set, info, time_left(deadline, &room));
    if (r != -EINTR || g->handlers_run != handlers_before || cancel::requested()) return r;
  }
}

namespace {
// One that interrupted our code may not leave its M.
void wait_on_m(const G* g, uint32_t handlers_before) {
  while (g->handlers_run == handlers_before && !cancel::requested()) sys::sleep_for(kMilli);
}

// The look and the beginning are in one section: a signal that comes in between waits, and ends the wait.
void wait_for_handler(G* g, uint32_t handlers_before) {
  if (!can_park()) return wait_on_m(g, handlers_before);
  while (g->handlers_run == handlers_before && !cancel::requested()) {
    RuntimeSection section;
    if (g->handlers_run != handlers_before) return;
    sched::sleep_until(parking_lot::kForever, true, WaitReason::signal);
  }
}
}  // namespace

OtherMask::OtherMask(uint64_t mask) : before_(self()->mask), seen_(self()->handlers_seen), watches_(self()->watches_handlers) {
  G* g = self();
  g->handlers_seen = g->handlers_run;
  g->watches_handlers = true;
  set_mask(g, mask);
}
OtherMask::~OtherMask() {
  G* g = self();
  g->watches_handlers = watches_;
  g->handlers_seen = seen_;
  set_mask(g, before_);
}

long suspend(uint64_t mask) {
  cancel::point();
  {
    G* g = self();
    const uint32_t handlers_before = g->handlers_run;
    OtherMask other(mask);
    wait_for_handler(g, handlers_before);
  }
  cancel::point();
  return -EINTR;
}

long pause() {
  cancel::point();
  wait_for_handler(self(), self()->handlers_run);
  cancel::point();
  return -EINTR;
}

}  // namespace gamelan::signals

GAMELAN_EXPORT int sigtimedwait(const sigset_t* set, siginfo_t* info, const struct timespec* time_out) {
  static constinit auto next = next_for(sigtimedwait, "sigtimedwait");
  if (!signals::are_of_goroutine()) return next.waits(set, info, time_out);
  cancel::point();
  const long r = signals::wait_for(signals::word_of(set), info, time_out);
  if (r < 0) cancel::point();
  // As libc has it: who sent it by pthread_kill is SI_USER to a waiter.
  if (r > 0 && info && info->si_code == SI_TKILL) info->si_code = SI_USER;
  return static_cast<int>(finish(r));
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
  static constinit auto next = next_for(sigsuspend, "sigsuspend");
  if (!signals::are_of_goroutine()) return next.waits(set);
  return static_cast<int>(finish(signals::suspend(signals::word_of(set))));
}

GAMELAN_EXPORT int pause() {
  static constinit auto next = next_for(::pause, "pause");
  if (!signals::are_of_goroutine()) return next.waits();
  return static_cast<int>(finish(signals::pause()));
}

// BSD's: the mask of the first 32 signals; System V's: the one signal that is let through.
GAMELAN_EXPORT int __sigpause(int signal_or_mask, int is_signal) {
  static constinit Next<int (*)(int, int)> next{"__sigpause"};
  if (!signals::are_of_goroutine()) return next.waits(signal_or_mask, is_signal);
  if (!is_signal) return static_cast<int>(finish(signals::suspend(static_cast<unsigned>(signal_or_mask))));
  if (signal_or_mask < 1 || signal_or_mask > 64) return static_cast<int>(finish(-EINVAL));
  return static_cast<int>(finish(signals::suspend(self()->mask & ~signals::bit(signal_or_mask))));
}
GAMELAN_EXPORT int __xpg_sigpause(int signal) { return __sigpause(signal, 1); }
__asm__(".globl sigpause\n.set sigpause, gamelan_sigpause\n");
extern "C" __attribute__((visibility("default"))) int gamelan_sigpause(int mask) { return __sigpause(mask, 0); }
