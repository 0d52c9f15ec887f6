// sched/sysmon.cc: retaking and preempting.
//
// Unseen blocking  A M whose tick stands still may compute, or sleep in the kernel. It sleeps if /proc says S or D. The P is
//                  then claimed in two steps: claim -> taking; membarrier; is its G outside of the runtime (in_runtime 0),
//                  still the same, still asleep? Then the P changes hands. Otherwise claim -> running again. The M's side
//                  stores in_runtime, then loads the claim (own_p), and waits while it reads taking: of the two, one sees
//                  the other. The MCache stays with the M, whose malloc looks at nothing: the P gets another one.
#include "sched/sysmon.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "allocator/base/metrics.h"
#include "allocator/base/print.h"
#include "allocator/base/syscall.h"
#include "allocator/mcache.h"
#include "sched/dump.h"
#include "sched/hooks.h"
#include "sched/netpoll.h"
#include "sched/preempt.h"
#include "sched/signals.h"
#include "sched/slots.h"
#include "sched/starvation.h"
#include "sched/state.h"
#include "sched/task_list.h"
#include "sched/threads.h"
#include "sched/trace.h"
#include "sched/world.h"

#include <pthread.h>

namespace gamelan {

using sched::state;

namespace {
constexpr Nanos kTick = 1 * kMilli, kLongTick = 10 * kMilli;
constexpr int kPatience = 50;  // rounds in which nobody waited, before the tick grows
constexpr Nanos kSlice = 10 * kMilli;
constexpr Nanos kPollEvery = 10 * kMilli;
constexpr Nanos kTrimEvery = 1 * kSecond, kTrimAge = 5 * kSecond;

void nap(Nanos n) {
  timespec t{n / kSecond, n % kSecond};
  sys::call(SYS_nanosleep, reinterpret_cast<long>(&t), 0);
}

bool sleeps_in_kernel(int tid) {
  const char s = task_list::kernel_state(tid);
  return s == 'S' || s == 'D';
}

bool others_wait(const P* p) {
  return sched::has_work(p) || state.global_size.load_seq() || p->timers.earliest() <= sys::coarse_now();
}

void retake_from_syscall(P* p, PClaim::Value v) {
  if (!p->claim.move(v, PStatus::idle, true)) return;
  metric_add(Metric::handoffs, 1);
  p->m.store_relaxed(nullptr);
  sched::hand_off_p(p);
}

void take_from_sleeper(P* p, PClaim::Value v) {
  M* m = p->m.load_acquire();
  if (!m) return;
  G* g = m->current;
  if (!g || !sleeps_in_kernel(m->tid)) return;
  ThreadRecord* fresh = threads::lend_cache();
  if (!fresh) return;
  if (!p->claim.move(v, PStatus::taking, false)) return threads::return_cache(fresh);
  sys::call(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);  // pairs: own_p
  const PClaim::Value taking{PStatus::taking, v.generation};
  const bool still = m->current == g && g->in_runtime.load_seq() == 0 && p->tick.load_relaxed() == p->seen_tick &&
                     !m->stray_cache && sleeps_in_kernel(m->tid);
  if (!still) {
    p->claim.move(taking, PStatus::running, false);
    return threads::return_cache(fresh);
  }
  m->stray_cache = p->cache_record;
  p->cache_record = fresh;
  p->mcache = fresh->cache;
  p->m.store_relaxed(nullptr);
  p->claim.move(taking, PStatus::idle, true);
  metric_add(Metric::unseen_blocking, 1);
  state.strays.fetch_add(1);
  sched::hand_off_p(p);
}

// Returns whether Gs wait for this P, or for any.
bool look_at(P* p, Nanos now) {
  const PClaim::Value v = p->claim.load();
  if (v.status != PStatus::running && v.status != PStatus::syscall) return false;
  const uint32_t tick = p->tick.load_relaxed();
  if (tick != p->seen_tick || v.generation != p->seen_generation || v.status != p->seen_status) {
    p->seen_tick = tick;
    p->seen_generation = v.generation;
    p->seen_status = v.status;
    p->seen_at = now;
    return others_wait(p);
  }
  if (!others_wait(p)) return false;
  // `next` was kept for a G that did not block after all.
  if (v.status == PStatus::running && p->kept.load_relaxed()) {
    p->kept.store_relaxed(0);
    sched::wake_p();
  }
  if (v.status == PStatus::syscall) {
    retake_from_syscall(p, v);
    return true;
  }
  if (now - p->seen_at < kTick) return true;
  take_from_sleeper(p, v);
  if (now - p->seen_at < kSlice) return true;
  M* m = p->m.load_acquire();
  if (m && p->claim.load().generation == v.generation) preempt::request(m);
  return true;
}

// Ms whose P was taken while they slept, and that run again: they have run long enough without one.
void look_at_strays() {
  uint32_t strays = 0;
  for (M* m = state.all_ms.load_acquire(); m; m = m->all_next) {
    if (!m->stray_cache) continue;
    strays++;
    if (m->current && m->current->state.load_relaxed() == GState::running && task_list::kernel_state(m->tid) == 'R') preempt::request(m);
  }
  state.strays.store_relaxed(strays);
}

void poll_for_all(Nanos now) {
  bool due = false;
  for (uint32_t i = 0; i < sched::p_end(); i++) due |= state.ps[i].timers.earliest() <= now - kPollEvery;
  const bool poll = netpoll::has_waiters() && now - state.last_poll.load_relaxed() > kPollEvery;
  if (!due && !poll) return;
  RuntimeSection section;
  sched::poll_from_outside(now);
}

bool all_idle() { return state.idle_p_count.load_seq() >= sched::present_ps(); }

// Sleeps until a P is taken from the idle list.
void wait_for_work() {
  state.sysmon_asleep.store_seq(1);
  while (all_idle() && state.sysmon_asleep.load_seq() && !dump::is_wanted() && !signals::any_to_hand_out()) {
    timespec left{}, *timeout = nullptr;
    if (const Nanos due = trace::due(); due != INT64_MAX) {
      const Nanos n = due - sys::monotonic_now();
      if (n <= 0) break;
      left = {n / kSecond, n % kSecond};
      timeout = &left;
    }
    sys::call(SYS_futex, reinterpret_cast<long>(state.sysmon_asleep.raw()), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1,
              reinterpret_cast<long>(timeout));
  }
  state.sysmon_asleep.store_seq(0);
}

constinit Atomic<int> its_tid{0};

void* run(void*) {
  its_tid.store_seq(sys::current_tid());
  sys::call(SYS_prctl, PR_SET_NAME, reinterpret_cast<long>("gamelan-sysmon"));
  tls_g.kind = GKind::scheduler;
  tls_g.in_runtime.store_relaxed(1);
  signals::begin_catching();
  Nanos trimmed = 0, tick = kTick;
  int calm = 0;
  for (;;) {
    signals::catch_what_is_wanted();
    if (all_idle()) wait_for_work();
    if (!signals::any_to_hand_out()) nap(tick);
    signals::hand_out();
    if (GAMELAN_UNLIKELY(world::stopping.load_relaxed())) continue;  // a stopped M looks as if it slept
    const Nanos now = sys::monotonic_now();
    state.clock.store_relaxed(now);
    bool waits = state.strays.load_relaxed() != 0;
    for (uint32_t i = 0; i < sched::p_end(); i++) waits |= look_at(&state.ps[i], now);
    calm = waits ? 0 : calm + 1;
    tick = calm < kPatience ? kTick : kLongTick;
    if (state.strays.load_relaxed()) look_at_strays();
    poll_for_all(now);
    trace::look(now);
    dump::print_if_wanted();
    starvation::look(now);
    if (state.global_size.load_relaxed()) sched::wake_p();
    if (now - trimmed < kTrimEvery) continue;
    trimmed = now;
    SlotPool::trim_idle(now - kTrimAge);
  }
  return nullptr;
}
}  // namespace

int sysmon::tid() { return its_tid.load_seq(); }

bool sysmon::start() {
  its_tid.store_seq(0);
  sys::call(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 128 * KiB);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const uint64_t every = signals::kAllButSetXid;
  uint64_t before = 0;
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&every), reinterpret_cast<long>(&before), 8);
  pthread_t thread;
  const int e = sched_hooks.create_kernel_thread(&thread, &attributes, run, nullptr);
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&before), 0, 8);
  pthread_attr_destroy(&attributes);
  return e == 0;
}

void sched::wake_sysmon() {
  if (GAMELAN_LIKELY(!state.sysmon_asleep.load_seq())) return;
  state.clock.store_relaxed(sys::coarse_now());
  state.sysmon_asleep.store_seq(0);
  sys::call(SYS_futex, reinterpret_cast<long>(state.sysmon_asleep.raw()), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}

}  // namespace gamelan
