// sched/timer_heap.h: the deadlines of waiting Gs, one heap per P.
//
// Owns     a four-way heap of Gs by `timer.when`; grows off-heap, never shrinks. A G is in one heap at most, and knows its
//          place, so that a wait that ends early takes its timer out at once.
// Locks    its own spin lock; any M adds to its P's heap, removes from the one a G is in, and runs what is due.
// Go       time.go.  Differs: only Gs' deadlines, no functions.
#pragma once
#include "sched/g.h"
#include "sched/spin_lock.h"

namespace gamelan {

class TimerHeap {
 public:
  static constexpr Nanos kNone = INT64_MAX;

  // False: no memory. The G's `timer.when` and `ticket` are set.
  bool add(G* g);
  static void remove(G* g);  // out of whichever heap it is in, if any
  // Takes the first G whose deadline has passed, and its ticket; nullptr: none is due.
  G* take_due(Nanos now, WaitWord::Ticket* ticket);
  // Whoever arms looks for a poller afterwards, a poller says so first and looks here afterwards: one sees the other.
  Nanos earliest() const { return earliest_.load_seq(); }  // pairs: set_earliest
  uint32_t size() const { return size_; }
  void clear_in_child();

 private:
  struct Entry {
    Nanos when;
    G* g;
  };
  static constexpr uint32_t kWays = 4;
  bool grow();
  void sift_up(uint32_t i);
  void sift_down(uint32_t i);
  void remove_at(uint32_t i);
  void put(uint32_t i, Entry e);
  void set_earliest();

  SpinLock lock_;
  uint32_t size_ = 0, capacity_ = 0;
  Entry* entries_ = nullptr;
  Atomic<Nanos> earliest_{kNone};
};

}  // namespace gamelan
