// sched/signals.cc: who blocks what, and what was sent to whom.
#include "sched/signals.h"

#include <errno.h>
#include <signal.h>

#include "allocator/base/syscall.h"
#include "sched/parking_lot.h"
#include "sched/preempt.h"
#include "sched/spin_lock.h"
#include "sched/state.h"

namespace gamelan::signals {

namespace {
// The distinct masks of live goroutines: a handful in any program.
constexpr unsigned kMasks = 32;
struct MaskCount {
  uint64_t mask;
  uint64_t count;
};
constinit SpinLock masks_lock;
constinit MaskCount masks[kMasks] = {};
constinit unsigned mask_count = 0;
constinit Atomic<uint64_t> idle{0};

void find_idle_mask_locked() {
  uint64_t all = ~uint64_t{0};
  for (unsigned i = 0; i < mask_count; i++)
    if (masks[i].count) all &= masks[i].mask;
  idle.store_relaxed(mask_count ? all : 0);
}

void change(uint64_t mask, uint64_t by) {
  RuntimeSection section;
  SpinGuard guard(masks_lock);
  unsigned i = 0;
  while (i < mask_count && masks[i].mask != mask) i++;
  if (i == mask_count) {
    for (i = 0; i < mask_count && masks[i].count; i++) {}
    if (i == kMasks) return idle.store_relaxed(0);  // too many: idle Ms take everything
    if (i == mask_count) mask_count++;
    masks[i] = {mask, 0};
  }
  const bool appears = masks[i].count == 0;
  masks[i].count += by;
  if (appears || masks[i].count == 0) find_idle_mask_locked();
}
}  // namespace

void mask_gained(uint64_t mask) { change(mask, 1); }
void mask_lost(uint64_t mask) { change(mask, ~uint64_t{0}); }
uint64_t idle_mask() { return idle.load_relaxed(); }

void set_kernel_mask(M* m, uint64_t mask) {
  if (m->kernel_mask == mask) return;
  m->kernel_mask = mask;
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&mask), 0, 8);
}

void set_mask(G* g, uint64_t mask) {
  mask &= ~kNeverBlocked;
  const uint64_t before = g->mask;
  if (mask == before) return;
  mask_gained(mask);
  mask_lost(before);
  {
    RuntimeSection section;
    g->mask = mask;
    if (g->m) set_kernel_mask(g->m, mask);
  }
  raise_due();
}

void install_altstack(M* m, G* g) {
  stack_t s{};
  s.ss_sp = g->altstack.sp;
  s.ss_flags = g->altstack.sp ? g->altstack.flags : SS_DISABLE;
  s.ss_size = g->altstack.size;
  sys::call(SYS_sigaltstack, reinterpret_cast<long>(&s), 0);
  m->altstack = g->altstack.sp;
}

bool is_due(const G* g) { return (g->pending.load_seq() & ~g->mask) != 0; }

namespace {
// What the signal's handler, if it has one, means for the wait that it interrupts.
uint8_t handling_of(int signal) {
  struct { void (*handler)(int); unsigned long flags; void (*restorer)(); uint64_t mask; } act{};
  sys::call(SYS_rt_sigaction, signal, 0, reinterpret_cast<long>(&act), 8);
  if (act.handler == SIG_DFL || act.handler == SIG_IGN) return 0;
  return act.flags & SA_RESTART ? G::kHandled : G::kHandled | G::kEnding;
}
}  // namespace

void raise_due() {
  G* g = self();
  while (const uint64_t due = g->pending.load_seq() & ~g->mask) {
    const int signal = __builtin_ctzll(due) + 1;
    if (!(g->pending.fetch_and(~bit(signal)) & bit(signal))) continue;
    g->handlers_ran |= handling_of(signal);
    RuntimeSection section;  // stay on this M until the kernel has taken it
    sys::call(SYS_tgkill, sys::current_pid(), sys::current_tid(), signal);
  }
}

int send(G* g, int signal) {
  if (signal < 0 || signal > 64) return EINVAL;
  const GState state = g->state.load_seq();
  if (state == GState::dead || state == GState::idle) return ESRCH;
  if (signal == 0) return 0;
  uint64_t before = g->pending.load_relaxed();
  while (!g->pending.compare_exchange(before, before | bit(signal))) {}
  if (g == self()) {
    raise_due();
    return 0;
  }
  // Parked in a call that a signal ends: it wakes. In a system call: the kernel interrupts that. Running: our own signal
  // makes it look. On its way from one to the next: it looks before it waits, and when it goes on.
  if (parking_lot::interrupt(g)) return 0;
  preempt::nudge(g);
  return 0;
}


void after_fork_in_child(G* only) {
  masks_lock.reset_in_child();
  mask_count = 0;
  only->pending.store_relaxed(0);
  mask_gained(only->mask);
}

}  // namespace gamelan::signals
