// sched/blocking_call.cc: a G goes into the kernel and leaves its P where sysmon may take it.
//
// Orders   enter_syscall is the last access to the P (release); coming back, the claim's compare-exchange decides between the
//          G and sysmon: only {syscall, the same generation} is still ours.
// Go       proc.go entersyscall, exitsyscall.
#include <sched.h>

#include "allocator/mcache.h"
#include "sched/signals.h"
#include "sched/state.h"
#include "sched/tcb.h"
#include "sched/world.h"

namespace gamelan::sched {

void BlockingCall::enter() {
  G* g = self();
  g->in_runtime.store_relaxed(1);
  if (P* p = own_p()) {
    M* m = g->m;
    entered_ = true;
    g->left = {p, m->p_generation};
    m->p.store_relaxed(nullptr);
    *cache_slot(g) = &fallback_mcache;
    g->state.store_seq(GState::syscall);  // before the look at `attention`; pairs: signals.cc tell
    p->claim.enter_syscall();
  }
  g->in_runtime.store_relaxed(0);
  if (GAMELAN_UNLIKELY(g->attention.load_seq())) attend();
}

namespace {
// Its P is gone: an idle one, or the global queue.
void exit_slow(G* g) {
  M* m = g->m;
  if (P* p = m->locked_g ? nullptr : take_idle_p()) {
    acquire_p(m, p);
    *cache_slot(g) = p->mcache;
    return;
  }
  g->wait_reason = WaitReason::syscall;
  switch_away(post_yield, nullptr);
}
}  // namespace

void return_from_syscall(G* g) {
  M* m = g->m;
  if (m->p.load_relaxed()) return g->state.store_seq(GState::running);
  const LeftP left = g->left;
  if (left.p->claim.move({PStatus::syscall, left.generation}, PStatus::running, false)) {
    m->p.store_relaxed(left.p);
    *cache_slot(g) = left.p->mcache;
  } else {
    exit_slow(g);
  }
  g->state.store_seq(GState::running);
  world::gate();
}

void enter_syscall_again(G* g, LeftP call) {
  M* m = g->m;
  P* p = own_p();
  if (!p) return;  // sysmon has it: as for blocking that it finds by itself
  *cache_slot(g) = &fallback_mcache;
  g->state.store_seq(GState::syscall);
  if (p == call.p && m->p_generation == call.generation) {
    m->p.store_relaxed(nullptr);
    p->claim.enter_syscall();
  } else {
    hand_off_p(release_p(m));
  }
}

BlockingCall::~BlockingCall() {
  if (!entered_) return;
  G* g = self();
  g->in_runtime.store_relaxed(1);
  return_from_syscall(g);
  g->in_runtime.store_relaxed(0);
  if (GAMELAN_UNLIKELY(g->attention.load_relaxed())) attend();
}

// libc and the kernel see the kernel thread while its G is wired: its id in mutex words, the G's list of robust ones.
void lock_os_thread() {
  G* g = self();
  if (!can_park()) return;
  RuntimeSection section;
  if (g->lock_count++) return;
  g->locked_m = g->m;
  g->m->locked_g = g;
  tcb::set_tid(g->fs, g->m->tid);
  tcb::set_robust_list(g->fs);
}

void unlock_os_thread() {
  G* g = self();
  if (g->kind != GKind::goroutine || !g->lock_count) return;
  RuntimeSection section;
  if (--g->lock_count) return;
  tcb::set_robust_list(g->m->native_fs);
  tcb::set_tid(g->fs, g->tid);
  g->locked_m->locked_g = nullptr;
  g->locked_m = nullptr;
}

// The caller's G ends wired: what it held is let go, and the M is as it was before.
void end_os_thread_lock() {
  G* g = self();
  if (!g->lock_count) return;
  tcb::release_robust_mutexes(g->fs);
  g->lock_count = 1;
  unlock_os_thread();
  if (!g->changed_kernel_thread) return;
  g->changed_kernel_thread = false;
  sched_param normal{};
  sys::call(SYS_sched_setscheduler, 0, SCHED_OTHER, reinterpret_cast<long>(&normal));
  sys::call(SYS_sched_setaffinity, 0, sizeof state.affinity, reinterpret_cast<long>(state.affinity));
}

}  // namespace gamelan::sched
