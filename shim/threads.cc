// shim/threads.cc: pthread_create and its kin: goroutines, or kernel threads with a record.
//
// Source   POSIX.1-2017 pthread_create, pthread_join, pthread_detach; pthread_tryjoin_np(3); C17 7.26.5.
// Errors   as libc's; EAGAIN where there is no memory or address space for a stack.
#include "shim/threads.h"

#include <errno.h>
#include <stdlib.h>
#include <threads.h>

#include "allocator/base/mem.h"
#include "allocator/base/metrics.h"
#include "allocator/hooks.h"
#include "allocator/mcache.h"
#include "sched/cancel.h"
#include "sched/own_threads.h"
#include "sched/sched.h"
#include "sched/signals.h"
#include "sched/tcb.h"
#include "sched/threads.h"
#include "shim/deadline.h"
#include "shim/next.h"

using namespace gamelan;

namespace {
using CreateFunction = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
constinit Next<CreateFunction> next_create{"pthread_create"};

Bytes default_stack_size() {
  static constinit Atomic<Bytes> size{0};
  if (const Bytes n = size.load_relaxed()) return n;
  pthread_attr_t attributes;
  size_t n = 8 * MiB;
  if (pthread_getattr_default_np(&attributes) == 0) {
    pthread_attr_getstacksize(&attributes, &n);
    pthread_attr_destroy(&attributes);
  }
  size.store_relaxed(n);
  return n;
}

// ---- native ----

void* trampoline(void* record) { return threads::run(static_cast<ThreadRecord*>(record)); }

Bytes stack_size_of(const pthread_attr_t* attr) {
  size_t size = 0;
  if (attr) pthread_attr_getstacksize(attr, &size);
  return size ? size : 8 * MiB;
}

int create_native(pthread_t* out, const pthread_attr_t* attr, void* (*start)(void*), void* arg) {
  int how = PTHREAD_CREATE_JOINABLE;
  if (attr) pthread_attr_getdetachstate(attr, &how);
  ThreadRecord* r = threads::prepare(start, arg, stack_size_of(attr), how == PTHREAD_CREATE_DETACHED);
  if (!r) return EAGAIN;
  const int e = next_create.get()(out, attr, trampoline, r);
  if (e) threads::discard(r);
  return e;
}

// ---- goroutines ----

sched::NewThread wishes_of(const pthread_attr_t* attr) {
  sched::NewThread t{default_stack_size(), kOsPageSize, nullptr, false};
  if (!attr) return t;
  size_t size = 0;
  void* low = nullptr;
  int detach = 0;
  pthread_attr_getstacksize(attr, &size);
  pthread_attr_getguardsize(attr, &t.guard_size);
  pthread_attr_getdetachstate(attr, &detach);
  if (size) t.stack_size = size;
  t.detached = detach == PTHREAD_CREATE_DETACHED;
  // getstack gives the low end also where only a size was set: top 0 less the size.
  if (pthread_attr_getstack(attr, &low, &size) == 0 && reinterpret_cast<uintptr_t>(low) + size != 0 && size) {
    t.stack = low;
    t.stack_size = size;
  }
  return t;
}

void set_mask(G* g, const pthread_attr_t* attr) {
  sigset_t wanted;
  g->mask = self()->mask;
  if (attr && pthread_attr_getsigmask_np(attr, &wanted) == 0) {
    mem::copy(&g->mask, &wanted, sizeof g->mask);
    g->mask &= ~signals::kNeverBlocked;
  }
}

int create_goroutine(pthread_t* out, const pthread_attr_t* attr, void* (*start)(void*), int (*start_c11)(void*), void* arg) {
  G* g = sched::new_g(wishes_of(attr));
  if (!g) return EAGAIN;
  g->start = start;
  g->start_c11 = start_c11;
  g->arg = arg;
  set_mask(g, attr);
  *out = g->fs;  // before it runs: it may end, and be reused, before we are back
  sched::start_g(g);
  return 0;
}

bool starts_goroutines() {
  const bool can = sched::is_goroutine_mode() && sched::start();
  sched::say_mode();
  return can;
}

bool stands_aside() {
  if (!heap_hooks.is_inert()) return false;
  sched::say_mode();
  return true;
}
}  // namespace

namespace gamelan {

int create_kernel_thread(unsigned long* thread, const void* attributes, void* (*start)(void*), void* argument) {
  return next_create.get()(thread, static_cast<const pthread_attr_t*>(attributes), start, argument);
}

void finish_thread(G* g) {
  g->exiting = true;
  tcb::run_destructors();
  sched::exit_g();
}

void run_thread(G* g) {
  tcb::init_locale();
  errno = 0;
  void* jump[5];
  g->exit_jump = jump;
  if (__builtin_setjmp(jump) == 0) {
    // C11's start functions return an int.
    void* result = g->start_c11 ? reinterpret_cast<void*>(static_cast<intptr_t>(g->start_c11(g->arg))) : g->start(g->arg);
    self()->result = result;
  }
  finish_thread(self());
}

void exit_process() { exit(0); }

}  // namespace gamelan

