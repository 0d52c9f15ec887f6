// sched/cancel.h: cancellation points.
//
// Source   POSIX.1-2017 2.9.5 Thread Cancellation; pthreads(7) for the list of points.
#pragma once
#include "sched/g.h"

namespace gamelan::cancel {

// Whether the caller is to end at its next cancellation point: requested, enabled, not ending already.
inline bool requested() {
  return __builtin_expect(tls_g.cancel_requested.load_relaxed(), 0) && tls_g.cancel_state == PTHREAD_CANCEL_ENABLE && !tls_g.exiting;
}

[[noreturn]] void act();  // pthread_exit(PTHREAD_CANCELED)

// Ends the caller if that is requested; unwinds its stack.
inline void point() {
  if (requested()) act();
}

}  // namespace gamelan::cancel
