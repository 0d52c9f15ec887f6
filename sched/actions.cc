// sched/actions.cc: the table, and its other half in the kernel.
#include "sched/actions.h"

#include <errno.h>
#include <signal.h>

#include "sched/deliver.h"
#include "sched/kernel_action.h"
#include "sched/signals.h"
#include "sched/spin_lock.h"

namespace gamelan::actions {

namespace {
constexpr int kSignals = 64;
constexpr uint64_t kOfLibc = signals::bit(32) | signals::bit(33);

struct Entry {
  Atomic<uintptr_t> handler;  // also read without the lock
  unsigned long flags;
  uint64_t mask;
};
constinit Entry table[kSignals + 1] = {};
constinit SpinLock lock;
constinit Atomic<bool> taken_over{false};

bool is_handler(uintptr_t h) { return h > kIgnore; }
uintptr_t our_handler() { return reinterpret_cast<uintptr_t>(&deliver::on_signal); }

KernelAction to_kernel(const Action& a) {
  const unsigned long flags = a.flags | kHasRestorer;
  if (!is_handler(a.handler)) return {a.handler, flags, gamelan_restorer, a.mask};
  constexpr unsigned long kOursAlone = SA_RESETHAND | SA_NODEFER;
  return {our_handler(), (flags & ~kOursAlone) | SA_SIGINFO, gamelan_restorer, signals::kAllButSetXid};
}

Action read_locked(int signal, const KernelAction& k) {
  const Entry& e = table[signal];
  if (k.handler == our_handler()) return {e.handler.load_relaxed(), e.flags, e.mask};
  return {k.handler, k.flags & ~kHasRestorer, k.mask};
}

void write_locked(int signal, const Action& a) {
  Entry& e = table[signal];
  e.flags = a.flags;
  e.mask = a.mask;
  e.handler.store_release(a.handler);
}

int change_locked(int signal, const Action* now, Action* before) {
  KernelAction wanted{}, was{};
  if (now) wanted = to_kernel(*now);
  const long r = kernel_sigaction(signal, now ? &wanted : nullptr, &was);
  if (r) return static_cast<int>(-r);
  if (before) *before = read_locked(signal, was);
  if (now) write_locked(signal, *now);
  return 0;
}

int change_in_vfork(int signal, const Action* now, Action* before) {
  KernelAction wanted{}, was{};
  if (now) wanted = {now->handler, now->flags | kHasRestorer, gamelan_restorer, now->mask};
  const long r = kernel_sigaction(signal, now ? &wanted : nullptr, &was);
  if (r) return static_cast<int>(-r);
  if (before) *before = read_locked(signal, was);
  return 0;
}
}  // namespace

bool are_ours() { return taken_over.load_acquire(); }

void take_over() {
  signals::AllBlocked blocked;
  SpinGuard guard(lock);
  for (int signal = 1; signal <= kSignals; signal++) {
    if (signals::bit(signal) & kOfLibc) continue;
    KernelAction k{};
    if (kernel_sigaction(signal, nullptr, &k) || k.handler == our_handler()) continue;
    const Action a{k.handler, k.flags & ~kHasRestorer, k.mask};
    write_locked(signal, a);
    if (!is_handler(a.handler)) continue;
    const KernelAction ours = to_kernel(a);
    kernel_sigaction(signal, &ours, nullptr);
  }
  taken_over.store_release(true);  // pairs: are_ours
}

int change(int signal, const Action* now, Action* before) {
  if (signal < 1 || signal > kSignals || (signals::bit(signal) & kOfLibc)) return EINVAL;
  if (self()->is_in_vfork()) return change_in_vfork(signal, now, before);
  signals::AllBlocked blocked;
  SpinGuard guard(lock);
  return change_locked(signal, now, before);
}

uintptr_t handler_of(int signal) { return table[signal].handler.load_acquire(); }

bool ignores(int signal) {
  constexpr uint64_t kByDefault = signals::bit(SIGCHLD) | signals::bit(SIGURG) | signals::bit(SIGWINCH);
  const uintptr_t h = handler_of(signal);
  return h == kIgnore || (h == kDefault && (signals::bit(signal) & kByDefault));
}

Action begin(int signal) {
  SpinGuard guard(lock);
  Entry& e = table[signal];
  const Action a{e.handler.load_relaxed(), e.flags, e.mask};
  if (is_handler(a.handler) && (a.flags & SA_RESETHAND)) {
    const Action none{kDefault, a.flags, a.mask};
    change_locked(signal, &none, nullptr);
  }
  return a;
}

}  // namespace gamelan::actions
