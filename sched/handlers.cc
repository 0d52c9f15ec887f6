// sched/handlers.cc: the trampoline, and who is chosen.
#include "sched/handlers.h"

#include <errno.h>
#include <ucontext.h>

#include "allocator/base/mem.h"
#include "allocator/base/syscall.h"
#include "sched/hooks.h"
#include "sched/signals.h"
#include "sched/slots.h"
#include "sched/state.h"

namespace gamelan::handlers {

namespace {
using Handler = void (*)(int, siginfo_t*, void*);
constexpr int kSignals = 64;

struct Action {
  Atomic<Handler> handler;   // nullptr: default; 1: ignored
  Atomic<unsigned long> flags;
  Atomic<uint64_t> mask;
  Atomic<bool> ours;         // the kernel has the trampoline
};
constinit Action actions[kSignals + 1] = {};
constinit SpinLock table_lock;

bool is_function(Handler h) { return reinterpret_cast<uintptr_t>(h) > 1; }

uint64_t word_of(const void* set) {
  uint64_t w;
  mem::copy(&w, set, sizeof w);
  return w;
}

// A signal keeps off the table whoever writes it.
class Blocked {
 public:
  Blocked() { sys::call(SYS_rt_sigprocmask, SIG_BLOCK, reinterpret_cast<long>(&signals::kAllButSetXid), reinterpret_cast<long>(&before_), 8); }
  ~Blocked() { sys::call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&before_), 0, 8); }

 private:
  uint64_t before_ = 0;
};

// The handler, as the program wrote it. The mask of the G is what the kernel has set for it.
void run(G* g, Action& a, int signal, siginfo_t* info, void* context) {
  const Handler handler = a.handler.load_acquire();
  const unsigned long flags = a.flags.load_relaxed();
  if (!is_function(handler)) return;
  if (flags & SA_RESETHAND) a.handler.store_release(nullptr);
  if (g->kind != GKind::goroutine) return handler(signal, info, context);
  g->handlers_ran |= flags & SA_RESTART ? G::kHandled : G::kHandled | G::kEnding;
  g->handled_count++;
  // A wait that had begun and not yet left its stack ends.
  if (g->in_runtime.load_relaxed()) {
    bool parked;
    if (g->interruptible) g->wait.claim(g->wait.ticket(), Wake::interrupted, &parked);
    return handler(signal, info, context);
  }
  auto* saved = &static_cast<ucontext_t*>(context)->uc_sigmask;
  signals::note_mask(g, g->mask | a.mask.load_relaxed() | (flags & SA_NODEFER ? 0 : signals::bit(signal)));
  handler(signal, info, context);
  signals::note_mask(self(), word_of(saved));  // what the return from here sets; the handler may have changed it
}

// Between two Gs the kernel's mask is the next one's already.
bool is_for(const G* g, int signal) {
  return g->kind == GKind::native || (g->kind == GKind::goroutine && !(g->in_runtime.load_relaxed() && (g->mask & signals::bit(signal))));
}

void on_signal(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  G* g = self();
  M* m = g->m;
  G* meant = m && m->directed_signal == signal ? m->directed_to : nullptr;
  if (meant) m->directed_to = nullptr;
  if (meant && meant != g && g->kind == GKind::goroutine) signals::post(meant, *info);
  else if (!m || is_for(g, signal) || m->deferred == M::kDeferredMost) run(g, actions[signal], signal, info, context);
  else m->deferred_signal[m->deferred++] = *info;
  errno = error;
}

void set_in_kernel(int signal, const struct sigaction& act) { sched_hooks.set_action(signal, &act); }

void put_trampoline(int signal, struct sigaction act) {
  act.sa_sigaction = on_signal;
  act.sa_flags |= SA_SIGINFO;
  set_in_kernel(signal, act);
}

void remember(Action& a, const struct sigaction& act) {
  a.flags.store_relaxed(static_cast<unsigned long>(act.sa_flags));
  a.mask.store_relaxed(word_of(&act.sa_mask));
  a.handler.store_release(act.sa_sigaction);  // pairs: run load_acquire
  a.ours.store_release(true);
}

void recall(const Action& a, struct sigaction* act) {
  *act = {};
  act->sa_sigaction = a.handler.load_acquire();
  act->sa_flags = static_cast<int>(a.flags.load_relaxed());
  const uint64_t mask = a.mask.load_relaxed();
  mem::copy(&act->sa_mask, &mask, sizeof mask);
}
}  // namespace

void install() {
  for (int signal = 1; signal <= kSignals; signal++) {
    struct sigaction act{};
    if (signal == signals::kOurs || signal == signals::kOurs + 1 || sched_hooks.get_action(signal, &act)) continue;
    if (!is_function(act.sa_sigaction)) continue;
    remember(actions[signal], act);
    put_trampoline(signal, act);
  }
}

int set(int signal, const struct sigaction* act, struct sigaction* before) {
  if (signal < 1 || signal > kSignals) return EINVAL;
  Action& a = actions[signal];
  struct sigaction old{};
  if (const int e = sched_hooks.get_action(signal, &old)) return e;  // also says which signals may not be set
  RuntimeSection section;
  Blocked blocked;
  SpinGuard guard(table_lock);
  if (a.ours.load_acquire() && old.sa_sigaction == on_signal) recall(a, &old);
  if (act) {
    remember(a, *act);
    if (is_function(act->sa_sigaction)) put_trampoline(signal, *act);
    else set_in_kernel(signal, *act);
  }
  if (before) *before = old;
  return 0;
}

uint8_t meaning_of(int signal) {
  const Action& a = actions[signal];
  if (!a.ours.load_acquire() || !is_function(a.handler.load_relaxed())) return 0;
  return a.flags.load_relaxed() & SA_RESTART ? G::kHandled : G::kHandled | G::kEnding;
}

namespace {
// A live goroutine that does not block it; the main one rather than others, as the kernel does.
G* taker_of(int signal) {
  const uint64_t bit = signals::bit(signal);
  const auto takes = [bit](const G* g) {
    const GState s = g->state.load_relaxed();
    return g->kind == GKind::goroutine && s != GState::idle && s != GState::dead && !g->exiting && !(g->mask & bit);
  };
  if (takes(sched::state.main)) return sched::state.main;
  G* found = nullptr;
  SlotPool::for_each_g([&](G* g) {
    if (!found && takes(g)) found = g;
  });
  return found;
}
}  // namespace

void dispatch(M* m) {
  while (m->deferred) {
    siginfo_t info = m->deferred_signal[--m->deferred];
    if (G* g = taker_of(info.si_signo)) {
      signals::post(g, info);
      continue;
    }
    // Everybody blocks it: it stays pending for the process.
    signals::set_kernel_mask(m, m->kernel_mask | signals::bit(info.si_signo));
    sys::call(SYS_rt_sigqueueinfo, sys::current_pid(), info.si_signo, reinterpret_cast<long>(&info));
  }
}

}  // namespace gamelan::handlers
