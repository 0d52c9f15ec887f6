// sched/proc.cc: matching goroutines with processors and kernel threads.
//
// The story   a G that blocks picks the next one of its P's queue and switches to it directly (switch_away); where there is
//             none, the M goes to its g0 and looks further (find_runnable): global queue, netpoller, other Ps, timers.
//             Finding nothing it gives its P to the idle list and sleeps; one such M sleeps in the netpoller instead, until
//             the next timer of all. Whoever makes a G runnable wakes an idle P if no M is looking already.
// Races       between the last look and the sleep: a M that was spinning lowers the count first and looks once more
//             afterwards; whoever publishes work does so before it reads the count (both sequentially consistent).
// Go          proc.go schedule, findRunnable, wakep, startm, stopm, ready, gopark.
#include "allocator/base/fatal.h"
#include "allocator/base/lock.h"
#include "allocator/base/metrics.h"
#include "allocator/mcache.h"
#include "allocator/sys_memory.h"
#include "sched/cancel.h"
#include "sched/hooks.h"
#include "sched/netpoll.h"
#include "sched/resize.h"
#include "sched/signals.h"
#include "sched/slots.h"
#include "sched/state.h"
#include "sched/switch.h"
#include "sched/tcb.h"
#include "sched/threads.h"
#include "sched/world.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <time.h>

