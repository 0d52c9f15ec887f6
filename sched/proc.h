// sched/proc.h: what the parts of sched/ ask of each other; the shim's side is sched/sched.h.
//
// Go       proc.go.
#pragma once
#include "sched/sched.h"

namespace gamelan::sched {

// What may end the wait that the caller is about to begin; a request for cancellation only where the caller lets it.
inline void set_interrupts(G* g, bool by_signal, bool by_cancel) {
  g->handlers_ran = 0;
  g->cancellable = by_cancel && g->cancel_state == PTHREAD_CANCEL_ENABLE;
  __atomic_store_n(&g->interruptible, by_signal, __ATOMIC_RELAXED);  // before WaitWord::begin; pairs: parking_lot::interrupt
}

// The caller has begun a wait (WaitWord::begin): leaves its M until somebody claims it, at the latest at `deadline`.
// Returns why it was woken.
Wake sleep(Nanos deadline, WaitReason reason);

// A claimed and parked G goes on: into the caller's P's queue, or the global one; a native thread is woken.
void ready(G* g);

inline bool is_in_runtime() { return tls_g.in_runtime.load_relaxed() != 0; }

// For a signal handler that interrupted the runtime: the wake is made when that section ends.
int wake_later(const void* address, int most);
void make_late_wakes();
// The caller's G is out of every section: wakes and signals that waited for it.
void attend();

}  // namespace gamelan::sched
