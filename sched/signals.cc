// sched/signals.cc: who blocks what, and what was sent to whom.
#include "sched/signals.h"

#include <errno.h>
#include <sys/mman.h>

#include "allocator/base/syscall.h"
#include "sched/actions.h"
#include "sched/netpoll.h"
#include "sched/parking_lot.h"
#include "sched/preempt.h"
#include "sched/slots.h"
#include "sched/spin_lock.h"
#include "sched/state.h"

namespace gamelan {

struct SentSignal {
  SentSignal* next;
  bool to_process;
  G* to;  // of those taken on g0: who it is for, or nullptr
  siginfo_t info;
};

namespace signals {

namespace {
constexpr uint64_t kStandard = bit(32) - 1;  // those that do not queue
constexpr auto kReminder = uintptr_t{0x676d6c6e03};

long word(const void* p) { return reinterpret_cast<long>(p); }

void kernel_mask(uint64_t mask, uint64_t* before = nullptr) {
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, word(&mask), word(before), sizeof mask);
}

long queue_info(int tid, int signal, const siginfo_t& info) {
  return sys::call(SYS_rt_tgsigqueueinfo, sys::current_pid(), tid, signal, word(&info));
}

void remind(int tid, int signal) {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = sys::current_pid();
  info.si_value.sival_ptr = reinterpret_cast<void*>(kReminder);
  queue_info(tid, signal, info);
}
}  // namespace

AllBlocked::AllBlocked() { kernel_mask(kAllButSetXid, &before_); }
AllBlocked::~AllBlocked() { kernel_mask(before_); }

// ---- what is open -----------------------------------------------------------------------------------------------

namespace {
// sysmon's own M, as far as signals go.
struct Catcher {
  int tid;
  uint64_t open;
  Atomic<uint64_t> to_close;
  Atomic<uint64_t> wanted;  // what some M has blocked since
};
constinit Catcher catcher = {};
constinit SpinLock open_lock;  // whoever opens, and whoever looks what is open, having blocked it

bool is_live(const G* g) {
  const GState s = g->state.load_seq();
  return g->kind == GKind::goroutine && s != GState::dead && s != GState::idle && s != GState::none;
}

constinit Atomic<const G*> last_taker{nullptr};  // who was found last; spares a walk over all

void want(uint64_t set) {
  if (GAMELAN_UNLIKELY(set & ~catcher.wanted.load_relaxed())) catcher.wanted.fetch_or(set);
}

// What of `set` nobody but `but` takes.
uint64_t not_taken(uint64_t set, const G* but) {
  const G* main = sched::state.main;
  if (main != but && is_live(main)) set &= main->mask;
  const G* last = last_taker.load_relaxed();
  if (set && last && last != but && is_live(last)) set &= last->mask;
  if (!set) return 0;
  SlotPool::for_each_g([&](const G* g) {
    if (!set || g == but || !is_live(g)) return;
    set &= g->mask;
    if (!set) last_taker.store_relaxed(g);
  });
  return set;
}

uint64_t open_on(const M* m) { return ~__atomic_load_n(&m->kernel_mask, __ATOMIC_RELAXED); }

uint64_t open_elsewhere(const M* own) {
  SpinGuard guard(open_lock);
  uint64_t open = catcher.open;
  for (const M* m = sched::state.all_ms.load_acquire(); m; m = m->all_next)
    if (m != own) open |= open_on(m);
  return open;
}

// Bounded: a thread that is stopped, or in vfork, does not answer, and takes no signal either.
void close_there(int tid, Atomic<uint64_t>& to_close, uint64_t set) {
  constexpr int kLongest = 500;
  to_close.fetch_or(set);
  preempt::ask_to_close(tid);
  for (int i = 0; i < kLongest && (to_close.load_seq() & set); i++) {
    if (i < 2) sys::call(SYS_sched_yield);
    else sys::sleep_for(kMilli / 50);
  }
}
}  // namespace

void take_no_longer(const G* g, uint64_t set) {
  const G* main = sched::state.main;
  set &= ~kNeverBlocked;
  if (main != g && is_live(main)) set &= main->mask;
  if (GAMELAN_LIKELY(!set)) return;
  set &= open_elsewhere(g->m);
  if (set) set = not_taken(set, g);
  if (!set) return;
  if (catcher.open & set) close_there(catcher.tid, catcher.to_close, set);
  for (M* m = sched::state.all_ms.load_acquire(); m; m = m->all_next)
    if (m != g->m && (open_on(m) & set)) close_there(m->tid, m->to_close, set);
}

// A kernel thread that runs a G has that one's mask.
void close_here(ucontext_t* context) {
  const G* g = self();
  M* m = g->m;
  Atomic<uint64_t>& to_close = m ? m->to_close : catcher.to_close;
  const uint64_t set = to_close.load_seq();
  if (g->kind == GKind::scheduler) {
    uint64_t mask;
    __builtin_memcpy(&mask, &context->uc_sigmask, sizeof mask);
    mask |= set;
    __builtin_memcpy(&context->uc_sigmask, &mask, sizeof mask);
    if (m) m->kernel_mask |= set;
    else catcher.open &= ~set;
  }
  to_close.fetch_and(~set);
}

void begin_catching() {
  catcher.tid = sys::current_tid();
  catcher.open = 0;
  kernel_mask(kAllButSetXid & ~bit(kOurs));
}

void catch_what_is_wanted() {
  if (GAMELAN_LIKELY(!(catcher.wanted.load_relaxed() & ~catcher.open))) return;
  SpinGuard guard(open_lock);
  const uint64_t wanted = catcher.wanted.load_seq() & ~catcher.open, for_nobody = not_taken(wanted, nullptr);
  catcher.wanted.fetch_and(~for_nobody);
  catcher.open |= wanted & ~for_nobody;
  kernel_mask(kAllButSetXid & ~bit(kOurs) & ~catcher.open);
}

// ---- masks and stacks -------------------------------------------------------------------------------------------

void set_kernel_mask(M* m, uint64_t mask) {
  if (m->kernel_mask == mask) return;
  const uint64_t blocks = mask & ~m->kernel_mask;
  m->kernel_mask = mask;
  kernel_mask(mask);
  want(blocks);
}

void set_mask(G* g, uint64_t mask) {
  if ((mask & ~kNeverBlocked) != g->mask) force_mask(g, mask);
}

void force_mask(G* g, uint64_t mask) {
  mask &= ~kNeverBlocked;
  {
    RuntimeSection section;
    const uint64_t blocks = mask & ~g->mask;
    g->mask = mask;
    if (g->m) g->m->kernel_mask = mask;
    kernel_mask(mask);
    if (blocks) take_no_longer(g, blocks);
  }
  if (is_due(g)) raise_due();
}

void install_altstack(M* m, G* g) {
  stack_t s{};
  s.ss_sp = g->altstack.sp;
  s.ss_flags = g->altstack.sp ? g->altstack.flags : SS_DISABLE;
  s.ss_size = g->altstack.size;
  sys::call(SYS_sigaltstack, word(&s), 0);
  m->altstack = g->altstack.sp;
}

void remove_altstack(M* m) {
  stack_t s{};
  s.ss_flags = SS_DISABLE;
  sys::call(SYS_sigaltstack, word(&s), 0);
  m->altstack = nullptr;
}

// ---- queues -----------------------------------------------------------------------------------------------------

namespace {
constexpr unsigned kMost = 1u << 16;  // signals on their way in all; RLIMIT_SIGPENDING is of that order
constexpr Bytes kChunk = 64 * KiB;

constinit SpinLock lock;
constinit SentSignal* unused = nullptr;
constinit unsigned made = 0;
constinit SentSignal *strays = nullptr, *strays_end = nullptr;  // taken on g0
constinit Atomic<uint32_t> stray_count{0};

bool make_some_locked() {
  if (made >= kMost) return false;
  auto* chunk = static_cast<SentSignal*>(sys::map(nullptr, kChunk, PROT_READ | PROT_WRITE, 0));
  if (!chunk) return false;
  for (unsigned i = 0; i < kChunk / sizeof(SentSignal); i++, made++) {
    chunk[i].next = unused;
    unused = &chunk[i];
  }
  return true;
}

SentSignal* new_locked(const siginfo_t& info, bool to_process) {
  if (!unused && !make_some_locked()) return nullptr;
  SentSignal* s = unused;
  unused = s->next;
  s->next = nullptr;
  s->to_process = to_process;
  s->to = nullptr;
  s->info = info;
  return s;
}

void free_locked(SentSignal* s) {
  s->next = unused;
  unused = s;
}

bool append_locked(G* g, const siginfo_t& info, bool to_process) {
  const uint64_t b = bit(info.si_signo);
  if ((b & kStandard) && (g->pending.load_relaxed() & b)) return true;  // once is enough
  SentSignal* s = new_locked(info, to_process);
  if (!s) return false;
  (g->sent ? g->sent_last->next : g->sent) = s;
  g->sent_last = s;
  g->pending.store_seq(g->pending.load_relaxed() | b);
  return true;
}

uint64_t bits_in(const SentSignal* s) {
  uint64_t bits = 0;
  for (; s; s = s->next) bits |= bit(s->info.si_signo);
  return bits;
}

bool append(G* g, const siginfo_t& info, bool to_process) {
  AllBlocked blocked;
  SpinGuard guard(lock);
  if (!append_locked(g, info, to_process)) return false;
  g->attention.store_seq(true);  // after `pending`
  return true;
}

void append_stray_locked(SentSignal* s) {
  (strays ? strays_end->next : strays) = s;
  strays_end = s;
  stray_count.fetch_add(1);
}

bool take_stray(siginfo_t* info, G** to) {
  AllBlocked blocked;
  SpinGuard guard(lock);
  SentSignal* s = strays;
  if (!s) return false;
  strays = s->next;
  stray_count.fetch_sub(1);
  *info = s->info;
  *to = s->to;
  free_locked(s);
  return true;
}
}  // namespace

bool take(G* g, uint64_t set, siginfo_t* info, bool* to_process) {
  if (!(g->pending.load_seq() & set)) return false;
  AllBlocked blocked;
  SpinGuard guard(lock);
  SentSignal *before = nullptr, *s = g->sent;
  while (s && !(bit(s->info.si_signo) & set)) before = s, s = s->next;
  if (!s) return false;
  (before ? before->next : g->sent) = s->next;
  if (g->sent_last == s) g->sent_last = before;
  *info = s->info;
  *to_process = s->to_process;
  free_locked(s);
  g->pending.store_seq(bits_in(g->sent));
  return true;
}

void keep(G* g, const siginfo_t& info, bool to_process) {
  SpinGuard guard(lock);
  append_locked(g, info, to_process);
  g->attention.store_seq(true);
}

// Whoever sleeps on this g0 looks again; whoever does not looks soon.
void keep_for_others(const siginfo_t& info, G* to) {
  {
    SpinGuard guard(lock);
    if (SentSignal* s = new_locked(info, !to)) {
      s->to = to;
      append_stray_locked(s);
    }
  }
  if (M* m = tls_g.m) {
    uint32_t asleep = 0;
    m->wake_word.compare_exchange(asleep, M::kLook);
  } else {
    sched::state.sysmon_asleep.store_seq(0);
  }
  if (sched::state.polling.load_seq()) netpoll::interrupt_poll();
}

bool is_reminder(const siginfo_t* info) {
  return info->si_code == SI_QUEUE && reinterpret_cast<uintptr_t>(info->si_value.sival_ptr) == kReminder;
}

// ---- who takes it -----------------------------------------------------------------------------------------------

namespace {
bool takes(const G* g, int signal) { return is_live(g) && !(g->mask & bit(signal)); }

G* taker_of(int signal) {
  G* main = sched::state.main;
  if (takes(main, signal)) return main;
  if (takes(self(), signal)) return self();
  G* found = nullptr;
  SlotPool::for_each_g([&](G* g) {
    if (!found && takes(g, signal)) found = g;
  });
  return found;
}

// `g` has a new signal, and is not the caller.
void tell(G* g, int signal) {
  M* m = g->m;
  if (g->waits_for.load_seq() & bit(signal)) {  // it waits in the kernel for just that
    if (m) remind(m->tid, signal);
    return;
  }
  if (g->mask & bit(signal)) return;
  if (parking_lot::interrupt(g) || !m) return;
  const GState s = g->state.load_seq();
  if (s == GState::running) return preempt::nudge(g);
  if (s != GState::syscall) return;
  if (actions::handler_of(signal) > actions::kIgnore) return remind(m->tid, signal);
  siginfo_t info;
  bool to_process;
  if (take(g, bit(signal), &info, &to_process)) sys::call(SYS_tgkill, sys::current_pid(), m->tid, signal);
}
}  // namespace

siginfo_t info_from_self(int signal, int code) {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = code;
  info.si_pid = sys::current_pid();
  info.si_uid = static_cast<uid_t>(sys::call(SYS_getuid));
  return info;
}

G* find_by_tid(int tid) {
  G* main = sched::state.main;
  if (main && main->tid == tid && is_live(main)) return main;
  G* found = nullptr;
  SlotPool::for_each_g([&](G* g) {
    if (g->tid == tid && is_live(g)) found = g;
  });
  return found;
}

int send(G* g, const siginfo_t& info, bool to_process) {
  const int signal = info.si_signo;
  const GState s = g->state.load_seq();
  if (s == GState::dead) return 0;  // not joined yet: a good id
  if (!is_live(g)) return ESRCH;
  if (actions::ignores(signal) && !(g->mask & bit(signal))) return 0;
  if (!append(g, info, to_process)) return EAGAIN;
  if (g->state.load_seq() == GState::dead) forget(g);
  else if (g == self()) raise_due();
  else tell(g, signal);
  return 0;
}

bool send_to_process(const siginfo_t& info) {
  G* g = taker_of(info.si_signo);
  return g && send(g, info, true) == 0;
}

bool any_to_hand_out() { return stray_count.load_seq() != 0; }

void hand_out() {
  siginfo_t info;
  G* to;
  while (any_to_hand_out() && take_stray(&info, &to)) {
    if (to ? send(to, info) == 0 : send_to_process(info)) continue;
    const int pid = sys::current_pid();
    // The kernel lets only the main thread repeat what it says somebody else sent.
    if (sys::call(SYS_rt_sigqueueinfo, pid, info.si_signo, word(&info))) sys::call(SYS_kill, pid, info.si_signo);
  }
}

// ---- raising ----------------------------------------------------------------------------------------------------

namespace {
// The kernel is to make the frame; where there is no handler, to do what it does then.
void raise_in_kernel(G* g, int signal) {
  const int tid = g->m->tid;
  if (actions::handler_of(signal) > actions::kIgnore) return remind(tid, signal);
  siginfo_t info;
  bool to_process;
  if (take(g, bit(signal), &info, &to_process) && !actions::ignores(signal)) queue_info(tid, signal, info);
}

void raise_here(G* g, int signal) {
  g->in_runtime.store_relaxed(1);
  g->raising = true;
  raise_in_kernel(g, signal);
  g->raising = false;
  g->in_runtime.store_relaxed(0);
}
}  // namespace

void raise_due() {
  G* g = self();
  if (g->kind != GKind::goroutine || g->in_runtime.load_relaxed() || g->holds_signals) return;
  for (uint64_t due = g->pending.load_seq() & ~g->mask; due; due &= due - 1) raise_here(g, __builtin_ctzll(due) + 1);
  // What came while that was a section of its own: after a handler's return, say.
  if (g->attention.load_relaxed()) sched::attend();
}

void raise_on_return() {
  G* g = self();
  for (uint64_t due = g->pending.load_seq() & ~g->mask; due; due &= due - 1) raise_in_kernel(g, __builtin_ctzll(due) + 1);
}

// ---- ends -------------------------------------------------------------------------------------------------------

void forget(G* g) {
  if (GAMELAN_LIKELY(!g->sent)) return;  // nobody sends to a dead one
  {
    AllBlocked blocked;
    SpinGuard guard(lock);
    while (SentSignal* s = g->sent) {
      g->sent = s->next;
      s->next = nullptr;
      if (s->to_process) append_stray_locked(s);
      else free_locked(s);
    }
    g->pending.store_relaxed(0);
  }
  hand_out();
}

void after_fork_in_child(G* only) {
  open_lock.reset_in_child();
  catcher.open = 0;
  catcher.to_close.store_relaxed(0);
  catcher.wanted.store_relaxed(0);
  lock.reset_in_child();
  strays = nullptr;
  stray_count.store_relaxed(0);
  only->sent = nullptr;
  only->pending.store_relaxed(0);
  only->waits_for.store_relaxed(0);
}

}  // namespace signals

}  // namespace gamelan
