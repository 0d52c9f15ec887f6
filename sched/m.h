// sched/m.h: a kernel thread that runs goroutines.
//
// Owns     `M`: off-heap, type-stable. Its g0 is the kernel thread's own stack and TLS block; find_runnable, the
//          netpoller and whatever must not happen on the stack of a G that is leaving run there. For the process' first
//          thread, whose stack is the main goroutine's, and after fork, g0 is a slot of ours.
// Threads  the M itself, but for `wake_word`, `preempt` and what sysmon reads.
// Go       runtime2.go m.
#pragma once
#include "sched/g.h"

namespace gamelan {

struct ThreadRecord;

struct M {
  G* g0;
  G* current;                   // the G that runs here; nullptr once it has left for g0
  Atomic<P*> p;                 // held; nullptr: parked, or its P was taken while it was in the kernel
  uint32_t p_generation;        // of the claim when it was taken; another one now: it was taken away
  bool spinning;                // looking for work; counted in sched's spinning count
  Atomic<uint32_t> wake_word;   // futex: 0 asleep or about to; else go on
  static constexpr uint32_t kGoOn = 1, kLook = 2;  // a P was handed over; signals were taken that are somebody's
  int tid;
  StopPoint stop_point;
  Atomic<bool> look_sent;       // our signal is on its way: a second one would find nothing more
  uintptr_t native_fs;          // of the block that libc made for this kernel thread
  int id;
  uint64_t kernel_mask;         // the signal mask that the kernel thread has
  Atomic<uint64_t> to_close;    // signals that it is to block while on g0: nobody takes them any more
  void* altstack;               // what the kernel thread has installed
  uintptr_t robust_list;
  ThreadRecord* stray_cache;    // of a P that was taken during blocking that nobody announced; still ours
  G* locked_g;                  // LockOSThread: runs here and nowhere else
  G* pending_locked;            // found in the queue, to be handed to its own M
  G* locked_ready;              // handed over by hand_to_its_m
  P* next_p;                    // handed over by start_m
  M* idle_next;
  M* all_next;

  // Done on the next stack by whoever runs there first: the G has left, its registers are saved.
  void (*post_switch)(M* m, G* left, void* argument);
  G* post_g;
  void* post_argument;
};

}  // namespace gamelan
