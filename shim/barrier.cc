// shim/barrier.cc: pthread_barrier_wait. init and destroy set words, and stay libc's.
//
// Arrivals are counted under the lock of the parking lot's bucket: all but the last are in its queue when the last one
// arrives, none of them touches the object after that, and so it may be destroyed as soon as one of them returns.
// Waiters of neighbouring rounds differ in their futex bit, so that the last one wakes its own round's only.
// Layout   glibc's struct pthread_barrier.
// Source   POSIX.1-2017 pthread_barrier_wait.
#include <limits.h>
#include <pthread.h>

#include "shim/in_front.h"

using namespace gamelan;

namespace {
struct Barrier {
  unsigned in;             // arrived in this round; like current_round, under the bucket's lock
  unsigned current_round;
  unsigned count;
  int shared;
  unsigned out;  // what libc's destroy compares with `in`
};
static_assert(sizeof(Barrier) <= sizeof(pthread_barrier_t));

constinit Next<int (*)(pthread_barrier_t*)> next_wait{"pthread_barrier_wait"};

struct Arrival {
  Barrier* barrier;
  unsigned round;
};

// parking_lot::Validate: whether the caller must wait for others.
bool arrive(void* context) {
  auto* a = static_cast<Arrival*>(context);
  if (++a->barrier->in < a->barrier->count) return true;
  a->barrier->in = 0;
  a->barrier->current_round++;
  return false;
}

// The same for a caller that a signal took out of the queue.
bool still_waits(void* context) {
  auto* a = static_cast<Arrival*>(context);
  return a->barrier->current_round == a->round;
}

GAMELAN_NOINLINE int wait_in_kernel(pthread_barrier_t* b) {
  sched::BlockingCall blocking;
  return next_wait.get()(b);
}

int wait(pthread_barrier_t* barrier) {
  auto* b = reinterpret_cast<Barrier*>(barrier);
  if (b->shared) return wait_in_kernel(barrier);
  Arrival me{b, __atomic_load_n(&b->current_round, __ATOMIC_RELAXED)};  // it cannot end before the caller has come
  const parking_lot::Wait w{.address = b, .bits = 1u << me.round % 32, .reason = WaitReason::barrier};
  Wake why = parking_lot::wait_if(w, arrive, nullptr, &me);
  if (why == Wake::value_changed) {
    parking_lot::wake(b, INT_MAX, w.bits);
    return PTHREAD_BARRIER_SERIAL_THREAD;
  }
  while (why == Wake::interrupted) why = parking_lot::wait_if(w, still_waits, nullptr, &me);
  return 0;
}
}  // namespace

// Blocks   the G, until as many have come as the barrier counts.
// Returns  0; PTHREAD_BARRIER_SERIAL_THREAD for one of them.
GAMELAN_EXPORT int pthread_barrier_wait(pthread_barrier_t* b) { return wait_in_front<next_wait, wait>(b); }
