// allocator/base/lock.h: the one lock of the runtime, with its ranks.
//
// Owns     a futex word: 0 free, 1 held, 2 held with waiters (Drepper, "Futexes Are Tricky", mutex 2).
// Threads  any; never in a signal handler. A holder never allocates and never blocks on anything but a lock of
//          a higher rank. try_lock may be used against the order.
// Go       runtime/lock_futex.go, lockrank.go.
#pragma once
#include "allocator/base/atomic.h"

namespace gamelan {

// In the order in which locks may be taken: a thread that holds one takes only later ones.
enum class LockRank : unsigned char {
  boot,       // preload: one-time steps
  threads,    // the list of thread records
  mcache,     // an MCache's slow path; any thread
  mcentral,   // one size class's sets
  mheap,      // pages, arenas, spans
  metadata,   // sysAlloc's bump pointer and the fixed-size pools
  leaf,       // takes nothing after it
};

class Lock {
 public:
#ifdef GAMELAN_DEV
  constexpr explicit Lock(LockRank rank) : rank_(rank) {}
#else
  constexpr explicit Lock(LockRank) {}  // all zero, so that locks lie in .bss: a page less to copy at start
#endif
  void lock();
  bool try_lock();
  void unlock();
  bool is_held() const { return word_.load_relaxed() != 0; }
  // In a fork's child, where the other threads that might hold or wait for it are gone.
  void reset_in_child() { word_.store_relaxed(0); }

 private:
  void lock_slow();
  Atomic<int> word_{0};
#ifdef GAMELAN_DEV
  LockRank rank_;
#endif
};

// How many locks this thread holds. Not zero in a signal handler: the handler interrupted a slow path.
extern __thread int locks_held __attribute__((tls_model("initial-exec")));

class Guard {
 public:
  explicit Guard(Lock& l) : lock_(l) { lock_.lock(); }
  ~Guard() { lock_.unlock(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  Lock& lock_;
};

}  // namespace gamelan
