// sched/resize.cc: fewer Ps, and more.
#include "sched/resize.h"

#include "allocator/base/metrics.h"
#include "allocator/base/words.h"
#include "sched/preempt.h"

namespace gamelan::sched {

namespace {
void put_stopped_locked(P* p) {
  p->claim.set(PStatus::stopped);
  p->idle_next = state.stopped_ps;
  state.stopped_ps = p;
  state.stopped_p_count.store_seq(state.stopped_p_count.load_relaxed() + 1);
}

bool is_too_many_locked() {
  const uint32_t n = state.to_stop.load_relaxed();
  if (n) state.to_stop.store_seq(n - 1);
  return n != 0;
}

// Those that nobody uses go first.
void stop_locked(uint32_t n) {
  state.to_stop.store_seq(state.to_stop.load_relaxed() + n);
  while (state.to_stop.load_relaxed()) {
    P* p = take_idle_p_locked();
    if (!p) return;
    is_too_many_locked();
    put_stopped_locked(p);
  }
}

void add_locked(uint32_t n) {
  for (; n && is_too_many_locked(); n--) {}  // those did not stop yet
  for (; n; n--) {
    P* p = state.stopped_ps;
    if (p) {
      state.stopped_ps = p->idle_next;
      state.stopped_p_count.store_seq(state.stopped_p_count.load_relaxed() - 1);
      p->claim.set(PStatus::idle);
    } else {
      p = new_p_locked();
    }
    put_idle_p_locked(p);
  }
}

// They come to look for work then.
void preempt_running() {
  for (uint32_t i = 0; i < p_end(); i++) {
    M* m = state.ps[i].m.load_acquire();
    if (m && state.ps[i].claim.load().status == PStatus::running && m != tls_g.m) preempt::request(m);
  }
}

int resize(uint32_t n) {
  RuntimeSection section;
  uint32_t before;
  {
    SpinGuard guard(state.lock);
    before = usable_ps();
    if (n < before) stop_locked(before - n);
    else add_locked(n - before);
    gamelan_metrics.gomaxprocs = n;
  }
  if (state.to_stop.load_seq()) preempt_running();
  if (n > before) wake_p();
  wake_sysmon();  // what "all idle" means has changed
  return static_cast<int>(before);
}
}  // namespace

bool stop_p(M* m, P* p) {
  while (G* g = p->runq.pop()) put_global(g);
  SpinGuard guard(state.lock);
  if (!is_too_many_locked()) return false;
  release_p(m);
  put_stopped_locked(p);
  return true;
}

bool stop_idle_locked(P* p) {
  if (GAMELAN_LIKELY(!is_too_many_locked())) return false;
  put_stopped_locked(p);
  return true;
}

int set_max_procs(int n) {
  const auto wanted = static_cast<uint32_t>(min_of<int>(n, kMostPs));
  if (is_started()) return n < 1 ? static_cast<int>(usable_ps()) : resize(min_of(wanted, state.p_room));
  const auto before = static_cast<int>(gamelan_metrics.gomaxprocs);
  if (n >= 1) gamelan_metrics.gomaxprocs = state.asked_for = wanted;
  return before;
}

}  // namespace gamelan::sched

GAMELAN_EXPORT int gamelan_gomaxprocs(int n) { return gamelan::sched::set_max_procs(n); }
