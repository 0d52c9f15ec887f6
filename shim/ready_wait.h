// shim/ready_wait.h: what poll, select and epoll_wait share: look, wait until something may be there, look again.
//
// Time     a wait ends at its deadline, never before it, and closes with a look. Source  poll(2), select(2), epoll_wait(2).
#pragma once
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "sched/parking_lot.h"
#include "sched/signals.h"
#include "shim/deadline.h"
#include "shim/io_call.h"

namespace gamelan::io {

inline Nanos deadline_of_millis(int ms) { return ms < 0 ? parking_lot::kForever : deadline_after(ms * kMilli); }
inline Nanos deadline_of(const timespec* t) { return t ? deadline_after(nanos_of(*t)) : parking_lot::kForever; }

// What is left of it, for a call that is made after all. nullptr: for ever.
inline timespec* time_left(Nanos deadline, timespec* room) {
  if (deadline == parking_lot::kForever) return nullptr;
  const Nanos left = max_of<Nanos>(deadline - sys::monotonic_now(), 0);
  *room = {left / kSecond, left % kSecond};
  return room;
}

// Whether the wait is to happen under a mask that is not the caller's: only the kernel changes it and waits at once.
inline bool is_other_mask(const sigset_t* mask) {
  constexpr uint64_t kOfLibc = uint64_t{3} << 31;  // 32 and 33 are never in a program's hands
  return mask && ((*reinterpret_cast<const uint64_t*>(mask) ^ self()->mask) & ~kOfLibc);
}

// For a caller that may have been interrupted, once it has let go of what it held: a cancellation is acted on.
inline long end(long r) {
  if (GAMELAN_UNLIKELY(r == -EINTR)) cancel::point();
  return r;
}

// `look` returns 0 for nothing yet, `wait` a Wake, `in_kernel` makes the whole call until the deadline. `is_woken_again`:
// whether `wait` would end at once, though there is nothing: a hang-up, say, for which the call does not ask. With
// `expects_nothing` the first look is left out: the wait begins with one.
template <class Look, class Wait, class IsWokenAgain, class InKernel>
long until_ready(Nanos deadline, Look look, Wait wait, IsWokenAgain is_woken_again, InKernel in_kernel,
                 bool expects_nothing = false) {
  constexpr unsigned kMostFutile = 3;
  for (unsigned futile = 0;;) {
    const bool is_over = deadline == 0 || (deadline != parking_lot::kForever && sys::monotonic_now() >= deadline);
    const long r = expects_nothing && !is_over ? 0 : look();
    expects_nothing = false;
    if (r != 0 || is_over) return r;
    if (futile == kMostFutile) return in_kernel();
    switch (wait()) {
      case Wake::not_pollable: return in_kernel();
      case Wake::interrupted:
        signals::raise_due();
        if (signals::handled() || cancel::requested()) return -EINTR;
        break;
      case Wake::timed_out: break;
      default: futile = is_woken_again() ? futile + 1 : 0;
    }
  }
}

}  // namespace gamelan::io
