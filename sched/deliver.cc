// sched/deliver.cc: whether here and now, and the call itself.
#include "sched/deliver.h"

#include <string.h>
#include <ucontext.h>

#include "allocator/base/lock.h"
#include "allocator/base/syscall.h"
#include "sched/actions.h"
#include "sched/signals.h"
#include "sched/state.h"
#include "sched/tcb.h"

namespace gamelan::deliver {

namespace {
using actions::Action;
using signals::bit;

uint64_t mask_in(const ucontext_t* context) {
  uint64_t mask;
  __builtin_memcpy(&mask, &context->uc_sigmask, sizeof mask);
  return mask & ~signals::kNeverBlocked;
}

void set_mask_of_kernel(uint64_t mask) {
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&mask), 0, sizeof mask);
}

uint64_t mask_for(int signal, const Action& a, uint64_t interrupted) {
  return (interrupted | a.mask | (a.flags & SA_NODEFER ? 0 : bit(signal))) & ~signals::kNeverBlocked;
}

void call(const Action& a, int signal, siginfo_t* info, void* context) {
  // All three arguments, whatever the handler's kind: as the kernel passes them.
  reinterpret_cast<void (*)(int, siginfo_t*, void*)>(a.handler)(signal, info, context);
}

// Its default action now, by the kernel, when this handler has returned.
void repeat(int signal) { sys::call(SYS_tgkill, sys::current_pid(), sys::current_tid(), signal); }

// A native thread's: nothing of ours is concerned.
void run_natively(int signal, siginfo_t* info, ucontext_t* context) {
  const Action a = actions::begin(signal);
  if (a.handler == actions::kDefault) return repeat(signal);
  if (a.handler == actions::kIgnore) return;
  set_mask_of_kernel(mask_for(signal, a, mask_in(context)));
  call(a, signal, info, context);
}

bool is_fault(int signal, const siginfo_t* info) {
  constexpr uint64_t kFaults = bit(SIGSEGV) | bit(SIGBUS) | bit(SIGFPE) | bit(SIGILL) | bit(SIGTRAP) | bit(SIGSYS);
  return (bit(signal) & kFaults) && info->si_code > 0;
}

// SI_USER from ourselves is the kernel's word for what the caller itself did: SIGPIPE, SIGXFSZ.
bool is_for_process(const G* g, int signal, const siginfo_t* info) {
  if (info->si_code == SI_TKILL || is_fault(signal, info)) return false;
  if (info->si_code == SI_USER && info->si_pid == sys::current_pid()) return false;
  return !(info->si_code == SI_TIMER && g->lock_count);  // SIGEV_THREAD_ID wires
}

bool is_in_our_code(const ucontext_t* context) {
  return locks_held || tcb::text_at(static_cast<uintptr_t>(context->uc_mcontext.gregs[REG_RIP])) == tcb::Text::ours;
}

// What a handler's call must find again as it was.
class Interrupted {
 public:
  explicit Interrupted(G* g)
      : g_(g), in_runtime_(g->in_runtime.load_relaxed()), mask_(g->mask), handlers_ran_(g->handlers_ran), raising_(g->raising),
        pinned_(g->pinned.load_relaxed()), seen_(g->handlers_seen), watches_(g->watches_handlers), was_in_syscall_(g->state.load_relaxed() == GState::syscall), call_(g->left), outside_(g->outside) {}

  // In a RuntimeSection until `begin` ends: further signals wait meanwhile.
  void begin(uint64_t mask, bool in_our_code) {
    g_->in_runtime.store_relaxed(1);
    g_->raising = g_->watches_handlers = false;
    g_->mask = mask;
    g_->m->kernel_mask = mask;
    set_mask_of_kernel(mask);
    if (in_our_code) g_->pinned.store_relaxed(pinned_ | G::kInterruptedUs);
    if (was_in_syscall_) sched::return_from_syscall(g_);
    g_->in_runtime.store_relaxed(0);
    if (g_->attention.load_relaxed()) sched::attend();
  }

  // `interrupted`: the mask that the kernel puts back; `changed`: the handler has written another one into its context.
  void end(uint64_t interrupted, bool changed, uint8_t ran) {
    g_->in_runtime.store_relaxed(1);
    g_->outside = outside_;
    if (was_in_syscall_ && g_->state.load_relaxed() == GState::running) sched::enter_syscall_again(g_, call_);
    g_->left = call_;
    g_->mask = changed ? interrupted : mask_;
    g_->m->kernel_mask = g_->mask;
    g_->handlers_ran = handlers_ran_ | ran;
    g_->handlers_run++;
    g_->pinned.store_relaxed(pinned_);
    g_->handlers_seen = seen_;
    g_->watches_handlers = watches_;
    g_->raising = raising_;
    g_->in_runtime.store_relaxed(in_runtime_);
    if (signals::is_due(g_)) signals::raise_on_return();
  }

