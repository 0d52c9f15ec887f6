// sched/g.h: the goroutine: one pthread of the program.
//
// Owns     `G`. It lives in our initial-exec TLS inside its slot (or in a kernel thread's own TLS block), so that a
//          pthread_t plus a constant is a G, the current G is one %fs: load away, and an address of thread-local data
//          that the program's compiler kept in a register stays right on whichever M the G goes on.
// Memory   type-stable: a slot's TLS block is never unmapped, so a stale G* may be read; `ticket` tells it is stale.
// Threads  who may write which field is said with the field.
// Go       runtime2.go g, sudog.  Differs: a G waits in one place at a time, so its sudog is a member.
//
// States, and who moves a G on:
//
//   none       a native thread: it has no M and waits in the kernel      -
//   idle       in a free list of slots                                   newproc -> runnable
//   runnable   in a run queue, or in `runnext`                           schedule -> running
//   running    an M executes it; its stack is the M's own                park -> waiting, yield -> runnable, goexit -> dead
//   syscall    in a system call; its P may be taken                      exit_syscall -> running, runnable
//   waiting    off its M; somebody has its ticket                        ready -> runnable
//   dead       its start function returned; nobody has joined it yet     free -> idle
#pragma once
#include <pthread.h>

#include "allocator/base/atomic.h"
#include "allocator/base/words.h"

namespace gamelan {

struct G;
struct M;
struct P;
struct SentSignal;
class SlotPool;
class TimerHeap;

enum class GState : uint8_t { none, idle, runnable, running, syscall, waiting, dead };

// Why a G waits, for dumps. Go's waitReason.
enum class WaitReason : uint8_t {
  none, futex, mutex, cond, semaphore, rwlock, barrier, join, sleep, io, poll, signal, once, preempted, syscall
};

enum class GKind : uint8_t {
  native,     // a kernel thread that has no M: made inside libc, or before the scheduler began
  scheduler,  // an M's g0: find_runnable and the netpoller run on it
  goroutine,
};

enum class Wake : uint8_t {
  none,
  woken,
  woken_more,   // woken, and others still wait where it goes on to: a mutex must be taken as a contended one
  handed_over,  // woken as the owner of what the waker gave up
  timed_out, interrupted, value_changed, not_pollable
};
constexpr bool is_woken(Wake w) { return w == Wake::woken || w == Wake::woken_more || w == Wake::handed_over; }

// One wait of a G. Whoever swings `word` from waiting to notified has claimed the wake-up: exactly one of waker, timer,
// netpoller and interrupter does.
//
//   running -> waiting (begin) -> parked (the G is off its stack) -> notified -> running
//                              -> notified (it has not left yet: it goes on by itself)
class WaitWord {
 public:
  enum State : uint8_t { kRunning, kWaiting, kParked, kNotified };
  struct Ticket { uint32_t number; };

  Ticket begin() {  // the owner
    const uint32_t n = number(word_.load_relaxed()) + 1;
    word_.store_seq(make(n, kWaiting, Wake::none));
    return {n};
  }
  // Anyone. *parked says whether the caller must now make the G runnable.
  bool claim(Ticket t, Wake why, bool* parked) {
    uint64_t w = word_.load_acquire();
    while (number(w) == t.number && (state(w) == kWaiting || state(w) == kParked)) {
      if (!word_.compare_exchange(w, make(t.number, kNotified, why))) continue;
      *parked = state(w) == kParked;
      return true;
    }
    return false;
  }
  // On the M that the G has just left. False: it was claimed meanwhile, and is to be made runnable at once.
  bool commit() {
    uint64_t w = word_.load_acquire();
    return state(w) == kWaiting && word_.compare_exchange(w, make(number(w), kParked, Wake::none));
  }
  bool is_over() const { return state(word_.load_relaxed()) == kRunning; }  // the owner: it is not in a wait
  bool is_notified() const { return state(word_.load_acquire()) == kNotified; }
  Ticket ticket() const { return {number(word_.load_acquire())}; }
  Wake end() {  // the owner, once notified
    const uint64_t w = word_.load_acquire();
    word_.store_relaxed(make(number(w), kRunning, Wake::none));
    return static_cast<Wake>(w >> 8 & 0xff);
  }

