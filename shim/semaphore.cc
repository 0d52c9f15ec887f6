// shim/semaphore.cc: sem_wait, sem_timedwait, sem_clockwait, sem_post. The rest neither blocks nor wakes, and stays libc's.
//
// Owns     nothing: the object is laid out as glibc's, one word of value and waiters, so that sem_init, sem_getvalue and
//          sem_trywait are right.  Process-shared ones, and with them all named ones, are libc's and the kernel's.
// Order    a waiter counts itself before it looks at the value; a poster adds to the value and learns the count in one step,
//          and does not touch the object afterwards: it may be destroyed once its unit is taken.
// Source   POSIX.1-2017 sem_wait, sem_timedwait, sem_post; sem_clockwait (glibc 2.30); Go sema.go.
#include <errno.h>
#include <limits.h>
#include <semaphore.h>

#include "sched/cancel.h"
#include "sched/signals.h"
#include "shim/deadline.h"
#include "shim/in_front.h"

using namespace gamelan;

namespace {
// glibc's struct new_sem.
struct Semaphore {
  Atomic<uint64_t> data;  // low half: the value; high half: how many wait
  int shared;

  const void* value_word() const { return this; }  // little-endian
};
static_assert(sizeof(Semaphore) <= sizeof(sem_t));
constexpr uint64_t kWaiter = uint64_t{1} << 32;
constexpr uint32_t value_in(uint64_t data) { return static_cast<uint32_t>(data); }

Semaphore& semaphore_of(sem_t* s) { return *reinterpret_cast<Semaphore*>(s); }

constinit Next<int (*)(sem_t*)> next_wait{"sem_wait"};
constinit Next<int (*)(sem_t*, const timespec*)> next_timedwait{"sem_timedwait"};
constinit Next<int (*)(sem_t*, clockid_t, const timespec*)> next_clockwait{"sem_clockwait"};
constinit Next<int (*)(sem_t*)> next_post{"sem_post"};

int fails(int error) {
  errno = error;
  return -1;
}

// Takes `takes` off where there is a unit.
inline bool take(Semaphore& s, uint64_t takes) {
  uint64_t d = s.data.load_relaxed();
  while (value_in(d))
    if (s.data.compare_exchange(d, d - takes)) return true;
  return false;
}

// As the kernel does for libc: a wait without a time limit goes on after handlers that have SA_RESTART.
bool ends_early(Wake why, Nanos deadline) {
  if (why != Wake::interrupted) return false;
  return cancel::requested() || !signals::restart() || (deadline != parking_lot::kForever && signals::handled());
}

GAMELAN_NOINLINE int wait_slow(Semaphore& s, Nanos deadline) {
  s.data.fetch_add(kWaiter);
  while (!take(s, kWaiter + 1)) {
    const Wake why = parking_lot::wait({.address = s.value_word(), .deadline = deadline, .reason = WaitReason::semaphore,
                                        .cancellable = true}, 0);
    if (why != Wake::timed_out && !ends_early(why, deadline)) continue;
    s.data.fetch_sub(kWaiter);
    cancel::point();
    return fails(why == Wake::timed_out ? ETIMEDOUT : EINTR);
  }
  return 0;
}

GAMELAN_NOINLINE int wait_in_kernel(sem_t* s) {
  sched::BlockingCall blocking;
  return next_wait.get()(s);
}

int wait(sem_t* s) {
  if (GAMELAN_UNLIKELY(semaphore_of(s).shared)) return wait_in_kernel(s);
  cancel::point();
  return GAMELAN_LIKELY(take(semaphore_of(s), 1)) ? 0 : wait_slow(semaphore_of(s), parking_lot::kForever);
}

int wait_until(sem_t* s, clockid_t clock, const timespec* at) {
  if (!is_wait_clock(clock) || !has_valid_nanos(*at)) return fails(EINVAL);
  if (semaphore_of(s).shared) {
    sched::BlockingCall blocking;
    return next_clockwait.get()(s, clock, at);
  }
  cancel::point();
  return take(semaphore_of(s), 1) ? 0 : wait_slow(semaphore_of(s), deadline_at(clock, *at));
}

int wait_at(sem_t* s, const timespec* at) { return wait_until(s, CLOCK_REALTIME, at); }

GAMELAN_NOINLINE int wake_one(const Semaphore& s) {
  parking_lot::wake(s.value_word(), 1);
  return 0;
}

int post(sem_t* s) {
  Semaphore& sem = semaphore_of(s);
  if (GAMELAN_UNLIKELY(sem.shared)) return next_post.get()(s);
  uint64_t d = sem.data.load_relaxed();
  do
    if (GAMELAN_UNLIKELY(value_in(d) == SEM_VALUE_MAX)) return fails(EOVERFLOW);
  while (!sem.data.compare_exchange(d, d + 1));
  return d < kWaiter ? 0 : wake_one(sem);
}
}  // namespace

// Blocks   the G, until there is a unit. A cancellation point.
// Returns  0, or -1 with EINTR.
GAMELAN_EXPORT int sem_wait(sem_t* s) { return wait_in_front<next_wait, wait>(s); }

// As sem_wait, until `at` (CLOCK_REALTIME).
// Returns  0, or -1 with ETIMEDOUT, EINTR, EINVAL (tv_nsec out of range, whether it would block or not).
GAMELAN_EXPORT int sem_timedwait(sem_t* s, const timespec* at) { return wait_in_front<next_timedwait, wait_at>(s, at); }

// As sem_timedwait, on either clock. Returns -1 with EINVAL for another one.
GAMELAN_EXPORT int sem_clockwait(sem_t* s, clockid_t clock, const timespec* at) {
  return wait_in_front<next_clockwait, wait_until>(s, clock, at);
}

// Blocks   nothing; async-signal-safe.
// Returns  0, or -1 with EOVERFLOW (beyond SEM_VALUE_MAX).
GAMELAN_EXPORT int sem_post(sem_t* s) { return in_front<next_post, post>(s); }