 private:
  G* g_;
  uint32_t in_runtime_;
  uint64_t mask_;
  uint8_t handlers_ran_;
  bool raising_;
  uint8_t pinned_;
  uint32_t seen_;
  bool watches_;
  bool was_in_syscall_;
  LeftP call_;
  Outside outside_;
};

void run(G* g, int signal, siginfo_t* info, ucontext_t* context, bool in_our_code) {
  const Action a = actions::begin(signal);
  if (a.handler == actions::kDefault) return repeat(signal);
  if (a.handler == actions::kIgnore) return;
  const uint64_t before = mask_in(context);
  Interrupted interrupted(g);
  interrupted.begin(mask_for(signal, a, before), in_our_code);
  call(a, signal, info, context);
  const uint64_t after = mask_in(context);
  interrupted.end(after, after != before, a.flags & SA_RESTART ? G::kHandled : G::kHandled | G::kEnding);
  const stack_t& s = context->uc_stack;  // the kernel installs it again, whatever the handler did
  g->altstack = {s.ss_flags & SS_DISABLE ? nullptr : s.ss_sp, s.ss_flags & ~SS_ONSTACK, s.ss_size};
  g->m->altstack = g->altstack.sp;
}

bool is_of_kernel_thread(const siginfo_t* info) { return info->si_code == SI_TIMER || info->si_code == SI_TKILL; }

// On g0. Where the kernel thread's mask is out of date and nobody takes the signal, it is this one's turn no more.
void take_for_others(M* m, int signal, const siginfo_t* info, ucontext_t* context) {
  if (signals::is_reminder(info)) return;
  G* wired = m && is_of_kernel_thread(info) ? m->locked_g : nullptr;
  signals::keep_for_others(*info, wired);
  if (!m || wired) return;
  m->kernel_mask |= bit(signal);  // sysmon opens it again for those who take it
  uint64_t mask;
  __builtin_memcpy(&mask, &context->uc_sigmask, sizeof mask);
  mask |= bit(signal);
  __builtin_memcpy(&context->uc_sigmask, &mask, sizeof mask);
}

// Goes on to the main goroutine, which stands first for what comes to the process.
bool is_mains(const G* g, int signal) {
  const G* main = sched::state.main;
  const GState s = main->state.load_seq();
  return g != main && !(main->mask & bit(signal)) && s != GState::dead && s != GState::idle;
}

void pass_on(G* g, const siginfo_t& info, bool in_our_code) {
  const uint8_t pinned = g->pinned.load_relaxed();
  const bool raising = g->raising;
  if (in_our_code) g->pinned.store_relaxed(pinned | G::kInterruptedUs);
  g->raising = false;
  signals::send(sched::state.main, info, true);
  g->raising = raising;
  g->pinned.store_relaxed(pinned);
}

void deliver_on(G* g, int signal, siginfo_t* info, ucontext_t* context) {
  const bool is_busy = !g->raising && (g->in_runtime.load_relaxed() || g->holds_signals);
  bool for_process = is_for_process(g, signal, info);
  if (is_fault(signal, info)) return run(g, signal, info, context, is_busy || is_in_our_code(context));
  const bool reminder = signals::is_reminder(info);
  if (is_busy) {
    if (!reminder) signals::keep(g, *info, for_process);
    g->attention.store_relaxed(true);
    return;
  }
  const bool at_rest = g->raising || g->state.load_relaxed() == GState::syscall;
  const bool in_our_code = !at_rest && is_in_our_code(context);
  // Behind those of its number that came before it.
  if (!reminder && (g->pending.load_seq() & bit(signal))) {
    signals::keep(g, *info, for_process);
    return signals::raise_on_return();
  }
  if (reminder && !signals::take(g, bit(signal), info, &for_process)) return;
  if (for_process && is_mains(g, signal)) return pass_on(g, *info, in_our_code);
  run(g, signal, info, context, in_our_code);
}
}  // namespace

void on_signal(int signal, siginfo_t* info, void* context) {
  G* g = self();
  auto* c = static_cast<ucontext_t*>(context);
  if (g->kind == GKind::native || g->is_in_vfork()) return run_natively(signal, info, c);
  if (g->kind == GKind::scheduler) return is_fault(signal, info) ? run_natively(signal, info, c) : take_for_others(g->m, signal, info, c);
  deliver_on(g, signal, info, c);
}

}  // namespace gamelan::deliver
