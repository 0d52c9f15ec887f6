// shim/exit.cc: pthread_exit and cancellation of goroutines: the stack is unwound by force.
//
// How      libgcc's _Unwind_ForcedUnwind walks the frames; our stop function jumps into the innermost registered cleanup
//          buffer once its frame is reached, runs old-style cleanup routines as their frames go, and at the stack's end
//          finishes the thread. C++ destructors and __attribute__((cleanup)) run by the frames' own tables.
// Source   POSIX.1-2017 pthread_exit, pthread_cancel, pthread_cleanup_push; Itanium C++ ABI, forced unwinding;
//          glibc nptl/unwind.c for the order in which the three kinds of handlers run.
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <unwind.h>

#include "allocator/base/fatal.h"
#include "allocator/base/mem.h"
#include "allocator/base/syscall.h"
#include "sched/cancel.h"
#include "sched/hooks.h"
#include "sched/preempt.h"
#include "sched/sched.h"
#include "sched/signals.h"
#include "shim/next.h"
#include "shim/threads.h"

using namespace gamelan;

namespace {
// glibc's __pthread_unwind_buf_t: what __pthread_register_cancel is given; the frame that has it has run setjmp on it.
struct CleanupBuffer {
  __jmp_buf jump;
  int mask_was_saved;
  CleanupBuffer* previous;
  void* old_style;
  int cancel_type;
};

// glibc's struct _pthread_cleanup_buffer.
struct CleanupRoutine {
  void (*routine)(void*);
  void* argument;
  int cancel_type;
  CleanupRoutine* previous;
};

using ForcedUnwind = _Unwind_Reason_Code (*)(_Unwind_Exception*, _Unwind_Stop_Fn, void*);
using GetCfa = _Unwind_Word (*)(_Unwind_Context*);
constinit ForcedUnwind forced_unwind = nullptr;
constinit GetCfa get_cfa = nullptr;
constinit Next<void (*)(jmp_buf, int)> next_longjmp{"_longjmp"};

bool find_unwinder() {
  if (forced_unwind) return true;
  void* library = dlopen("libgcc_s.so.1", RTLD_NOW);
  if (!library) return false;
  get_cfa = reinterpret_cast<GetCfa>(dlsym(library, "_Unwind_GetCFA"));
  forced_unwind = reinterpret_cast<ForcedUnwind>(dlsym(library, "_Unwind_ForcedUnwind"));
  return forced_unwind && get_cfa;
}

// Old-style routines whose frames lie below `frame` run now.
void run_routines_below(G* g, uintptr_t frame) {
  while (auto* r = static_cast<CleanupRoutine*>(g->cleanup_routines)) {
    if (reinterpret_cast<uintptr_t>(r) >= frame) return;
    g->cleanup_routines = r->previous;
    r->routine(r->argument);
  }
}

_Unwind_Reason_Code stop(int, _Unwind_Action actions, _Unwind_Exception_Class, _Unwind_Exception*, _Unwind_Context* context, void*) {
  G* g = self();
  const auto frame = static_cast<uintptr_t>(get_cfa(context));
  const bool at_end = actions & _UA_END_OF_STACK;
  auto* buffer = static_cast<CleanupBuffer*>(g->cleanup);
  const bool reached = buffer && (at_end || frame > reinterpret_cast<uintptr_t>(buffer));
  run_routines_below(g, reached ? reinterpret_cast<uintptr_t>(buffer) : at_end ? UINTPTR_MAX : frame);
  if (reached) next_longjmp.get()(reinterpret_cast<__jmp_buf_tag*>(buffer), 1);
  if (!at_end) return _URC_NO_REASON;
  if (g->exit_jump) __builtin_longjmp(static_cast<void**>(g->exit_jump), 1);
  finish_thread(g);  // the main goroutine, whose stack others than we began
}

// Each G's own, since unwinding may stop at a cleanup buffer and go on later.
__thread _Unwind_Exception unwinding __attribute__((tls_model("initial-exec")));

// A catch (...) that does not throw on would swallow the thread's end.
void swallowed(_Unwind_Reason_Code, _Unwind_Exception*) {
  constexpr char kText[] = "FATAL: exception not rethrown\n";
  sys::call(SYS_write, 2, reinterpret_cast<long>(kText), sizeof kText - 1);
  sys::abort_process();
}

[[noreturn]] void unwind() {
  if (!find_unwinder()) fatal("libgcc_s.so.1 must be installed for pthread_exit to work");
  mem::zero(&unwinding, sizeof unwinding);
  unwinding.exception_cleanup = swallowed;
  forced_unwind(&unwinding, stop, nullptr);
  fatal("a thread's stack could not be unwound");
}
}  // namespace