 private:
  static uint32_t number(uint64_t w) { return static_cast<uint32_t>(w >> 32); }
  static State state(uint64_t w) { return static_cast<State>(w & 0xff); }
  static uint64_t make(uint32_t n, State s, Wake why) {
    return uint64_t{n} << 32 | static_cast<uint64_t>(why) << 8 | s;
  }
  Atomic<uint64_t> word_{0};
};

// Where a G stands in a bucket of the parking lot; guarded by the bucket's lock.
struct ParkedNode {
  const void* address;
  const void* then;   // where a broadcast may move it to: the mutex that it needs next
  uint32_t bits;
  bool queued;
  bool urgent;        // it waited long: whoever wakes it hands over
  WaitWord::Ticket ticket;
  G* next;
  G* prev;
};

struct TimerNode {
  Nanos when;
  WaitWord::Ticket ticket;
  Atomic<TimerHeap*> heap;  // the one it is in, or nullptr
  uint32_t index;           // under that heap's lock
};

// The P that a G left when it entered a system call: it may take it back while the generation is the same.
struct LeftP {
  P* p;
  uint32_t generation;
};

// What the collector needs of a G that is in the kernel by a BlockingCall: the registers that a call preserves may hold
// pointers of the program, and of its stack what lies above `sp`. sp 0: not known, it must be stopped by a signal.
struct Outside {
  uintptr_t sp;
  uintptr_t registers[6];  // rbx, rbp, r12 to r15
  // Inline: the values are those of the function that stays on the stack.
  __attribute__((always_inline)) void publish() {
    __asm__ volatile(
        "mov %%rbx, 8(%0)\n\tmov %%rbp, 16(%0)\n\tmov %%r12, 24(%0)\n\tmov %%r13, 32(%0)\n\t"
        "mov %%r14, 40(%0)\n\tmov %%r15, 48(%0)\n\tmov %%rsp, (%0)"
        : : "r"(this) : "memory");
  }
};

// How a kernel thread is stopped with the world (world.h): by our signal, in whose handler it waits.
struct StopPoint {
  Atomic<bool> told;     // the signal is on its way
  Nanos told_at;
  Atomic<bool> stopped;  // it waits
};

enum class Detach : int { joinable, detached, exited, joined };

struct G {
  // -- the switch: written by the M that runs it --
  void* sp;                   // while off its M
  uintptr_t fs;               // thread pointer, which is the pthread_t
  M* m;                       // while running or in a system call; nullptr: a native thread
  Atomic<uint32_t> in_runtime;  // > 0: our own code holds locks or moves stacks; not preempted, shims go straight through
  GKind kind;
  Atomic<GState> state;
  WaitReason wait_reason;
  uint8_t preempt_skips;      // preemptions that found libc
  Atomic<bool> should_yield;  // a preemption found our own code: the next yield is one
  Atomic<uint8_t> pinned;     // != 0: waits block the kernel thread. kInVfork: a vfork's child runs on this G;
  static constexpr uint8_t kInVfork = 1, kInterruptedUs = 2;  // ... a handler that interrupted our own code, or libc's in it
  bool is_in_vfork() const { return pinned.load_relaxed() & kInVfork; }
  int vfork_pid;              // whose child
  alignas(8) unsigned char vfork_call[16];  // the BlockingCall over it
  uint64_t mask;              // its signal mask, as rt_sigprocmask has it
  G* schedlink;               // in a run queue's or free list's chain
  Nanos waiting_since;        // by sysmon's clock, some ms behind; of an idle slot: since when

