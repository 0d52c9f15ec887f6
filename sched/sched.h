// sched/sched.h: what the shim asks of the scheduler.
//
// Mode     `threads_mode`: fixed before the first thread. undecided until a thread call comes; native: every shim call is
//          passed on to libc; goroutine: our objects, and Gs for threads once the first one is made (until then, and in
//          libc's own threads, callers are native threads: they wait in the kernel, on the same objects).
// Threads  any.
// Go       proc.go.
#pragma once
#include "sched/g.h"
#include "sched/parking_lot.h"
#include "sched/world.h"

namespace gamelan {
struct ThreadRecord;
}

namespace gamelan::sched {

enum class Mode : uint8_t { undecided, native, goroutine };
extern Mode threads_mode __attribute__((visibility("hidden")));
Mode decide_mode();                    // first thread call: options, kernel, glibc, rules
inline bool is_goroutine_mode() {
  if (__builtin_expect(threads_mode == Mode::goroutine, 1)) return true;
  return threads_mode == Mode::undecided && decide_mode() == Mode::goroutine;
}
const char* mode_reason();
void mode_failed(const char* why);     // start(): threads stay native after all
void say_mode();                       // at each thread that the program makes: what has to be said, once

// Starts the scheduler: the caller becomes the main goroutine (or a goroutine beside it). False: it cannot run here, said
// in mode_reason(); threads stay the kernel's, on our objects.
bool start();
bool is_started();

// fork: before_fork returns the record of the caller's P, whose cache the child keeps.
ThreadRecord* before_fork();
void after_fork_in_parent();
void after_fork_in_child();

// ---- goroutines ----
struct NewThread {
  Bytes stack_size;                    // as the attribute says; 0: the default
  Bytes guard_size;
  void* stack;                         // the program's own (attr_setstack): its low end, or nullptr
  bool detached;
};
// A new G, not yet runnable. nullptr: no memory or address space (EAGAIN). Start, arg, name, mask are the caller's to set.
G* new_g(const NewThread& t);
void start_g(G* g);                    // makes it runnable. Go's newproc ends here
void discard_g(G* g);                  // start_g was never called
[[noreturn]] void exit_g();            // the caller's thread functions have run: TLS, TSD, cleanup are done
void free_g(G* g);                     // joined, or detached and ended
void yield();                          // the caller goes to the global queue's end, others run. Blocks  the G
uint64_t live_goroutines();
G* main_goroutine();                   // whose stack is the process'
bool may_spin();                       // another P runs. Go's canSpin

// ---- waiting ----
Wake sleep_until(Nanos deadline, bool interruptible, WaitReason why = WaitReason::sleep);

// ---- system calls that may block in the kernel ----
// From construction to destruction sysmon may hand the caller's P on. errno stays as the call left it. For native
// threads, in signal handlers that interrupted the runtime, and in vfork's child it does nothing.
class BlockingCall {
 public:
  __attribute__((always_inline)) BlockingCall() : entered_(false) {
    if (!can_park()) return;
    tls_g.outside.publish();
    enter();
  }
  // For one that outlives the function in which it begins: what that left in registers is published by the caller.
  enum Published { kUnpublished, kByCaller };
  explicit BlockingCall(Published p) : entered_(false) {
    if (!can_park()) return;
    if (p == kUnpublished) tls_g.outside.sp = 0;
    enter();
  }
  ~BlockingCall();
  BlockingCall(const BlockingCall&) = delete;
  BlockingCall& operator=(const BlockingCall&) = delete;

 private:
  void enter();
  bool entered_;
};

// The same for a native thread where somebody may stop the world; else it costs a load.
class NativeCall {
 public:
  __attribute__((always_inline)) NativeCall() : entered_(GAMELAN_UNLIKELY(world::is_watched) && is_native()) {
    if (!entered_) return;
    tls_g.outside.publish();
    tls_g.state.store_release(GState::syscall);  // pairs: the look of who stops the world
  }
  __attribute__((always_inline)) ~NativeCall() {
    if (!entered_) return;
    tls_g.state.store_relaxed(GState::none);
    world::gate();
  }
  NativeCall(const NativeCall&) = delete;
  NativeCall& operator=(const NativeCall&) = delete;

 private:
  static bool is_native() {
    return tls_g.kind == GKind::native && tls_g.in_runtime.load_relaxed() == 0 && tls_g.state.load_relaxed() == GState::none && !tls_g.is_in_vfork();
  }
  bool entered_;
};

// The caller's G stays on its M, and the M runs nothing else, until as many unlock calls. Go's LockOSThread.
void lock_os_thread();
void unlock_os_thread();

}  // namespace gamelan::sched