GAMELAN_EXPORT int pthread_create(pthread_t* out, const pthread_attr_t* attr, void* (*start)(void*), void* arg) {
  if (stands_aside()) return next_create.get()(out, attr, start, arg);
  metric_add(Metric::pthread_creates, 1);
  if (starts_goroutines() && !own_threads::begin_at(reinterpret_cast<uintptr_t>(start)))
    return create_goroutine(out, attr, start, nullptr, arg);
  return create_native(out, attr, start, arg);
}

namespace {
// Waits for the end of `t`, one of ours. Blocks  the G. A cancellation point.
int join(pthread_t t, void** result, Nanos deadline) {
  G* g = g_of(t);
  if (g == self()) return EDEADLK;
  if (g->detach.load_seq() == static_cast<int>(Detach::detached)) return EINVAL;
  G* nobody = nullptr;
  if (!g->joiner.compare_exchange(nobody, self())) return EINVAL;
  while (g->done.load_seq() == 0) {
    if (cancel::requested()) {
      g->joiner.store_seq(nullptr);
      cancel::act();
    }
    const Wake why = parking_lot::wait({.address = &g->done, .deadline = deadline, .reason = WaitReason::join, .cancellable = true}, 0);
    if (why != Wake::timed_out) continue;
    g->joiner.store_seq(nullptr);
    return ETIMEDOUT;
  }
  if (result) *result = g->result;
  sched::free_g(g);
  return 0;
}
}  // namespace

namespace {
// Before the call: the block may be another thread's afterwards. Only a collector asks.
void note_given_up(pthread_t t) {
  if (GAMELAN_UNLIKELY(path_mode.stacks)) threads::note_given_up(t);
}
}  // namespace

GAMELAN_EXPORT int pthread_join(pthread_t t, void** result) {
  static constinit Next<int (*)(pthread_t, void**)> next{"pthread_join"};
  if (!is_goroutine(t)) {
    note_given_up(t);
    sched::BlockingCall call;
    return next.waits(t, result);
  }
  return join(t, result, parking_lot::kForever);
}

GAMELAN_EXPORT int pthread_tryjoin_np(pthread_t t, void** result) {
  static constinit Next<int (*)(pthread_t, void**)> next{"pthread_tryjoin_np"};
  if (!is_goroutine(t)) return next.get()(t, result);
  return g_of(t)->done.load_seq() ? join(t, result, parking_lot::kForever) : EBUSY;
}

GAMELAN_EXPORT int pthread_clockjoin_np(pthread_t t, void** result, clockid_t clock, const struct timespec* until) {
  static constinit Next<int (*)(pthread_t, void**, clockid_t, const struct timespec*)> next{"pthread_clockjoin_np"};
  if (!is_goroutine(t)) {
    sched::BlockingCall call;
    return next.waits(t, result, clock, until);
  }
  if (until && (!is_wait_clock(clock) || !has_valid_nanos(*until))) return EINVAL;
  return join(t, result, until ? deadline_at(clock, *until) : parking_lot::kForever);
}

GAMELAN_EXPORT int pthread_timedjoin_np(pthread_t t, void** result, const struct timespec* until) {
  return pthread_clockjoin_np(t, result, CLOCK_REALTIME, until);
}

GAMELAN_EXPORT int pthread_detach(pthread_t t) {
  static constinit Next<int (*)(pthread_t)> next{"pthread_detach"};
  if (!is_goroutine(t)) {
    note_given_up(t);
    return next.get()(t);
  }
  G* g = g_of(t);
  int was = static_cast<int>(Detach::joinable);
  if (g->detach.compare_exchange(was, static_cast<int>(Detach::detached))) return 0;
  if (was != static_cast<int>(Detach::exited)) return EINVAL;
  sched::free_g(g);
  return 0;
}

// ---- C11 ----

GAMELAN_EXPORT int thrd_create(thrd_t* out, thrd_start_t start, void* arg) {
  static constinit Next<int (*)(thrd_t*, thrd_start_t, void*)> next{"thrd_create"};
  if (stands_aside()) return next.get()(out, start, arg);
  metric_add(Metric::pthread_creates, 1);
  if (!starts_goroutines()) {
    metric_add(Metric::threads_created, 1);
    return next.get()(out, start, arg);
  }
  return create_goroutine(out, nullptr, nullptr, start, arg) ? thrd_nomem : thrd_success;
}

GAMELAN_EXPORT int thrd_join(thrd_t t, int* result) {
  void* r = nullptr;
  if (pthread_join(t, &r)) return thrd_error;
  if (result) *result = static_cast<int>(reinterpret_cast<intptr_t>(r));
  return thrd_success;
}

GAMELAN_EXPORT int thrd_detach(thrd_t t) { return pthread_detach(t) ? thrd_error : thrd_success; }