  // -- waiting --
  WaitWord wait;
  ParkedNode parked;
  TimerNode timer;
  Atomic<uint32_t> kernel_word;  // native: 1 while it sleeps in the kernel
  bool interruptible;            // a signal ends this wait, with Wake::interrupted
  bool cancellable;              // so does a cancellation request
  uint8_t handlers_ran;          // since this wait began: kHandled, kEnding
  static constexpr uint8_t kHandled = 1, kEnding = 2;  // one ran; one without SA_RESTART did

  // -- the thread, as POSIX sees it --
  int tid;                    // as gettid() says: above pid_max for goroutines, the pid for the main one
  void* (*start)(void*);
  int (*start_c11)(void*);
  void* arg;
  void* result;
  uintptr_t stack_low, stack_high;  // what pthread_getattr_np shows
  Bytes guard;
  bool user_stack;
  Atomic<int> detach;         // a Detach; the exiting G and whoever joins or detaches race for it
  Atomic<uint32_t> done;      // joiners wait on it: 0, then 1
  Atomic<G*> joiner;
  char name[16];
  int* clear_at_end;          // set_tid_address(2)
  SlotPool* slot;             // nullptr: the main thread's, a native thread's
  void* exit_jump;            // where pthread_exit's unwinding ends: a jmp_buf on its stack

  // -- cancellation and signals --
  Atomic<uint32_t> cancel_requested;
  int cancel_state, cancel_type;
  bool exiting;
  void* cleanup;              // libc's chain of __pthread_unwind_buf_t
  void* cleanup_routines;     // the old _pthread_cleanup_push chain
  Atomic<uint64_t> pending;   // signals in `sent`, bit n-1
  SentSignal *sent, *sent_last;  // under the queues' lock
  Atomic<uint64_t> waits_for; // those that its sigwait takes
  Atomic<bool> attention;     // something is to be done when its outermost RuntimeSection ends
  bool holds_signals;         // between two sections that belong together: signals wait too
  bool raising;               // it has just asked the kernel for a signal of its own: that one is expected here
  uint32_t handlers_run;      // how many have returned
  uint32_t handlers_seen;     // while it waits under another mask: a handler that ran since then ends the wait
  bool watches_handlers;
  LeftP left;
  Outside outside;            // while in a system call
  Atomic<uintptr_t> stopped_sp;  // while its kernel thread is stopped in a signal handler on its stack; else 0
  struct { void* sp; int flags; Bytes size; } altstack;

  // -- LockOSThread --
  M* locked_m;
  uint32_t lock_count;
  bool changed_kernel_thread;  // affinity, scheduling policy

  // -- for dumps and the collector --
  uint32_t late_tls_depth;    // dlopen calls under way
  bool used_before;           // its slot has had another thread
  uint64_t id;                // Go's goid

  // -- wakes from a signal handler that interrupted the parking lot, made when that section ends --
  static constexpr uint32_t kLateWakes = 8;
  Atomic<uint32_t> late_wakes;
  int late_most[kLateWakes];
  const void* late_address[kLateWakes];
};

extern __thread G tls_g __attribute__((tls_model("initial-exec"), visibility("hidden")));

inline G* self() {
  G* g = &tls_g;
  return g;
}

// Whether the caller is a goroutine that may be parked here and now.
inline bool can_park() {
  return tls_g.kind == GKind::goroutine && tls_g.in_runtime.load_relaxed() == 0 && tls_g.pinned.load_relaxed() == 0;
}

// The distance from a pthread_t to its G; the same for every thread, since our TLS is static.
inline G* g_of(pthread_t t) {
  uintptr_t fs;
  __asm__("mov %%fs:0, %0" : "=r"(fs));
  return reinterpret_cast<G*>(reinterpret_cast<uintptr_t>(&tls_g) - fs + t);
}

// While one lives, the caller is not preempted, and signals that come wait until the outermost ends.
class RuntimeSection {
 public:
  RuntimeSection() { tls_g.in_runtime.store_relaxed(tls_g.in_runtime.load_relaxed() + 1); }
  ~RuntimeSection();
  RuntimeSection(const RuntimeSection&) = delete;
  RuntimeSection& operator=(const RuntimeSection&) = delete;
};

}  // namespace gamelan
