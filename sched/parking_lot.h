// sched/parking_lot.h: the one blocking primitive: threads wait on an address, as on a futex.
//
// Owns     buckets of waiting Gs, hashed by address. Goroutines leave their M; native threads sleep in the kernel; either
//          wakes the other. Memory at the address is touched by a waiter's `validate` only, before it queues: it may be unmapped
//          as soon as the waiter is woken.
// Locks    a bucket's (leaf). Order: first come, first served, per address.
// Threads  any. `wake` is safe in a signal handler: one that interrupted the parking lot itself leaves its wake for the
//          end of that section.
// Source   futex(2); WebKit's ParkingLot for validate and before_sleep.  Go  sema.go, lock_futex.go.
#pragma once
#include "sched/g.h"

namespace gamelan::parking_lot {

inline constexpr Nanos kForever = INT64_MAX;
inline constexpr uint32_t kAnyBit = ~uint32_t{0};

struct Wait {
  const void* address;
  Nanos deadline = kForever;          // CLOCK_MONOTONIC
  uint32_t bits = kAnyBit;            // FUTEX_WAIT_BITSET's
  WaitReason reason = WaitReason::futex;
  bool cancellable = false;           // a cancellation request ends it, as a signal always does: Wake::interrupted
  bool urgent = false;                // stands first in the queue, and wake_one hands over to it
  const void* then = nullptr;         // the object that it needs next: see wake_or_move
};

// Waits while the 32-bit word at the address is `expected`: looked at once, under the bucket's lock.
// Blocks   the G (a native thread: itself). Returns what is_woken, timed_out, interrupted (its handlers have run),
//          value_changed. In a signal handler that interrupted the runtime, and in vfork's child: woken, for no reason.
Wake wait(const Wait& w, uint32_t expected);

// As above, for any condition: `validate` runs under the bucket's lock (reads and writes words, calls nothing), `before_sleep`
// after the caller is in the queue and the lock is free again: what unlocks the mutex of a condition variable, so that
// no wake-up is lost in between. before_sleep may wake others, and may not park.
using Validate = bool (*)(void* context);
using BeforeSleep = void (*)(void* context);
Wake wait_if(const Wait& w, Validate validate, BeforeSleep before_sleep, void* context);

// Wakes up to `most` waiters whose bits meet `bits`. Returns how many.
int wake(const void* address, int most, uint32_t bits = kAnyBit);
G* take_parked(const void* address);  // the first waiter, claimed but not made runnable, if it is a goroutine off its stack
int wake_in_section(const void* address, int most, uint32_t bits = kAnyBit);  // for callers within a RuntimeSection

// Wakes the first waiter. `release` lets go of what the caller holds: it runs under the bucket's lock, once it is known how
// the waiter goes on: woken, woken_more, handed_over; none: nobody waited. What `release` frees may be gone afterwards.
using Release = void (*)(void* context, Wake how);
void wake_one(const void* address, Release release, void* context);

// Wakes all waiters; but those that go on to the same object (Wait::then) as the first are moved there: all, if `is_held`
// says that somebody has it, who will then wake them; else all but the first, which takes it as woken_more.
// `is_held` runs under the locks of both buckets. A wait that ends after its move ends as woken.
using IsHeld = bool (*)(const void* object);
void wake_or_move(const void* address, IsHeld is_held);

// FUTEX_CMP_REQUEUE: wakes up to `wake_most` at `from`, moves up to `move_most` further ones to `to`.
// Returns their number, or -1 where `expected` is given and the word at `from` is another.
int requeue(const void* from, const void* to, int wake_most, int move_most, const uint32_t* expected = nullptr);

// Ends `g`'s wait with Wake::interrupted, for a signal or for a cancellation request, if it lets that. Any thread.
bool interrupt(G* g);
bool interrupt_to_cancel(G* g);

// In a fork's child, for each G that is not there any more: its queue is emptied.
void forget_in_child(G* g);

}  // namespace gamelan::parking_lot
