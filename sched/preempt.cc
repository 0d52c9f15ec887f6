// sched/preempt.cc: the handler, and the injected call.
#include "sched/preempt.h"

#include <errno.h>
#include <signal.h>
#include <ucontext.h>

#include "allocator/base/lock.h"
#include "allocator/base/metrics.h"
#include "allocator/base/options.h"
#include "allocator/base/syscall.h"
#include "sched/actions.h"
#include "sched/cancel.h"
#include "sched/hooks.h"
#include "sched/kernel_action.h"
#include "sched/signals.h"
#include "sched/state.h"
#include "sched/switch.h"
#include "sched/tcb.h"
#include "sched/world.h"

extern "C" {
__attribute__((visibility("hidden"), used)) void gamelan_preempted();
}

// rt_sigreturn(2), in the very bytes by which unwinders know a signal frame.
__asm__(
    ".text\n"
    "nop\n"
    ".globl gamelan_restorer\n"
    ".hidden gamelan_restorer\n"
    ".type gamelan_restorer, @function\n"
    "gamelan_restorer:\n"
    "  mov $15, %rax\n"
    "  syscall\n"
    ".size gamelan_restorer, .-gamelan_restorer\n");

namespace gamelan::preempt {

namespace {
enum : uintptr_t { kCookieYield = 0x676d6c6e01, kCookieLook = 0x676d6c6e02, kCookieClose = 0x676d6c6e04, kCookieStop = 0x676d6c6e08, kCookieCheck = 0x676d6c6e10, kCookieReap = 0x676d6c6e20 };
bool is_ours(uintptr_t cookie) {
  return cookie == kCookieYield || cookie == kCookieLook || cookie == kCookieClose || cookie == kCookieStop || cookie == kCookieCheck ||
         cookie == kCookieReap;
}
constexpr unsigned kSkipsInLibc = 10;
constexpr uintptr_t kRedZone = 128;

constinit KernelAction before = {};

bool is_cancelled(const G* g) { return g->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS && cancel::requested(); }

bool may_inject(G* g, const ucontext_t* context) {
  if (g->kind != GKind::goroutine || g->in_runtime.load_relaxed() || locks_held || g->pinned.load_relaxed()) return false;
  if (g->state.load_relaxed() != GState::running || !g->m) return false;
  // Another mask than the G's: a handler of the program's runs, or libc has blocked everything for a moment.
  uint64_t mask;
  __builtin_memcpy(&mask, &context->uc_sigmask, sizeof mask);
  if ((mask & ~signals::kNeverBlocked) != g->mask) return false;
  const auto sp = static_cast<uintptr_t>(context->uc_mcontext.gregs[REG_RSP]);
  if (sp - 16 * KiB < g->stack_low || sp > g->stack_high) return false;
  switch (tcb::text_at(static_cast<uintptr_t>(context->uc_mcontext.gregs[REG_RIP]))) {
    case tcb::Text::program: return true;
    case tcb::Text::libc: return is_cancelled(g) || ++g->preempt_skips > kSkipsInLibc;
    default: return false;
  }
}

void inject(ucontext_t* context) {
  auto& r = context->uc_mcontext.gregs;
  auto* sp = reinterpret_cast<uint64_t*>(static_cast<uintptr_t>(r[REG_RSP]) - kRedZone) - 1;
  *sp = static_cast<uint64_t>(r[REG_RIP]);
  r[REG_RSP] = reinterpret_cast<greg_t>(sp);
  r[REG_RIP] = reinterpret_cast<greg_t>(&gamelan_async_preempt);
}

void on_signal(int signal, siginfo_t* info, void* context) {
  const auto cookie = reinterpret_cast<uintptr_t>(info->si_value.sival_ptr);
  if (info->si_code != SI_QUEUE || !is_ours(cookie)) {
    if (before.handler > actions::kIgnore) reinterpret_cast<void (*)(int, siginfo_t*, void*)>(before.handler)(signal, info, context);
    return;
  }
  if (cookie == kCookieStop) return world::stop_here();
  if (cookie == kCookieCheck || cookie == kCookieReap) {
    if (world::is_watched) sched_hooks.check_requested(cookie == kCookieReap);
    return;
  }
  G* g = self();
  if (cookie == kCookieClose) return signals::close_here(static_cast<ucontext_t*>(context));
  if (cookie == kCookieLook && g->m) g->m->look_sent.store_seq(false);  // before the look: pairs: ask_to_look exchange
  if (cookie == kCookieLook && g->kind == GKind::goroutine && !g->in_runtime.load_relaxed() && !g->holds_signals) signals::raise_on_return();
  if (cookie != kCookieYield) return;
  if (may_inject(g, static_cast<ucontext_t*>(context))) inject(static_cast<ucontext_t*>(context));
  else g->should_yield.store_relaxed(true);
}

void tell(int tid, uintptr_t cookie) {
  siginfo_t info{};
  info.si_signo = signals::kOurs;
  info.si_code = SI_QUEUE;
  info.si_pid = sys::current_pid();
  info.si_value.sival_ptr = reinterpret_cast<void*>(cookie);
  sys::call(SYS_rt_tgsigqueueinfo, info.si_pid, tid, signals::kOurs, reinterpret_cast<long>(&info));
}
// Real-time signals queue: who is sent signals faster than he takes them would do nothing but take ours.
void ask_to_look(M* m) {
  if (!m->look_sent.exchange(true)) tell(m->tid, kCookieLook);
}
}  // namespace

// rt_sigaction itself, since libc's function refuses 32; with a restorer of our own.
void install() {
  // What was on its way when an exec began, or was the parent's, does not come any more.
  for (M* m = sched::state.all_ms.load_acquire(); m; m = m->all_next) m->look_sent.store_seq(false);
  KernelAction was{};
  const KernelAction act{reinterpret_cast<uintptr_t>(&on_signal), SA_SIGINFO | SA_RESTART | kHasRestorer, gamelan_restorer, signals::kAllButSetXid};
  kernel_sigaction(signals::kOurs, &act, &was);
  if (was.handler != act.handler) before = was;
}

void ignore() {
  const KernelAction act{actions::kIgnore, 0, nullptr, 0};
  kernel_sigaction(signals::kOurs, &act, nullptr);
}

void request(M* m) {
  if (options().asyncpreemptoff) return;
  metric_add(Metric::preempt_requests, 1);
  tell(m->tid, kCookieYield);
}

void cancel(G* g) {
  M* m = g->m;
  if (m && g->state.load_seq() == GState::running) tell(m->tid, kCookieYield);
  else nudge_call(g);
}

void nudge_call(G* g) {
  if (M* m = g->m) ask_to_look(m);
}

void ask_to_close(int tid) { tell(tid, kCookieClose); }
void ask_to_stop(int tid) { tell(tid, kCookieStop); }

void nudge(G* g) {
  if (M* m = g->m) ask_to_look(m);
}

}  // namespace gamelan::preempt

// On the G's stack, all its registers saved above.
void gamelan_preempted() {
  using namespace gamelan;
  G* g = self();
  const int saved = errno;
  g->preempt_skips = 0;
  metric_add(Metric::preemptions, 1);
  {
    RuntimeSection section;
    g->wait_reason = WaitReason::preempted;
    sched::switch_away(sched::post_yield, nullptr);
  }
  if (g->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS) cancel::point();
  errno = saved;
}
