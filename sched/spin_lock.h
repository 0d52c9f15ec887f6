// sched/spin_lock.h: a lock for sections of some ten instructions: one atomic operation to take, a store to free.
//
// Owns     a word. Holders are in a RuntimeSection (never preempted by us, no signal handler enters), call nothing that
//          blocks, and hold at most two, in the order of their addresses.
// Why      base/lock.h pays a second atomic operation to free: 6 ns, four times in a mutex and cond hand-over.
// Waiting  spins, then lets the kernel run somebody else: the holder may have lost its processor.
#pragma once
#include "allocator/base/atomic.h"
#include "allocator/base/syscall.h"

namespace gamelan {

class SpinLock {
 public:
  bool try_lock() { return word_.load_relaxed() == 0 && word_.exchange(1) == 0; }
  void lock() {
    if (GAMELAN_LIKELY(word_.exchange(1) == 0)) return;
    lock_slow();
  }
  void unlock() { word_.store_release(0); }  // pairs: lock's exchange
  void wait_until_free() const {
    for (unsigned i = 1; word_.load_relaxed() != 0; i++) pause(i);
  }
  void reset_in_child() { word_.store_relaxed(0); }

 private:
  GAMELAN_NOINLINE void lock_slow() {
    for (unsigned i = 1; !try_lock(); i++) pause(i);
  }
  static void pause(unsigned turn) {
    __builtin_ia32_pause();
    if (turn % kSpins == 0) sys::call(SYS_sched_yield);
  }
  static constexpr unsigned kSpins = 128;
  Atomic<uint32_t> word_{0};
};

class SpinGuard {
 public:
  explicit SpinGuard(SpinLock& l) : lock_(l) { lock_.lock(); }
  ~SpinGuard() { lock_.unlock(); }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;

 private:
  SpinLock& lock_;
};

}  // namespace gamelan
