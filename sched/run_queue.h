// sched/run_queue.h: the local queue of runnable Gs, one per P.
//
// Owns     256 slots and `next`, the G that runs before them: one that the running G has just made ready.
// Threads  the owner pushes and pops; any M steals.
// Locks    none.  Orders  tail release -> steal acquire; head release -> push acquire.
// Never    allocates or blocks.
// Go       proc.go runqput, runqget, runqgrab.  Differs: the thief is told how many it got; the overflow is handed to the
//          caller as a chain, who puts it into the global queue under one lock.
#pragma once
#include "sched/g.h"

namespace gamelan {

class RunQueue {
 public:
  static constexpr uint32_t kSlots = 256;

  // The owner. Returns false where the queue is full.
  bool push(G* g) {
    const uint32_t head = head_.load_acquire();  // pairs: pop and steal release
    const uint32_t tail = tail_.load_relaxed();
    if (tail - head >= kSlots) return false;
    slot_[tail % kSlots].store_relaxed(g);
    tail_.store_release(tail + 1);  // pairs: steal load_acquire, the slot is readable
    return true;
  }

  // The owner, of a full queue: takes the older half out, as a chain of `*count` Gs. nullptr: a thief was faster.
  G* take_half(uint32_t* count, G** last) {
    uint32_t head = head_.load_acquire();
    const uint32_t n = (tail_.load_relaxed() - head) / 2;
    if (n == 0) return nullptr;
    G* taken[kSlots / 2];
    for (uint32_t i = 0; i < n; i++) taken[i] = slot_[(head + i) % kSlots].load_relaxed();
    if (!head_.compare_exchange(head, head + n)) return nullptr;
    for (uint32_t i = 0; i + 1 < n; i++) taken[i]->schedlink = taken[i + 1];
    taken[n - 1]->schedlink = nullptr;
    *count = n;
    *last = taken[n - 1];
    return taken[0];
  }

  // The owner: puts `g` in front. Returns the G that was there, to be pushed, or nullptr.
  G* set_next(G* g) { return next_.exchange(g); }

  // The owner.
  G* pop() {
    if (G* g = take_next()) return g;
    uint32_t head = head_.load_acquire();
    for (;;) {
      if (head == tail_.load_relaxed()) return nullptr;
      G* g = slot_[head % kSlots].load_relaxed();
      if (head_.compare_exchange(head, head + 1)) return g;  // pairs: push load_acquire
    }
  }

  // Any M: moves half of this queue into `mine`, whose owner the caller is, and returns one of the Gs to run. `next` only
  // where the queue is empty and `also_next`: its owner is about to run it, and taking it too early makes two Gs that
  // ready each other jump between processors.
  G* steal_into(RunQueue* mine, bool also_next) {
    for (;;) {
      uint32_t head = head_.load_acquire();
      const uint32_t size = tail_.load_acquire() - head;  // pairs: push store_release
      uint32_t n = size - size / 2;
      if (n == 0) return also_next ? take_next() : nullptr;
      if (n > kSlots / 2) continue;  // head and tail of different moments
      const uint32_t to = mine->tail_.load_relaxed();
      for (uint32_t i = 0; i < n; i++)
        mine->slot_[(to + i) % kSlots].store_relaxed(slot_[(head + i) % kSlots].load_relaxed());
      if (!head_.compare_exchange(head, head + n)) continue;
      n--;
      G* g = mine->slot_[(to + n) % kSlots].load_relaxed();
      mine->tail_.store_release(to + n);
      return g;
    }
  }

  bool is_empty() const {
    // `next` may move into the queue between the two looks: look until the tail stands still, as Go does.
    for (;;) {
      const uint32_t tail = tail_.load_acquire();
      const bool empty = head_.load_acquire() == tail && !next_.load_acquire();
      if (tail == tail_.load_acquire()) return empty;
    }
  }
  uint32_t size() const { return tail_.load_acquire() - head_.load_acquire() + (next_.load_relaxed() ? 1 : 0); }
  bool has_slots() const { return tail_.load_relaxed() != head_.load_relaxed(); }
  uint32_t departures() const { return head_.load_relaxed(); }  // of the slots
  // For dumps: whoever is in front, or was a moment ago.
  G* peek() const { return slot_[head_.load_relaxed() % kSlots].load_relaxed(); }
  G* peek_next() const { return next_.load_relaxed(); }
  bool has_next() const { return next_.load_relaxed(); }
  void clear_in_child() {
    head_.store_relaxed(0);
    tail_.store_relaxed(0);
    next_.store_relaxed(nullptr);
  }

 private:
  G* take_next() {
    G* g = next_.load_relaxed();
    while (g && !next_.compare_exchange(g, nullptr)) {}
    return g;
  }

  Atomic<uint32_t> head_{0};
  Atomic<uint32_t> tail_{0};
  Atomic<G*> next_{nullptr};
  Atomic<G*> slot_[kSlots] = {};
};

}  // namespace gamelan