namespace gamelan {

void exit_goroutine(void* result) {
  G* g = self();
  g->exiting = true;
  g->result = result;
  unwind();
}

void cancel_self() { exit_goroutine(PTHREAD_CANCELED); }

}  // namespace gamelan

GAMELAN_EXPORT void pthread_exit(void* result) {
  static constinit Next<void (*)(void*)> next{"pthread_exit"};
  if (self()->kind != GKind::goroutine) next.get()(result);
  exit_goroutine(result);
}

GAMELAN_EXPORT void thrd_exit(int result) { pthread_exit(reinterpret_cast<void*>(static_cast<intptr_t>(result))); }

// ---- what pthread_cleanup_push becomes ----

GAMELAN_EXPORT void __pthread_register_cancel(__pthread_unwind_buf_t* buffer) {
  static constinit Next<void (*)(void*)> next{"__pthread_register_cancel"};
  G* g = self();
  if (g->kind != GKind::goroutine) return next.get()(buffer);
  auto* b = reinterpret_cast<CleanupBuffer*>(buffer);
  b->previous = static_cast<CleanupBuffer*>(g->cleanup);
  g->cleanup = b;
}

GAMELAN_EXPORT void __pthread_unregister_cancel(__pthread_unwind_buf_t* buffer) {
  static constinit Next<void (*)(void*)> next{"__pthread_unregister_cancel"};
  G* g = self();
  if (g->kind != GKind::goroutine) return next.get()(buffer);
  g->cleanup = reinterpret_cast<CleanupBuffer*>(buffer)->previous;
}

GAMELAN_EXPORT void __pthread_unwind_next(__pthread_unwind_buf_t* buffer) {
  static constinit Next<void (*)(void*)> next{"__pthread_unwind_next"};
  G* g = self();
  if (g->kind != GKind::goroutine) next.get()(buffer);
  g->cleanup = reinterpret_cast<CleanupBuffer*>(buffer)->previous;
  unwind();
}

GAMELAN_EXPORT void _pthread_cleanup_push(CleanupRoutine* r, void (*routine)(void*), void* argument) {
  G* g = self();
  *r = {routine, argument, g->cancel_type, static_cast<CleanupRoutine*>(g->cleanup_routines)};
  g->cleanup_routines = r;
}

GAMELAN_EXPORT void _pthread_cleanup_pop(CleanupRoutine* r, int execute) {
  self()->cleanup_routines = r->previous;
  if (execute) r->routine(r->argument);
}

GAMELAN_EXPORT void _pthread_cleanup_push_defer(CleanupRoutine* r, void (*routine)(void*), void* argument) {
  _pthread_cleanup_push(r, routine, argument);
  self()->cancel_type = PTHREAD_CANCEL_DEFERRED;
}

GAMELAN_EXPORT void _pthread_cleanup_pop_restore(CleanupRoutine* r, int execute) {
  self()->cancel_type = r->cancel_type;
  _pthread_cleanup_pop(r, execute);
}

// ---- cancellation ----

GAMELAN_EXPORT int pthread_cancel(pthread_t t) {
  static constinit Next<int (*)(pthread_t)> next{"pthread_cancel"};
  if (!is_goroutine(t)) return next.get()(t);
  G* g = g_of(t);
  if (g->state.load_seq() == GState::dead) return 0;
  g->cancel_requested.store_seq(1);
  if (g == self()) {
    if (g->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS) cancel::point();
    return 0;
  }
  if (!parking_lot::interrupt_to_cancel(g)) preempt::cancel(g);
  return 0;
}

GAMELAN_EXPORT void pthread_testcancel() {
  static constinit Next<void (*)()> next{"pthread_testcancel"};
  if (self()->kind != GKind::goroutine) return next.get()();
  cancel::point();
}

GAMELAN_EXPORT int pthread_setcancelstate(int state, int* before) {
  static constinit Next<int (*)(int, int*)> next{"pthread_setcancelstate"};
  G* g = self();
  if (g->kind != GKind::goroutine) return next.get()(state, before);
  if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE) return EINVAL;
  if (before) *before = g->cancel_state;
  g->cancel_state = state;
  if (g->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS) cancel::point();
  return 0;
}

GAMELAN_EXPORT int pthread_setcanceltype(int type, int* before) {
  static constinit Next<int (*)(int, int*)> next{"pthread_setcanceltype"};
  G* g = self();
  if (g->kind != GKind::goroutine) return next.get()(type, before);
  if (type != PTHREAD_CANCEL_DEFERRED && type != PTHREAD_CANCEL_ASYNCHRONOUS) return EINVAL;
  if (before) *before = g->cancel_type;
  g->cancel_type = type;
  if (type == PTHREAD_CANCEL_ASYNCHRONOUS) cancel::point();
  return 0;
}
