// sched/signals.cc: who blocks what, and what was sent to whom.
#include "sched/signals.h"

#include <errno.h>
#include <signal.h>

#include "allocator/base/syscall.h"
#include "sched/handlers.h"
#include "sched/netpoll.h"
#include "sched/parking_lot.h"
#include "sched/preempt.h"
#include "sched/signal_queue.h"
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

bool state_polls() { return sched::state.polling.load_seq(); }

void find_idle_mask_locked() {
  uint64_t all = ~uint64_t{0};
  for (unsigned i = 0; i < mask_count; i++)
    if (masks[i].count) all &= masks[i].mask;
  const uint64_t before = idle.load_relaxed();
  idle.store_relaxed(mask_count ? all : 0);
  // A sleeping M keeps the mask that it went to sleep with: the one in the netpoller comes round for the new one.
  if ((before & ~idle.load_relaxed()) && state_polls()) netpoll::interrupt_poll();
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
  if (g->in_runtime.load_relaxed()) {  // a handler that interrupted the runtime: the mask goes back with it
    sys::call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&mask), 0, 8);
    return;
  }
  mask_gained(mask);
  mask_lost(before);
  {
    RuntimeSection section;
    g->mask = mask;
    if (g->m) set_kernel_mask(g->m, mask);
  }
  raise_due();
}

void note_mask(G* g, uint64_t mask) {
  mask &= ~kNeverBlocked;
  if (g->mask == mask) return;
  mask_gained(mask);
  mask_lost(g->mask);
  RuntimeSection section;
  g->mask = mask;
  if (g->m) g->m->kernel_mask = mask;
}

namespace {
void to_kernel(int tid, const siginfo_t& info) {
  sys::call(SYS_rt_tgsigqueueinfo, sys::current_pid(), tid, info.si_signo, reinterpret_cast<long>(&info));
}
}  // namespace

void install_altstack(M* m, G* g) {
  stack_t s{};
  s.ss_sp = g->altstack.sp;
  s.ss_flags = g->altstack.sp ? g->altstack.flags : SS_DISABLE;
  s.ss_size = g->altstack.size;
  sys::call(SYS_sigaltstack, reinterpret_cast<long>(&s), 0);
  m->altstack = g->altstack.sp;
}

bool is_due(const G* g) { return (g->pending.load_seq() & ~g->mask) != 0; }

void raise_due() {
  G* g = self();
  siginfo_t info;
  while (is_due(g) && signal_queue::take(g, ~g->mask, &info)) {
    g->handlers_ran |= handlers::meaning_of(info.si_signo);
    RuntimeSection section;  // stay on this M until the kernel has taken it
    to_kernel(sys::current_tid(), info);
  }
}

int post(G* g, const siginfo_t& info) {
  const int signal = info.si_signo;
  M* m = g->m;
  // In sigwait the kernel's wait takes it; in another system call the kernel interrupts that by the signal itself.
  const bool blocked = g->mask & bit(signal);
  if (m && g->state.load_seq() == GState::syscall && (!blocked || (g->awaited.load_seq() & bit(signal)))) {
    m->directed_signal = signal;
    m->directed_to = g;
    to_kernel(m->tid, info);
    return 0;
  }
  if (!signal_queue::push(g, info)) return EAGAIN;
  if (g == self()) {
    if (!g->in_runtime.load_relaxed()) raise_due();
    return 0;
  }
  if (blocked && !(g->awaited.load_seq() & bit(signal))) return 0;
  // Parked in a call that a signal ends: it wakes. Running: our own signal makes it look. On its way from one to the next:
  // it looks before it waits, and when it goes on.
  if (!parking_lot::interrupt(g)) preempt::nudge(g);
  return 0;
}

int send(G* g, int signal) {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = SI_TKILL;
  info.si_pid = sys::current_pid();
  info.si_uid = static_cast<uid_t>(sys::call(SYS_getuid));
  return send(g, info);
}

int send(G* g, const siginfo_t& info) {
  if (info.si_signo < 0 || info.si_signo > 64) return EINVAL;
  const GState state = g->state.load_seq();
  if (state == GState::dead || state == GState::idle) return ESRCH;
  return info.si_signo ? post(g, info) : 0;
}

void after_fork_in_child(G* only) {
  masks_lock.reset_in_child();
  mask_count = 0;
  signal_queue::clear(only);  // pending signals are not inherited
  mask_gained(only->mask);
}

}  // namespace gamelan::signals
