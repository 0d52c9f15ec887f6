// shim/cond.cc: pthread_cond_*. init and destroy stay libc's: they set words, and count no waiter of ours.
//
// Versions the pthread_cond_* of GLIBC_2.2.5 have another layout, which no program for x86-64 was built with since 2003;
//          one would be caught by our unversioned names. What we pass on goes to 2.3.2's.
// Source   POSIX.1-2017 pthread_cond_wait, _timedwait, _signal, _broadcast; pthread_cond_clockwait (glibc 2.30).
#include "shim/cond.h"

#include <errno.h>

#include "sched/cancel.h"
#include "shim/deadline.h"
#include "shim/in_front.h"
#include "shim/mutex.h"

namespace gamelan::cond {

namespace {
enum : unsigned { kShared = 1, kMonotonic = 2 };  // __wrefs

using Wait = int (*)(pthread_cond_t*, pthread_mutex_t*);
using TimedWait = int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*);
using ClockWait = int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*);
using Signal = int (*)(pthread_cond_t*);
constinit Next<Wait> next_wait{"pthread_cond_wait", "GLIBC_2.3.2"};
constinit Next<TimedWait> next_timedwait{"pthread_cond_timedwait", "GLIBC_2.3.2"};
constinit Next<ClockWait> next_clockwait{"pthread_cond_clockwait"};
constinit Next<Signal> next_signal{"pthread_cond_signal", "GLIBC_2.3.2"};
constinit Next<Signal> next_broadcast{"pthread_cond_broadcast", "GLIBC_2.3.2"};

bool is_shared(const pthread_cond_t* c) { return c->__data.__wrefs & kShared; }
clockid_t clock_of(const pthread_cond_t* c) { return c->__data.__wrefs & kMonotonic ? CLOCK_MONOTONIC : CLOCK_REALTIME; }

// Both are libc's: it unlocks and locks the mutex by itself.
bool waits_in_kernel(const pthread_cond_t* c, pthread_mutex_t* m) { return is_shared(c) && !mutex::queue_of(m); }

template <class Call>
int wait_in_kernel(Call call) {
  sched::BlockingCall blocking;
  return call();
}

bool always(void*) { return true; }
void unlock_mutex(void* m) { mutex::unlock_to_wait(static_cast<pthread_mutex_t*>(m)); }

int wait_here(pthread_cond_t* c, pthread_mutex_t* m, Nanos deadline) {
  if (const int e = mutex::check_held(m)) return e;
  cancel::point();
  const Wake why = parking_lot::wait_if({.address = c, .deadline = deadline, .reason = WaitReason::cond,
                                         .cancellable = true, .then = mutex::queue_of(m)}, always, unlock_mutex, m);
  const int e = mutex::lock_after_wait(m, why == Wake::woken_more);
  if (why == Wake::interrupted) cancel::point();  // not where a signal was consumed
  return e || why != Wake::timed_out ? e : ETIMEDOUT;
}

// One waiter: whichever of the two places has one.
GAMELAN_NOINLINE int signal_shared(pthread_cond_t* c) {
  return parking_lot::wake(c, 1) ? 0 : next_signal.get()(c);
}
}  // namespace

int wait(pthread_cond_t* c, pthread_mutex_t* m) {
  if (GAMELAN_UNLIKELY(waits_in_kernel(c, m))) return wait_in_kernel([=] { return next_wait.get()(c, m); });
  return wait_here(c, m, parking_lot::kForever);
}

int wait_until(pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock, const timespec* at) {
  if (!is_wait_clock(clock) || !has_valid_nanos(*at)) return EINVAL;
  if (waits_in_kernel(c, m)) return wait_in_kernel([=] { return next_clockwait.get()(c, m, clock, at); });
  return wait_here(c, m, deadline_at(clock, *at));
}

int signal(pthread_cond_t* c) {
  if (GAMELAN_UNLIKELY(is_shared(c))) return signal_shared(c);
  parking_lot::wake(c, 1);
  return 0;
}

int broadcast(pthread_cond_t* c) {
  parking_lot::wake_or_move(c, mutex::announce_waiter);
  return GAMELAN_UNLIKELY(is_shared(c)) ? next_broadcast.get()(c) : 0;
}

}  // namespace gamelan::cond

using namespace gamelan;

namespace {
int wait_at(pthread_cond_t* c, pthread_mutex_t* m, const timespec* at) { return cond::wait_until(c, m, cond::clock_of(c), at); }
}  // namespace

// Blocks   the G, until it is signalled and has the mutex again. A cancellation point; a handled signal may end it early.
// Returns  0; EPERM: a recursive or error-checking mutex that the caller does not hold; EOWNERDEAD, ENOTRECOVERABLE.
GAMELAN_EXPORT int pthread_cond_wait(pthread_cond_t* c, pthread_mutex_t* m) {
  return wait_in_front<cond::next_wait, cond::wait>(c, m);
}

// As wait, until `at` on the condition's clock. Returns ETIMEDOUT, never early; EINVAL: tv_nsec out of range.
GAMELAN_EXPORT int pthread_cond_timedwait(pthread_cond_t* c, pthread_mutex_t* m, const timespec* at) {
  return wait_in_front<cond::next_timedwait, wait_at>(c, m, at);
}

// As timedwait, on either clock. Returns EINVAL for another one.
GAMELAN_EXPORT int pthread_cond_clockwait(pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock, const timespec* at) {
  return wait_in_front<cond::next_clockwait, cond::wait_until>(c, m, clock, at);
}

// Blocks   nothing. One waiter, the first, goes on. Returns 0.
GAMELAN_EXPORT int pthread_cond_signal(pthread_cond_t* c) { return in_front<cond::next_signal, cond::signal>(c); }

// Blocks   nothing. All waiters go on, one by one as they get the mutex. Returns 0.
GAMELAN_EXPORT int pthread_cond_broadcast(pthread_cond_t* c) { return in_front<cond::next_broadcast, cond::broadcast>(c); }
