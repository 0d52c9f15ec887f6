// shim/sigaction.cc: what is to be done with a signal: the program's wish is kept in sched/actions, once goroutines run.
//
// Names    all by which libc reaches its own sigaction: signal in its BSD and System V kinds, sigset, sigignore, siginterrupt.
// Source   POSIX.1-2017 sigaction, signal, sigset, siginterrupt; bsd_signal(3), sysv_signal(3).
#include "shim/sigaction.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "sched/actions.h"
#include "shim/io_call.h"
#include "shim/next.h"
#include "shim/signals.h"

using namespace gamelan;
using actions::Action;

namespace {
using Handler = void (*)(int);
constexpr uintptr_t kHold = 2;  // SIG_HOLD

// SIG_ERR with errno, or what was there.
Handler install(int signal, Handler h, unsigned long flags, uint64_t mask) {
  Action before{};
  const Action now{reinterpret_cast<uintptr_t>(h), flags, mask};
  const int e = h == SIG_ERR ? EINVAL : actions::change(signal, &now, &before);
  if (!e) return reinterpret_cast<Handler>(before.handler);
  errno = e;
  return SIG_ERR;
}

// siginterrupt's wish, for signals that `signal` gets a handler for later.
constinit Atomic<uint64_t> interrupts{0};

Handler bsd(int signal, Handler h) {
  if (signal < 1 || signal > 64) return install(signal, h, 0, 0);
  const bool ends = interrupts.load_relaxed() & signals::bit(signal);
  return install(signal, h, ends ? 0 : SA_RESTART, signals::bit(signal));
}

Handler system_v(int signal, Handler h) { return install(signal, h, SA_RESETHAND | SA_NODEFER, 0); }

void read(struct sigaction* to, const Action& a) {
  memset(to, 0, sizeof *to);
  to->sa_handler = reinterpret_cast<Handler>(a.handler);
  to->sa_flags = static_cast<int>(a.flags);
  signals::to_set(&to->sa_mask, a.mask);
}

Action of(const struct sigaction& a) {
  return {reinterpret_cast<uintptr_t>(a.sa_handler), static_cast<unsigned>(a.sa_flags), signals::word_of(&a.sa_mask)};
}
}  // namespace

namespace gamelan::signals {

long action_by_number(int signal, const KernelAction* now, KernelAction* before, size_t size) {
  if (size != sizeof(uint64_t)) return -EINVAL;
  Action a{}, was{};
  if (now) a = {now->handler, now->flags & ~kHasRestorer, now->mask};
  if (const int e = actions::change(signal, now ? &a : nullptr, before ? &was : nullptr)) return -e;
  if (before) *before = {was.handler, was.flags | kHasRestorer, gamelan_restorer, was.mask};
  return 0;
}

}  // namespace gamelan::signals

GAMELAN_EXPORT int sigaction(int signal, const struct sigaction* now, struct sigaction* before) {
  static constinit Next<int (*)(int, const struct sigaction*, struct sigaction*)> next{"sigaction"};
  if (!actions::are_ours()) return next.get()(signal, now, before);
  Action a{}, was{};
  if (now) a = of(*now);
  const int e = actions::change(signal, now ? &a : nullptr, before ? &was : nullptr);
  if (!e && before) read(before, was);
  return static_cast<int>(io::finish(-e));
}
GAMELAN_EXPORT int __sigaction(int signal, const struct sigaction* now, struct sigaction* before) {
  return sigaction(signal, now, before);
}

GAMELAN_EXPORT Handler signal(int sig, Handler h) {
  static constinit Next<Handler (*)(int, Handler)> next{"signal"};
  return actions::are_ours() ? bsd(sig, h) : next.get()(sig, h);
}
GAMELAN_EXPORT Handler bsd_signal(int sig, Handler h) { return signal(sig, h); }
GAMELAN_EXPORT Handler ssignal(int sig, Handler h) { return signal(sig, h); }

GAMELAN_EXPORT Handler __sysv_signal(int sig, Handler h) {
  static constinit Next<Handler (*)(int, Handler)> next{"__sysv_signal"};
  return actions::are_ours() ? system_v(sig, h) : next.get()(sig, h);
}
GAMELAN_EXPORT Handler sysv_signal(int sig, Handler h) { return __sysv_signal(sig, h); }

GAMELAN_EXPORT int siginterrupt(int sig, int ends) {
  static constinit Next<int (*)(int, int)> next{"siginterrupt"};
  if (!actions::are_ours()) return next.get()(sig, ends);
  Action a{};
  int e = actions::change(sig, nullptr, &a);
  if (!e) {
    const uint64_t bit = signals::bit(sig);
    if (ends) interrupts.store_relaxed(interrupts.load_relaxed() | bit);
    else interrupts.store_relaxed(interrupts.load_relaxed() & ~bit);
    a.flags = ends ? a.flags & ~static_cast<unsigned long>(SA_RESTART) : a.flags | SA_RESTART;
    e = actions::change(sig, &a, nullptr);
  }
  return static_cast<int>(io::finish(-e));
}

GAMELAN_EXPORT int sigignore(int sig) {
  static constinit Next<int (*)(int)> next{"sigignore"};
  if (!actions::are_ours()) return next.get()(sig);
  return install(sig, SIG_IGN, 0, 0) == SIG_ERR ? -1 : 0;
}

// System V's: SIG_HOLD blocks, everything else unblocks. Returns SIG_HOLD where it was blocked.
GAMELAN_EXPORT Handler sigset(int sig, Handler h) {
  static constinit Next<Handler (*)(int, Handler)> next{"sigset"};
  if (!actions::are_ours()) return next.get()(sig, h);
  if (h == SIG_ERR || sig < 1 || sig > 64) return install(sig, SIG_ERR, 0, 0);
  const bool holds = reinterpret_cast<uintptr_t>(h) == kHold;
  Action was{};
  if (holds) {
    if (const int e = actions::change(sig, nullptr, &was)) return errno = e, SIG_ERR;
  } else {
    const Handler before = install(sig, h, 0, 0);
    if (before == SIG_ERR) return SIG_ERR;
    was.handler = reinterpret_cast<uintptr_t>(before);
  }
  sigset_t one, before;
  sigemptyset(&one);
  sigaddset(&one, sig);
  sigprocmask(holds ? SIG_BLOCK : SIG_UNBLOCK, &one, &before);
  return reinterpret_cast<Handler>(sigismember(&before, sig) ? kHold : was.handler);
}