namespace gamelan {

__thread G tls_g = {};

RuntimeSection::~RuntimeSection() {
  const uint32_t left = tls_g.in_runtime.load_relaxed() - 1;
  tls_g.in_runtime.store_relaxed(left);
  if (GAMELAN_UNLIKELY(left == 0 && tls_g.attention.load_relaxed())) sched::attend();
}

void cancel::act() {
  sched_hooks.cancel_self();
  __builtin_unreachable();
}

namespace sched {

constinit State state = {};

namespace {
constexpr uint32_t kFairness = 61;     // Go's: now and then the global queue first, or two Gs that ready each other starve it
constexpr uint32_t kNextStreak = 64;   // so often may `next` go before the rest of the queue
constexpr int kStealRounds = 4;
constexpr uint32_t kKeptEnough = 8, kKeptMost = 16, kSampleEvery = 8;
constexpr uint64_t kLongWait = 60'000;  // time stamps: about 20 us, some ten times what waking a M costs
enum : uint32_t { kNotPolling, kGlance, kWaitsInPoll };  // state.polling: who is in the netpoller, one at a time

// Every 61st G is looked for on g0, where all queues, timers and the network have their turn.
bool is_fair_turn(const P* p) { return (p->tick.load_relaxed() + 1) % kFairness == 0; }

long futex(Atomic<uint32_t>* word, int op, uint32_t value, const timespec* timeout = nullptr) {
  return sys::call(SYS_futex, reinterpret_cast<long>(word->raw()), op | FUTEX_PRIVATE_FLAG, value, reinterpret_cast<long>(timeout));
}

uint32_t random_below(P* p, uint32_t n) {
  p->rng = p->rng * 1664525 + 1013904223;
  return static_cast<uint32_t>(uint64_t{p->rng} * n >> 32);
}
}  // namespace

// ---- ownership --------------------------------------------------------------------------------------------------

MCache** cache_slot(G* g) {
  const auto delta = reinterpret_cast<char*>(&tls_mcache) - reinterpret_cast<char*>(&tls_g);
  return reinterpret_cast<MCache**>(reinterpret_cast<char*>(g) + delta);
}

P* own_p() {
  M* m = tls_g.m;
  if (GAMELAN_UNLIKELY(!m)) return nullptr;
  P* p = m->p.load_relaxed();
  if (GAMELAN_UNLIKELY(!p)) return nullptr;
  // The section's flag was stored before: sysmon's membarrier stands between its claim and its look at the flag.
  __asm__ volatile("" ::: "memory");
  PClaim::Value v = p->claim.load();
  while (GAMELAN_UNLIKELY(v.status == PStatus::taking)) {
    __builtin_ia32_pause();
    v = p->claim.load();
  }
  if (GAMELAN_LIKELY(v.generation == m->p_generation)) return p;
  m->p.store_relaxed(nullptr);
  return nullptr;
}

namespace {
// In a fork's child a P has none at first; without memory for one its malloc calls go to the shared late cache.
void lend_cache_to(P* p) {
  p->cache_record = threads::lend_cache();
  p->mcache = p->cache_record ? p->cache_record->cache : &fallback_mcache;
}
}  // namespace

void acquire_p(M* m, P* p) {
  if (GAMELAN_UNLIKELY(!p->cache_record)) lend_cache_to(p);
  p->claim.set(PStatus::running);
  p->m.store_release(m);
  m->p_generation = p->claim.load().generation;
  m->p.store_release(p);
}

P* release_p(M* m) {
  P* p = m->p.load_relaxed();
  m->p.store_relaxed(nullptr);
  p->m.store_relaxed(nullptr);
  p->claim.set(PStatus::idle);
  return p;
}

// ---- queues -----------------------------------------------------------------------------------------------------

void put_global_chain(G* first, G* last, uint32_t n) {
  SpinGuard guard(state.lock);
  last->schedlink = nullptr;
  (state.global_tail ? state.global_tail->schedlink : state.global_head) = first;
  state.global_tail = last;
  state.global_size.store_seq(state.global_size.load_relaxed() + n);
}

void put_global(G* g) { put_global_chain(g, g, 1); }

void put_local(P* p, G* g) {
  while (!p->runq.push(g)) {
    uint32_t n = 0;
    G* last = nullptr;
    G* half = p->runq.take_half(&n, &last);
    if (half) put_global_chain(half, last, n);
  }
  __atomic_thread_fence(__ATOMIC_SEQ_CST);  // before wake_p's look; pairs: a M that stops spinning looks once more
}

// Moves a fair share of the global queue (or `most`) to `p`; returns one of them to run.
G* take_global(P* p, uint32_t most) {
  if (state.global_size.load_seq() == 0) return nullptr;
  SpinGuard guard(state.lock);
  uint32_t n = min_of(state.global_size.load_relaxed(), state.global_size.load_relaxed() / present_ps() + 1);
  n = min_of(n, RunQueue::kSlots / 2);
  if (most) n = min_of(n, most);
  G* first = nullptr;
  for (uint32_t taken = 0; taken < n && state.global_head; taken++) {
    G* g = state.global_head;
    if (first && !p->runq.push(g)) break;
    state.global_head = g->schedlink;
    if (!state.global_head) state.global_tail = nullptr;
    state.global_size.store_relaxed(state.global_size.load_relaxed() - 1);
    state.global_taken.store_relaxed(state.global_taken.load_relaxed() + 1);
    if (!first) first = g;
  }
  return first;
}

bool has_work(const P* p) { return !p->runq.is_empty(); }

// ---- idle Ps and Ms ---------------------------------------------------------------------------------------------

P* take_idle_p_locked() {
  P* p = state.idle_ps;
  if (!p) return nullptr;
  state.idle_ps = p->idle_next;
  state.idle_p_count.store_seq(state.idle_p_count.load_relaxed() - 1);
  return p;
}

void put_idle_p_locked(P* p) {
  if (stop_idle_locked(p)) return;
  p->idle_next = state.idle_ps;
  state.idle_ps = p;
  state.idle_p_count.store_seq(state.idle_p_count.load_relaxed() + 1);
}

P* take_idle_p() {
  P* p;
  {
    SpinGuard guard(state.lock);
    p = take_idle_p_locked();
  }
  if (p) wake_sysmon();
  return p;
}

void put_idle_p(P* p) {
  SpinGuard guard(state.lock);
  put_idle_p_locked(p);
}

M* new_m() {
  auto* m = static_cast<M*>(sys_alloc(sizeof(M), 64));
  if (!m) return nullptr;
  m->id = static_cast<int>(state.m_count.fetch_add(1));
  M* first = state.all_ms.load_relaxed();
  do m->all_next = first;
  while (!state.all_ms.compare_exchange(first, m));
  metric_add(Metric::machines, 1);
  return m;
}

void start_m(P* p, bool spinning) {
  M* m;
  {
    SpinGuard guard(state.lock);
    m = state.idle_ms;
    if (m) {
      state.idle_ms = m->idle_next;
      state.idle_m_count.store_relaxed(state.idle_m_count.load_relaxed() - 1);
    }
  }
  if (!m) {
    // Not in a signal handler that may have interrupted malloc: sysmon does it.
    if (tls_g.pinned.load_relaxed() || locks_held) {
      if (spinning) state.spinning.fetch_sub(1);
      return put_idle_p(p);
    }
    if (start_kernel_thread(p, spinning)) return;
    if (spinning) state.spinning.fetch_sub(1);
    return put_idle_p(p);  // RLIMIT_NPROC: whoever runs goes on alone; sysmon tries again
  }
  m->spinning = spinning;
  m->next_p = p;
  m->wake_word.store_seq(M::kGoOn);
  futex(&m->wake_word, FUTEX_WAKE, 1);
}

// Somebody should look for work: an idle P gets a M, unless one is looking already.
void wake_p() {
  if (GAMELAN_LIKELY(state.idle_p_count.load_seq() == 0 || state.spinning.load_seq() != 0)) return;
  uint32_t none = 0;
  if (!state.spinning.compare_exchange(none, 1)) return;
  if (P* p = take_idle_p()) return start_m(p, true);
  state.spinning.fetch_sub(1);
}

namespace {
Nanos earliest_timer() {
  Nanos earliest = TimerHeap::kNone;
  for (uint32_t i = 0; i < p_end(); i++) earliest = min_of(earliest, state.ps[i].timers.earliest());
  return earliest;
}

bool has_waits() { return earliest_timer() != TimerHeap::kNone || netpoll::has_waiters(); }

// Gs wait for the network or a timer, and no M would see it. A M that goes idle takes care of it itself (wait_in_netpoller);
// this is for those that stop otherwise.
bool wants_poller() { return state.polling.load_seq() != kWaitsInPoll && has_waits(); }
}  // namespace

void hand_off_p(P* p) {
  if (has_work(p) || state.global_size.load_seq() || p->timers.earliest() != TimerHeap::kNone) return start_m(p, false);
  uint32_t none = 0;
  if (state.spinning.load_seq() == 0 && state.idle_p_count.load_seq() == 0 && state.spinning.compare_exchange(none, 1))
    return start_m(p, true);
  if (wants_poller()) return start_m(p, false);  // it finds nothing, and waits there
  put_idle_p(p);
}

namespace {
// Until somebody hands a P over. Signals that this kernel thread takes meanwhile go to Gs.
void wait_for_p(M* m) {
  for (;;) {
    while (m->wake_word.load_acquire() == 0) futex(&m->wake_word, FUTEX_WAIT, 0);
    uint32_t look = M::kLook;
    if (!m->wake_word.compare_exchange(look, 0)) break;
    signals::hand_out();
  }
  m->wake_word.store_relaxed(0);
  acquire_p(m, m->next_p);
}

// Sleeps until there is work for it.
void stop_m(M* m) {
  {
    SpinGuard guard(state.lock);
    m->idle_next = state.idle_ms;
    state.idle_ms = m;
    state.idle_m_count.store_relaxed(state.idle_m_count.load_relaxed() + 1);
  }
  wait_for_p(m);
}

void drop_stray_cache(M* m) {
  ThreadRecord* r = m->stray_cache;
  if (!r) return;
  m->stray_cache = nullptr;
  threads::return_cache(r);
}
}  // namespace

// ---- making runnable --------------------------------------------------------------------------------------------

void ready(G* g) {
  if (GAMELAN_UNLIKELY(g->kind == GKind::native)) {
    g->kernel_word.store_seq(1);
    futex(&g->kernel_word, FUTEX_WAKE, 1);
    return;
  }
  g->state.store_relaxed(GState::runnable);
  P* p = own_p();
  if (!p) {
    put_global(g);
    return wake_p();
  }
  if (G* before = p->runq.set_next(g)) put_local(p, before);
  if (p->next_samples++ % kSampleEvery == 0) p->next_since = __builtin_ia32_rdtsc();
  // Two Gs that ready each other stay on one P: waking another M each time costs more than they do. Where the caller goes
  // on instead of blocking, sysmon sees `next` stand still and ends that.
  if (p->kept.load_relaxed() < kKeptEnough || p->runq.has_slots()) wake_p();
}

namespace {
// A chain that the netpoller or timers made runnable.
void inject(P* p, G* chain) {
  while (G* g = chain) {
    chain = g->schedlink;
    if (g->kind == GKind::native) {
      ready(g);
      continue;
    }
    g->state.store_relaxed(GState::runnable);
    if (p) put_local(p, g);
    else put_global(g);
    wake_p();
  }
}

// Claims every wait whose deadline has passed.
bool run_timers(P* owner, Nanos now) {
  bool any = false;
  WaitWord::Ticket ticket;
  while (G* g = owner->timers.take_due(now, &ticket)) {
    bool parked;
    if (!g->wait.claim(ticket, Wake::timed_out, &parked)) continue;
    any = true;
    if (parked) ready(g);
  }
  return any;
}
}  // namespace

// ---- running ----------------------------------------------------------------------------------------------------

namespace {
// Everything of the kernel thread that is the G's follows it.
void enter_g(M* m, P* p, G* g) {
  m->current = g;
  g->m = m;
  *cache_slot(g) = p->mcache;
  g->state.store_relaxed(GState::running);
  p->tick.store_relaxed(p->tick.load_relaxed() + 1);
  if (GAMELAN_UNLIKELY(m->kernel_mask != g->mask)) signals::set_kernel_mask(m, g->mask);
  if (GAMELAN_UNLIKELY(m->altstack != g->altstack.sp)) signals::install_altstack(m, g);
}
}  // namespace

void finish_switch() {
  M* m = tls_g.m;
  if (PostSwitch post = m->post_switch) {
    m->post_switch = nullptr;
    post(m, m->post_g, m->post_argument);
  }
}

namespace {
// Whether the G in `next` had to wait for long: its waker computed on, and another P could have run it meanwhile.
bool waited_long(P* p) {
  const uint64_t since = p->next_since;
  p->next_since = 0;
  return since && __builtin_ia32_rdtsc() - since > kLongWait;
}

G* pop_counted(P* p) {
  const bool was_next = p->runq.has_next();
  G* g = p->runq.pop();
  if (was_next && g) p->kept.store_relaxed(waited_long(p) ? 0 : min_of(p->kept.load_relaxed() + 1, kKeptMost));
  return g;
}
}  // namespace

namespace {
// The kernel does not change the alternate stack of one who stands on it: g0 does.
bool leaves_altstack(const M* m, const G* g) {
  return GAMELAN_UNLIKELY(m->altstack) && signals::is_on_altstack(g, reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
}
}  // namespace

void switch_away(PostSwitch post, void* argument, G* to) {
  G* g = self();
  M* m = g->m;
  m->post_switch = post;
  m->post_g = g;
  m->post_argument = argument;
  G* next = to;
  if (to) enter_g(m, m->p.load_relaxed(), to);
  else if (P* p = own_p(); p && !m->locked_g && !is_fair_turn(p) && !leaves_altstack(m, g)) {
    if (GAMELAN_UNLIKELY(p->runq.has_next() && ++p->next_streak > kNextStreak)) {
      p->next_streak = 0;
      if (G* impatient = p->runq.set_next(nullptr)) put_local(p, impatient);
    }
    next = pop_counted(p);
    if (GAMELAN_UNLIKELY(next && next->locked_m)) {
      m->pending_locked = next;
      next = nullptr;
    }
    if (next) enter_g(m, p, next);
  }
  if (!next) next = m->g0;
  switch_stack(&g->sp, next->sp, next->fs);
  finish_switch();
}

void post_yield(M*, G* g, void*) {
  g->state.store_relaxed(GState::runnable);
  put_global(g);
  wake_p();
}

void yield() {
  G* g = self();
  if (!can_park()) {
    sys::call(SYS_sched_yield);
    return;
  }
  RuntimeSection section;
  P* p = own_p();
  if (p && !has_work(p) && state.global_size.load_relaxed() == 0 && !g->should_yield.load_relaxed()) return;
  g->should_yield.store_relaxed(false);
  g->wait_reason = WaitReason::none;
  switch_away(p ? [](M* m, G* left, void*) {
    left->state.store_relaxed(GState::runnable);
    // Behind the others, of its own P where it still has one.
    if (P* mine = m->p.load_relaxed()) put_local(mine, left);
    else put_global(left);
  } : post_yield, nullptr);
}

// ---- waiting ----------------------------------------------------------------------------------------------------

namespace {
void claim_own(G* g, Wake why) {
  bool parked;
  g->wait.claim(g->wait.ticket(), why, &parked);
}

Wake sleep_native(G* g, Nanos deadline) {
  if (!g->wait.commit()) return g->wait.end();
  bool claimed_by_us = false, parked;
  while (!claimed_by_us && g->kernel_word.load_acquire() == 0) {
    timespec left{}, *timeout = nullptr;
    if (deadline != parking_lot::kForever) {
      const Nanos n = deadline - sys::monotonic_now();
      if (n <= 0) {
        claimed_by_us = g->wait.claim(g->wait.ticket(), Wake::timed_out, &parked);
        deadline = parking_lot::kForever;  // else the waker's word comes
        continue;
      }
      left = {n / kSecond, n % kSecond};
      timeout = &left;
    }
    // Out of the section: the kernel may restart this call after a handler, whose wakes cannot wait until it ends.
    const uint32_t depth = g->in_runtime.load_relaxed();
    g->in_runtime.store_relaxed(0);
    const long r = futex(&g->kernel_word, FUTEX_WAIT, 0, timeout);
    g->in_runtime.store_relaxed(depth);
    if (r != -EINTR || !g->interruptible) continue;
    g->handlers_ran = G::kHandled | G::kEnding;  // or the kernel had restarted the call
    claimed_by_us = g->wait.claim(g->wait.ticket(), Wake::interrupted, &parked);
  }
  if (!claimed_by_us) g->kernel_word.store_relaxed(0);
  return g->wait.end();
}

void post_park(M*, G* g, void*) {
  if (!g->wait.commit()) ready(g);
}

// The G's deadline joins its P's heap; whoever waits in the netpoller must not oversleep it.
void arm_timer(G* g, Nanos deadline) {
  P* p = own_p();
  if (!p) p = &state.ps[0];
  g->timer.when = deadline;
  g->timer.ticket = g->wait.ticket();
  if (!p->timers.add(g)) return claim_own(g, Wake::timed_out);  // no memory for a timer: as if it had passed
  if (state.polling.load_seq() && deadline < state.poll_until.load_seq()) netpoll::interrupt_poll();
}
}  // namespace

Wake sleep(Nanos deadline, WaitReason reason) {
  G* g = self();
  if ((g->interruptible && (signals::is_due(g) || !signals::is_seen(g))) || (g->cancellable && g->cancel_requested.load_seq())) claim_own(g, Wake::interrupted);
  if (g->kind != GKind::goroutine) return sleep_native(g, deadline);
  if (deadline != parking_lot::kForever) arm_timer(g, deadline);
  if (!g->wait.is_notified()) {
    g->wait_reason = reason;
    g->waiting_since = state.clock.load_relaxed();
    g->state.store_relaxed(GState::waiting);
    switch_away(post_park, nullptr);
  }
  if (g->timer.heap.load_relaxed()) TimerHeap::remove(g);
  return g->wait.end();
}

Wake sleep_until(Nanos deadline, bool interruptible, WaitReason why) {
  G* g = self();
  Wake woken;
  {
    RuntimeSection section;
    set_interrupts(g, interruptible, interruptible);
    g->parked.queued = false;
    g->wait.begin();
    woken = sleep(deadline, why);
  }
  if (GAMELAN_UNLIKELY(signals::is_due(g))) signals::raise_due();
  return woken;
}

int wake_later(const void* address, int most) {
  G* g = self();
  const uint32_t n = g->late_wakes.load_relaxed();
  for (uint32_t i = 0; i < n; i++)
    if (g->late_address[i] == address) return g->late_most[i] += most, most;
  if (n == G::kLateWakes) fatal("too many wake-ups from a signal handler");
  g->late_address[n] = address;
  g->late_most[n] = most;
  g->late_wakes.store_relaxed(n + 1);
  g->attention.store_relaxed(true);
  return most;
}

void attend() {
  G* g = self();
  make_late_wakes();
  if (g->holds_signals) return;  // at the end of the next section
  g->attention.store_seq(false);
  if (signals::is_due(g)) signals::raise_due();
}

void make_late_wakes() {
  G* g = self();
  while (const uint32_t n = g->late_wakes.load_relaxed()) {
    const void* address = g->late_address[n - 1];
    const int most = g->late_most[n - 1];
    g->late_wakes.store_relaxed(n - 1);
    parking_lot::wake(address, most);
  }
}

// ---- looking for work -------------------------------------------------------------------------------------------

namespace {
G* poll_network(P* p, Nanos now) {
  if (!netpoll::has_waiters() || state.polling.load_relaxed()) return nullptr;
  uint32_t nobody = kNotPolling;
  if (!state.polling.compare_exchange(nobody, kGlance)) return nullptr;
  state.last_poll.store_relaxed(now);
  G* chain = netpoll::poll(0);
  state.polling.store_seq(kNotPolling);
  inject(p, chain);
  return p->runq.pop();
}

G* steal(M* m, P* mine) {
  if (!m->spinning) {
    // As many lookers as half the busy Ps are enough.
    if (2 * state.spinning.load_seq() >= present_ps() - state.idle_p_count.load_seq()) return nullptr;
    m->spinning = true;
    state.spinning.fetch_add(1);
  }
  for (int round = 0; round < kStealRounds; round++) {
    const bool last = round == kStealRounds - 1;
    const uint32_t end = p_end();
    uint32_t i = random_below(mine, end);
    for (uint32_t n = 0; n < end; n++, i = (i + 1) % end) {
      P* p = &state.ps[i];
      if (p == mine) continue;
      if (last && p->timers.earliest() <= sys::monotonic_now() && run_timers(p, sys::monotonic_now()))
        if (G* g = mine->runq.pop()) return g;
      if (G* g = p->runq.steal_into(&mine->runq, last)) {
        if (!p->runq.has_next()) p->kept.store_relaxed(0);
        return g;
      }
    }
  }
  return nullptr;
}

bool is_work_anywhere() {
  if (state.global_size.load_seq()) return true;
  for (uint32_t i = 0; i < p_end(); i++)
    if (has_work(&state.ps[i])) return true;
  return false;
}

void run_all_timers(Nanos now) {
  for (uint32_t i = 0; i < p_end(); i++) run_timers(&state.ps[i], now);
}

// The M takes an idle P, if there is one, and whatever has become runnable goes to it.
bool go_on_with(M* m, G* chain) {
  P* p = take_idle_p();
  if (p) acquire_p(m, p);
  inject(p, chain);
  run_all_timers(sys::monotonic_now());
  return p != nullptr;
}

// Once the M has given up its P: one M waits for the network and the next timer. True: it has a P again.
bool wait_in_netpoller(M* m) {
  for (;;) {
    uint32_t nobody = kNotPolling;
    if (!state.polling.compare_exchange(nobody, kWaitsInPoll)) {
      if (nobody == kWaitsInPoll) return false;
      sys::call(SYS_sched_yield);  // sysmon glances, and nobody would wait after it
      continue;
    }
    if (has_waits()) break;
    state.polling.store_seq(kNotPolling);
    // A wait that began in between found somebody polling: look again.
    if (!has_waits()) return false;
  }
  state.poll_until.store_seq(earliest_timer());
  const Nanos until = earliest_timer();  // again: a timer armed in between saw the old `poll_until`
  G* chain = nullptr;
  if (!is_work_anywhere() || state.idle_p_count.load_seq() == 0) {
    chain = netpoll::poll(until);
    state.last_poll.store_relaxed(sys::coarse_now());
  }
  state.poll_until.store_seq(TimerHeap::kNone);
  state.polling.store_seq(kNotPolling);
  return go_on_with(m, chain);
}

void stop_spinning(M* m) {
  if (!m->spinning) return;
  m->spinning = false;
  if (state.spinning.fetch_sub(1) == 0) fatal("negative count of spinning Ms");
}

// Blocks the M until there is a G to run; it then holds a P.
G* find_runnable(M* m) {
  for (;;) {
    if (GAMELAN_UNLIKELY(signals::any_to_hand_out())) signals::hand_out();
    P* p = own_p();
    const bool stopped = p && GAMELAN_UNLIKELY(state.to_stop.load_relaxed()) && stop_p(m, p);
    if (!p || stopped) {
      drop_stray_cache(m);
      stop_spinning(m);
      if (stopped) wake_p();  // what was in its queue
      if (!wait_in_netpoller(m)) stop_m(m);  // a G that ran here without a P may wait there
      continue;
    }
    Nanos now = 0;
    if (p->timers.earliest() != TimerHeap::kNone) {
      now = sys::monotonic_now();
      run_timers(p, now);
    }
    if (is_fair_turn(p)) {
      if (G* g = take_global(p, 1)) return g;
      if (netpoll::has_waiters())
        if (G* g = poll_network(p, sys::coarse_now())) return g;
    }
    if (G* g = p->runq.pop()) return g;
    if (G* g = take_global(p, 0)) return g;
    if (G* g = poll_network(p, now)) return g;
    if (G* g = steal(m, p)) return g;

    // Nothing. The P goes to the idle list, then one more look.
    {
      SpinGuard guard(state.lock);
      if (state.global_size.load_relaxed()) continue;
      release_p(m);
      put_idle_p_locked(p);
    }
    if (m->spinning) {
      stop_spinning(m);
      if (is_work_anywhere()) {
        if (P* again = take_idle_p()) {
          acquire_p(m, again);
          m->spinning = true;
          state.spinning.fetch_add(1);
          continue;
        }
      }
    }
    if (wait_in_netpoller(m)) continue;
    stop_m(m);
  }
}

// A G that must run on another M: the P goes there with it.
void hand_to_its_m(M* m, G* g) {
  M* its = g->locked_m;
  stop_spinning(m);
  P* p = release_p(m);
  its->next_p = p;
  its->locked_ready = g;
  its->wake_word.store_seq(M::kGoOn);
  futex(&its->wake_word, FUTEX_WAKE, 1);
  stop_m(m);
}

// This M belongs to a G that waits: its P goes on elsewhere until the G is runnable and somebody hands a P over.
G* wait_for_locked_g(M* m) {
  if (own_p()) hand_off_p(release_p(m));
  else if (P* idle = wants_poller() ? take_idle_p() : nullptr) start_m(idle, false);
  drop_stray_cache(m);
  wait_for_p(m);
  return m->locked_ready;
}
}  // namespace

void poll_from_outside(Nanos now) {
  run_all_timers(now);
  uint32_t nobody = kNotPolling;
  if (!netpoll::has_waiters() || !state.polling.compare_exchange(nobody, kGlance)) return;
  state.last_poll.store_relaxed(now);
  G* chain = netpoll::poll(0);
  state.polling.store_seq(kNotPolling);
  inject(nullptr, chain);
}

void run_scheduler(M* m) {
  for (;;) {
    __atomic_store_n(&m->current, nullptr, __ATOMIC_RELEASE);  // it is off its stack
    if (GAMELAN_UNLIKELY(m->altstack)) signals::remove_altstack(m);  // before its G can run elsewhere
    finish_switch();
    G* g = m->pending_locked;
    m->pending_locked = nullptr;
    if (m->locked_g) {
      g = wait_for_locked_g(m);
    } else {
      if (!g) g = find_runnable(m);
      if (g->locked_m && g->locked_m != m) {
        hand_to_its_m(m, g);
        continue;
      }
    }
    if (m->spinning) {
      stop_spinning(m);
      wake_p();  // the last looker found work: there may be more
    }
    P* p = own_p();
    enter_g(m, p, g);
    world::gate();
    switch_stack(&m->g0->sp, g->sp, g->fs);
  }
}

// ---- goroutines' lives ------------------------------------------------------------------------------------------

namespace {
constexpr unsigned kFreePerP = 64;
constexpr int kFirstTid = 0x400001;    // above every pid that Linux can have (PID_MAX_LIMIT)
constexpr uint32_t kTids = 0x1fbfffff; // and within what a futex word has room for

void g_entry(void* argument) {
  auto* g = static_cast<G*>(argument);
  finish_switch();
  g->in_runtime.store_relaxed(0);
  if (g->attention.load_relaxed()) attend();
  sched_hooks.run_thread(g);
}

G* take_free(SlotPool* pool) {
  P* p = own_p();
  G* g = p ? p->free_gs : nullptr;
  if (!g || g->slot != pool) return nullptr;
  p->free_gs = g->schedlink;
  p->free_count--;
  return g;
}
}  // namespace

G* new_g(const NewThread& t) {
  const bool own_stack = t.stack != nullptr;
  SlotPool* pool = SlotPool::of(own_stack ? 0 : t.stack_size, own_stack ? 0 : t.guard_size);
  if (!pool) return nullptr;
  RuntimeSection section;
  G* g = take_free(pool);
  if (!g) g = pool->take();
  if (!g) return nullptr;
  const int tid = kFirstTid + static_cast<int>(state.next_tid.fetch_add(1) % kTids);
  const auto low = reinterpret_cast<uintptr_t>(t.stack);
  if (own_stack) {
    g->stack_low = low;
    g->stack_high = low + t.stack_size;
    g->user_stack = true;
  }
  tcb::reset(g->fs, g->stack_low, g->stack_high - g->stack_low, tid);
  if (g->used_before) tcb::renew_tls(g->fs);
  g->used_before = true;
  g->kind = GKind::goroutine;
  g->tid = tid;
  g->id = state.next_id.fetch_add(1);
  g->in_runtime.store_relaxed(1);
  g->m = nullptr;
  g->result = nullptr;
  g->start_c11 = nullptr;
  g->done.store_relaxed(0);
  g->joiner.store_relaxed(nullptr);
  g->detach.store_relaxed(static_cast<int>(t.detached ? Detach::detached : Detach::joinable));
  g->cancel_requested.store_relaxed(0);
  g->cancel_state = g->cancel_type = 0;
  g->exiting = false;
  g->cleanup = g->cleanup_routines = nullptr;
  signals::forget(g);  // one who was sending while it ended
  g->pending.store_relaxed(0);
  g->altstack = {};
  g->locked_m = nullptr;
  g->lock_count = 0;
  g->name[0] = 0;
  g->clear_at_end = nullptr;
  g->late_wakes.store_relaxed(0);
  g->attention.store_relaxed(false);
  g->holds_signals = g->raising = g->watches_handlers = false;
  g->pinned.store_relaxed(0);
  const uintptr_t top = own_stack ? g->stack_high : SlotPool::stack_top(g);
  g->sp = prepare_stack(top, g_entry, g);
  return g;
}

void start_g(G* g) {
  RuntimeSection section;
  state.live.fetch_add(1);
  metric_add(Metric::goroutines_created, 1);
  if (P* p = own_p()) p->goroutines_created++;
  ready(g);
}

void discard_g(G* g) { g->slot->give_back(g); }

void free_g(G* g) {
  if (!g->slot) return;  // the main goroutine's block is libc's
  RuntimeSection section;
  tcb::free_dynamic_tls(g->fs);
  if (g->user_stack) {
    g->user_stack = false;
    g->stack_low = g->stack_high = 0;
  }
  g->state.store_relaxed(GState::idle);
  g->waiting_since = sys::coarse_now();
  P* p = own_p();
  if (p && p->free_count < kFreePerP && (!p->free_gs || p->free_gs->slot == g->slot)) {
    g->schedlink = p->free_gs;
    p->free_gs = g;
    p->free_count++;
    return;
  }
  g->slot->give_back(g);
}

namespace {
// On the next stack: the G's own is free now.
void post_exit(M*, G* g, void*) {
  int was = static_cast<int>(Detach::joinable);
  g->state.store_relaxed(GState::dead);
  const bool is_joinable = g->detach.compare_exchange(was, static_cast<int>(Detach::exited));
  signals::forget(g);  // after that barrier; pairs: send's look at the state
  if (!is_joinable) return free_g(g);
  g->done.store_seq(1);
  parking_lot::wake_in_section(&g->done, INT32_MAX);
}
}  // namespace

namespace {
// A G that waits in pthread_join for this one, if it can be switched to at once. The end of many threads is one's join.
G* joiner_to_run(G* g) {
  if (!g->joiner.load_seq() || !own_p() || g->m->locked_g) return nullptr;
  G* joiner = parking_lot::take_parked(&g->done);
  if (joiner && joiner->locked_m) {
    ready(joiner);
    return nullptr;
  }
  return joiner;
}
}  // namespace

void exit_g() {
  end_os_thread_lock();
  self()->in_runtime.store_relaxed(self()->in_runtime.load_relaxed() + 1);
  signals::take_no_longer(self(), ~self()->mask);
  if (int* word = self()->clear_at_end) {
    __atomic_store_n(word, 0, __ATOMIC_SEQ_CST);
    parking_lot::wake_in_section(word, 1);
  }
  // Main called pthread_exit, or is not here: a goroutine forked.
  if (state.live.fetch_sub(1) == 1) {
    self()->in_runtime.store_relaxed(0);
    sched_hooks.exit_process();
  }
  switch_away(post_exit, nullptr, joiner_to_run(self()));
  __builtin_unreachable();
}

// Spinning pays only where the holder may run on another processor. Also where Gs wait for this one: to park and to be woken
// costs them as much. (Go spins only with an empty queue; 64 threads on one mutex then took 41 ns instead of 15.)
bool may_spin() {
  const G* g = self();
  if (g->kind != GKind::goroutine) return true;
  const M* m = g->m;
  if (!m || !m->p.load_relaxed() || present_ps() == 1) return false;
  const uint32_t busy = present_ps() - state.idle_p_count.load_relaxed() - state.spinning.load_relaxed();
  return busy > 1;
}

G* main_goroutine() { return state.main; }
uint64_t live_goroutines() { return state.live.load_relaxed(); }
bool is_started() { return state.started.load_acquire(); }

}  // namespace sched
}  // namespace gamelan
