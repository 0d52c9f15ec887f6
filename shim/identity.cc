// shim/identity.cc: what a thread is asked about itself: attributes, name, ids, affinity, priority, clocks.
//
// Kernel state   affinity and scheduling belong to kernel threads. A G that changes its own is wired to its M from then on.
// Source   pthread_getattr_np(3), pthread_setname_np(3), pthread_setaffinity_np(3), pthread_getcpuclockid(3), gettid(2).
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "allocator/base/syscall.h"
#include "sched/sched.h"
#include "shim/next.h"
#include "shim/threads.h"

using namespace gamelan;

GAMELAN_EXPORT int pthread_getattr_np(pthread_t t, pthread_attr_t* attr) {
  static constinit Next<int (*)(pthread_t, pthread_attr_t*)> next{"pthread_getattr_np"};
  const G* g = g_of(t);
  // The main goroutine's stack is the process': libc knows how to find its bounds, for the thread whose block that is.
  if (g->kind != GKind::goroutine || !g->slot) return next.get()(t, attr);
  pthread_attr_init(attr);
  pthread_attr_setstack(attr, reinterpret_cast<void*>(g->stack_low), g->stack_high - g->stack_low);
  pthread_attr_setguardsize(attr, g->guard);
  const int d = g->detach.load_relaxed();
  pthread_attr_setdetachstate(attr, d == static_cast<int>(Detach::detached) ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
  return 0;
}

GAMELAN_EXPORT int pthread_setname_np(pthread_t t, const char* name) {
  static constinit Next<int (*)(pthread_t, const char*)> next{"pthread_setname_np"};
  G* g = g_of(t);
  if (g->kind != GKind::goroutine || g == sched::main_goroutine()) return next.get()(t, name);
  const size_t n = strlen(name);
  if (n >= sizeof g->name) return ERANGE;
  memcpy(g->name, name, n + 1);
  return 0;
}

GAMELAN_EXPORT int pthread_getname_np(pthread_t t, char* name, size_t size) {
  static constinit Next<int (*)(pthread_t, char*, size_t)> next{"pthread_getname_np"};
  const G* g = g_of(t);
  if (g->kind != GKind::goroutine) return next.get()(t, name, size);
  const G* named = g->name[0] || g == sched::main_goroutine() ? g : nullptr;
  if (!named || g == sched::main_goroutine()) return next.get()(sched::main_goroutine()->fs, name, size);  // inherited, as comm is
  if (size <= strlen(g->name)) return ERANGE;
  memcpy(name, g->name, strlen(g->name) + 1);
  return 0;
}

GAMELAN_EXPORT pid_t gettid() {
  const G* g = self();
  return g->kind == GKind::goroutine ? g->tid : sys::current_tid();
}

namespace {
// The kernel thread on which the caller's change is to take hold; other goroutines cannot be asked to move.
int kernel_tid_of(pthread_t t) {
  if (t == pthread_self()) {
    if (!self()->changed_kernel_thread) sched::lock_os_thread();
    self()->changed_kernel_thread = true;
    return sys::current_tid();
  }
  return 0;
}

int result_of(long r) { return sys::is_error(r) ? static_cast<int>(-r) : 0; }
}  // namespace

GAMELAN_EXPORT int pthread_setaffinity_np(pthread_t t, size_t size, const cpu_set_t* set) {
  static constinit Next<int (*)(pthread_t, size_t, const cpu_set_t*)> next{"pthread_setaffinity_np"};
  if (!is_goroutine(t)) return next.get()(t, size, set);
  const int tid = kernel_tid_of(t);
  // Of another goroutine: checked by the kernel's rules for what would be allowed, and kept to by nobody.
  if (!tid) return 0;
  return result_of(sys::call(SYS_sched_setaffinity, tid, static_cast<long>(size), reinterpret_cast<long>(set)));
}

GAMELAN_EXPORT int pthread_getaffinity_np(pthread_t t, size_t size, cpu_set_t* set) {
  static constinit Next<int (*)(pthread_t, size_t, cpu_set_t*)> next{"pthread_getaffinity_np"};
  if (!is_goroutine(t)) return next.get()(t, size, set);
  const long r = sys::call(SYS_sched_getaffinity, 0, static_cast<long>(size), reinterpret_cast<long>(set));
  if (sys::is_error(r)) return static_cast<int>(-r);
  memset(reinterpret_cast<char*>(set) + r, 0, size - static_cast<size_t>(r));
  return 0;
}

GAMELAN_EXPORT int pthread_setschedparam(pthread_t t, int policy, const sched_param* param) {
  static constinit Next<int (*)(pthread_t, int, const sched_param*)> next{"pthread_setschedparam"};
  if (!is_goroutine(t)) return next.get()(t, policy, param);
  if (policy == SCHED_OTHER && param->sched_priority == 0) return 0;
  if (param->sched_priority < sched_get_priority_min(policy) || param->sched_priority > sched_get_priority_max(policy)) return EINVAL;
  const int tid = kernel_tid_of(t);
  return tid ? result_of(sys::call(SYS_sched_setscheduler, tid, policy, reinterpret_cast<long>(param))) : EPERM;
}

GAMELAN_EXPORT int pthread_getschedparam(pthread_t t, int* policy, sched_param* param) {
  static constinit Next<int (*)(pthread_t, int*, sched_param*)> next{"pthread_getschedparam"};
  if (!is_goroutine(t)) return next.get()(t, policy, param);
  const long r = sys::call(SYS_sched_getscheduler, 0);
  if (sys::is_error(r)) return static_cast<int>(-r);
  *policy = static_cast<int>(r);
  return result_of(sys::call(SYS_sched_getparam, 0, reinterpret_cast<long>(param)));
}

GAMELAN_EXPORT int pthread_setschedprio(pthread_t t, int priority) {
  static constinit Next<int (*)(pthread_t, int)> next{"pthread_setschedprio"};
  if (!is_goroutine(t)) return next.get()(t, priority);
  return priority == 0 ? 0 : EINVAL;
}

// The clock of the kernel thread that runs the goroutine: its own where it is wired, else the process' (no kernel clock
// counts a goroutine's time).
GAMELAN_EXPORT int pthread_getcpuclockid(pthread_t t, clockid_t* clock) {
  static constinit Next<int (*)(pthread_t, clockid_t*)> next{"pthread_getcpuclockid"};
  if (!is_goroutine(t)) return next.get()(t, clock);
  *clock = t == pthread_self() ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID;
  return 0;
}

GAMELAN_EXPORT int sched_yield() {
  if (!sched::is_started()) return static_cast<int>(sys::call(SYS_sched_yield));
  sched::yield();
  return 0;
}

// Its header renames pthread_yield, so the symbol is made here.
__asm__(".globl pthread_yield\n.set pthread_yield, sched_yield\n");
GAMELAN_EXPORT void thrd_yield() { sched_yield(); }
