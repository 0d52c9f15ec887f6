// sched/hooks.h: what the scheduler asks of the layers above it.
//
// Owns     nothing: preload/wiring.cc defines the table; a unit test defines its own.
#pragma once

namespace gamelan {

struct G;

struct SchedHooks {
  // On a new goroutine's stack: its whole life, up to sched::exit_g.
  void (*run_thread)(G* g);
  // Cancellation: unwinds the caller's stack, running cleanup handlers; does not return.
  void (*cancel_self)();
  // The last goroutine has ended: exit(0).
  void (*exit_process)();
  // Our signal came with the wish for a leak check, or to let go of the last one's process. In the handler.
  void (*check_requested)(bool only_to_reap);
  // In a fork's child, which runs as its parent did: the last thing before it goes on.
  void (*forked_child)();
  // The next pthread_create behind us: kernel threads for Ms.
  int (*create_kernel_thread)(unsigned long* thread, const void* attributes, void* (*start)(void*), void* argument);
};
extern const SchedHooks sched_hooks;

}  // namespace gamelan
