// sched/world.cc: who must be told, and the wait until all have answered.
#include "sched/world.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <time.h>

#include "allocator/base/lock.h"
#include "allocator/base/output.h"
#include "allocator/base/print.h"
#include "allocator/base/syscall.h"
#include "sched/helper_thread.h"
#include "sched/preempt.h"
#include "sched/state.h"
#include "sched/sysmon.h"
#include "sched/task_list.h"
#include "sched/threads.h"

namespace gamelan::world {

constinit Atomic<uint32_t> stopping{0};
constinit bool is_watched = false;
constinit Stranger strangers[kMostStrangers] = {};

namespace {
constexpr Nanos kPatience = 1 * kSecond;
constexpr Nanos kRound = kMilli / 20;   // then those that were in our own code are asked again

constinit Atomic<uint32_t> owner{0};    // futex: the tid of who stops the world
constinit Atomic<uint32_t> answers{0};  // futex: grows with each thread that stops
constinit bool is_prepared = false;     // under `owner`

void futex_wait(Atomic<uint32_t>& word, uint32_t value, Nanos most = 0) {
  timespec t{most / kSecond, most % kSecond};
  sys::call(SYS_futex, reinterpret_cast<long>(word.raw()), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, value, most ? reinterpret_cast<long>(&t) : 0);
}
void futex_wake(Atomic<uint32_t>& word, int most) {
  sys::call(SYS_futex, reinterpret_cast<long>(word.raw()), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, most);
}

// ---- one at a time ----

// Not within a section: whoever stops the world meanwhile must be able to stop the caller.
void become_owner() {
  const auto me = static_cast<uint32_t>(sys::current_tid());
  for (uint32_t nobody = 0; !owner.compare_exchange(nobody, me); nobody = 0) futex_wait(owner, nobody);
}
void resign() {
  owner.store_seq(0);
  futex_wake(owner, 1);
}

void prepare() {
  if (is_prepared) return;
  if (!sched::is_started()) preempt::install();
  sys::call(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
  is_prepared = true;
}

// ---- who must be told ----

bool is_outside(const G* g) { return g->state.load_seq() == GState::syscall && g->outside.sp; }

bool runs_program(const M* m) {
  const G* g = __atomic_load_n(&m->current, __ATOMIC_ACQUIRE);
  return g && !is_outside(g);
}


Stranger* stranger(int tid) {
  for (Stranger& s : strangers)
    if (s.tid.load_relaxed() == tid) return &s;
  return nullptr;
}

// Each thread's state is in its own TLS block: with a thousand of them the walk is all waiting for memory.
class Lookahead {
 public:
  explicit Lookahead(ThreadRecord* first) : at_(first) {
    for (int i = 0; i < 8; i++) step();
  }
  void step() {
    if (!at_) return;
    if (const G* g = at_->g) {  // the thread may have ended: nothing is read of it here
      __builtin_prefetch(&g->state);
      __builtin_prefetch(&g->outside);
    }
    at_ = at_->made_next;
  }

 private:
  ThreadRecord* at_;
};

// One look at all threads.
class Round {
 public:
  explicit Round(int me) : me_(me) {}

  // Whether all of them stand.
  bool ask_all() {
    for (M* m = sched::state.all_ms.load_acquire(); m; m = m->all_next) ask(&m->stop_point, m->tid, runs_program(m));
    Lookahead ahead(threads::first_made());
    for (ThreadRecord* r = threads::first_made(); r; r = r->made_next, ahead.step())
      if (threads::runs(r)) ask(&r->stop_point, r->tid, !is_outside(r->g) && !is_told_in_vain(r->stop_point, r->tid));
    if (task_list::count() > known_ + (sysmon::tid() != 0) + (helper::tid() != 0)) ask_strangers();
    return pending_ == 0;
  }
  int last() const { return last_; }  // one that does not stand: its tid

 private:
  void ask(StopPoint* s, int tid, bool runs) {
    if (!tid) return;
    known_++;
    if (tid == me_ || !runs || s->stopped.load_acquire()) return;
    wait_for(tid);
    if (s->told.exchange(true)) return;
    s->told_at = sys::monotonic_now();
    preempt::ask_to_stop(tid);
  }

  static bool is_known(int tid) {
    if (tid == sysmon::tid() || tid == helper::tid()) return true;
    for (M* m = sched::state.all_ms.load_acquire(); m; m = m->all_next)
      if (m->tid == tid) return true;
    for (ThreadRecord* r = threads::first_made(); r; r = r->made_next)
      if (r->tid == tid && threads::runs(r)) return true;
    return false;
  }

  // A native thread that runs handlers would not sleep any more: it waits for signals itself, as libc's timers do, or blocks ours.
  static bool is_told_in_vain(const StopPoint& s, int tid) {
    return s.told.load_acquire() && !s.stopped.load_acquire() && sys::monotonic_now() - s.told_at > kMilli &&
           task_list::kernel_state(tid) == 'S';
  }

  void ask_strangers() {
    task_list::for_each([this](int tid) {
      if (is_known(tid)) return;
      Stranger* s = stranger(tid);
      if (!s && (s = stranger(0))) s->tid.store_release(tid);  // pairs: stop_here
      if (!s) return wait_for(tid);  // there are too many: the stop fails
      ask(&s->stop_point, tid, !is_told_in_vain(s->stop_point, tid));
    });
  }

  void wait_for(int tid) {
    pending_++;
    last_ = tid;
  }

  int me_, last_ = 0;
  unsigned known_ = 0, pending_ = 0;
};

void say_who(int tid) {
  Line line;
  line.prefix().text("the world could not be stopped: thread ").dec(static_cast<uint64_t>(tid)).text(" does not answer");
  output::write_line(line);
}

// A thread that ends before it answers is not asked again: its record says so, or /proc.
bool wait_for_all(int me) {
  const Nanos until = sys::monotonic_now() + kPatience;
  for (;;) {
    const uint32_t seen = answers.load_seq();
    Round round(me);
    if (round.ask_all()) return true;
    if (sys::monotonic_now() > until) return say_who(round.last()), false;
    futex_wait(answers, seen, kRound);
  }
}

void forget(Stranger* s) {
  s->stop_point.told.store_relaxed(false);
  s->stop_point.stopped.store_relaxed(false);
  s->tid.store_release(0);
}

// A living one keeps its place: it may still be on its way out of the last stop.
void forget_dead_strangers() {
  for (Stranger& s : strangers) {
    const int tid = s.tid.load_relaxed();
    if (tid && sys::is_error(sys::call(SYS_tgkill, sys::current_pid(), tid, 0))) forget(&s);
  }
}

// ---- where a stopped thread stands ----

// Caught in the middle of a switch, thread pointer and stack are of two goroutines: the stack decides.
G* whose_stack(uintptr_t sp) {
  G* g = self();
  const M* m = g->m;
  if (!m) return g;
  G* const candidates[] = {g, m->current, m->post_g};
  for (G* one : candidates)
    if (one && sp >= one->stack_low && sp < one->stack_high) return one;
  return g;  // an alternate stack, or a coroutine's
}

StopPoint* my_stop_point() {
  if (M* m = self()->m) return &m->stop_point;
  if (ThreadRecord* r = threads::current()) return &r->stop_point;
  Stranger* s = stranger(sys::current_tid());
  if (s) s->g = self();
  return s ? &s->stop_point : nullptr;
}

void wait_stopped(StopPoint* point, G* on, uintptr_t sp) {
  on->stopped_sp.store_seq(sp);
  point->stopped.store_seq(true);
  answers.fetch_add(1);
  futex_wake(answers, 1);
  while (stopping.load_seq()) futex_wait(stopping, 1);
  point->stopped.store_seq(false);
  on->stopped_sp.store_relaxed(0);
}
}  // namespace

void wait_at_gate() {
  StopPoint* point = my_stop_point();
  if (!point || owner.load_seq() == static_cast<uint32_t>(sys::current_tid())) return;
  wait_stopped(point, self(), self()->outside.sp);
}

void stop_here() {
  StopPoint* point = my_stop_point();
  if (!point) return;
  const bool busy = point->stopped.load_relaxed() || locks_held || (self()->in_runtime.load_relaxed() && self()->kind != GKind::scheduler);
  // All registers are in the signal's frame, above.
  const auto sp = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (!busy && stopping.load_seq()) wait_stopped(point, whose_stack(sp), sp);
  point->told.store_seq(false);
}

bool stop() {
  become_owner();
  G* g = self();
  g->in_runtime.store_relaxed(g->in_runtime.load_relaxed() + 1);
  prepare();
  forget_dead_strangers();
  stopping.store_seq(1);
  sys::call(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);  // pairs: gate
  if (wait_for_all(sys::current_tid())) return true;
  start();
  return false;
}

void start() {
  stopping.store_seq(0);
  futex_wake(stopping, INT32_MAX);
  resign();
  RuntimeSection last;  // its end sees to what came meanwhile
  G* g = self();
  g->in_runtime.store_relaxed(g->in_runtime.load_relaxed() - 1);
}

void after_fork_in_child() {
  stopping.store_relaxed(0);
  owner.store_relaxed(0);
  is_prepared = false;
  for (Stranger& s : strangers) forget(&s);
  for (M* m = sched::state.all_ms.load_acquire(); m; m = m->all_next) m->stop_point.told.store_relaxed(false);
  if (ThreadRecord* r = threads::current()) r->stop_point.told.store_relaxed(false);
}

}  // namespace gamelan::world

GAMELAN_EXPORT int gamelan_stop_the_world() {
  const bool can = gamelan::sched::is_started() || gamelan::world::is_watched;
  return can && gamelan::world::stop() ? 0 : -1;
}
GAMELAN_EXPORT void gamelan_start_the_world() { gamelan::world::start(); }
