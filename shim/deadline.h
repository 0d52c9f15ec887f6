// shim/deadline.h: the program's timespecs, and the moment of CLOCK_MONOTONIC at which a wait ends.
//
// A CLOCK_REALTIME time is translated once, at entry: a clock that is set meanwhile does not move the deadline. Never
// early: the real clock is read before the monotonic one, and what is beyond our range is forever.
// Source   futex(2), pthread_cond_timedwait(3), clock_gettime(2).
#pragma once
#include <time.h>

#include "allocator/base/syscall.h"
#include "sched/parking_lot.h"

namespace gamelan {

inline bool has_valid_nanos(const timespec& t) { return t.tv_nsec >= 0 && t.tv_nsec < kSecond; }
inline bool is_wait_clock(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC; }

// `t` in nanoseconds, saturated: past for a negative time, forever for one that does not fit.
inline Nanos nanos_of(const timespec& t) {
  if (t.tv_sec < 0) return 0;
  return t.tv_sec >= parking_lot::kForever / kSecond ? parking_lot::kForever : t.tv_sec * kSecond + t.tv_nsec;
}

// Never before `span` from now.
inline Nanos deadline_after(Nanos span) {
  Nanos deadline;
  return __builtin_add_overflow(sys::monotonic_now(), span, &deadline) ? parking_lot::kForever : deadline;
}

// `t` has valid nanoseconds, and `clock` is a wait clock.
inline Nanos deadline_at(clockid_t clock, const timespec& t) {
  const Nanos at = nanos_of(t);
  if (clock == CLOCK_MONOTONIC || at == parking_lot::kForever) return at;
  return deadline_after(at - sys::realtime_now());
}

}  // namespace gamelan
