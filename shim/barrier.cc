// shim/barrier.cc: pthread_barrier_wait. init and destroy set words, and stay libc's.
//
// Arrivals are counted under the lock of the parking lot's bucket: all but the last are in its queue when the last one
// arrives, none of them touches the object after that, and so it may be destroyed as soon as one of them returns.
// Layout   glibc's struct pthread_barrier.
// Source   POSIX.1-2017 pthread_barrier_wait.
#include <pthread.h>

#include "sched/sched.h"
#include "shim/next.h"

using namespace gamelan;

namespace {
struct Barrier {
  unsigned in;  // arrived in this round; in the bucket's lock
  unsigned current_round;
  unsigned count;
  int shared;
  unsigned out;  // what libc's destroy compares with `in`
};
static_assert(sizeof(Barrier) <= sizeof(pthread_barrier_t));

constinit Next<int (*)(pthread_barrier_t*)> next_wait{"pthread_barrier_wait"};

// Whether the caller must wait for others.
bool arrive(void* barrier) {
  auto* b = static_cast<Barrier*>(barrier);
  if (++b->in < b->count) return true;
  b->in = 0;
  return false;
}

int wait_in_kernel(pthread_barrier_t* b) {
  sched::BlockingCall blocking;
  return next_wait.get()(b);
}
}  // namespace

// Blocks   the G, until as many have come as the barrier counts.
// Returns  0; PTHREAD_BARRIER_SERIAL_THREAD for one of them.
GAMELAN_EXPORT int pthread_barrier_wait(pthread_barrier_t* barrier) {
  if (GAMELAN_UNLIKELY(!sched::is_goroutine_mode())) return next_wait.get()(barrier);
  auto* b = reinterpret_cast<Barrier*>(barrier);
  if (GAMELAN_UNLIKELY(b->shared)) return wait_in_kernel(barrier);
  const int others = static_cast<int>(b->count) - 1;
  if (parking_lot::wait_if({.address = b, .reason = WaitReason::barrier}, arrive, nullptr, b) != Wake::value_changed) return 0;
  parking_lot::wake(b, others);  // first come, first served: those of this round
  return PTHREAD_BARRIER_SERIAL_THREAD;
}
