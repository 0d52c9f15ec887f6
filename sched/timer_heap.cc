// sched/timer_heap.cc: a heap that its members know their place in.
#include "sched/timer_heap.h"

#include "allocator/base/mem.h"
#include "allocator/sys_memory.h"

namespace gamelan {

void TimerHeap::put(uint32_t i, Entry e) {
  entries_[i] = e;
  e.g->timer.index = i;
}

void TimerHeap::set_earliest() { earliest_.store_seq(size_ ? entries_[0].when : kNone); }

void TimerHeap::sift_up(uint32_t i) {
  const Entry e = entries_[i];
  for (; i; i = (i - 1) / kWays) {
    const Entry above = entries_[(i - 1) / kWays];
    if (above.when <= e.when) break;
    put(i, above);
  }
  put(i, e);
}

void TimerHeap::sift_down(uint32_t i) {
  const Entry e = entries_[i];
  for (;;) {
    uint32_t least = i * kWays + 1;
    if (least >= size_) break;
    for (uint32_t c = least + 1; c < min_of(i * kWays + kWays + 1, size_); c++)
      if (entries_[c].when < entries_[least].when) least = c;
    if (entries_[least].when >= e.when) break;
    put(i, entries_[least]);
    i = least;
  }
  put(i, e);
}

void TimerHeap::remove_at(uint32_t i) {
  entries_[i].g->timer.heap.store_release(nullptr);
  const Entry last = entries_[--size_];
  if (i != size_) {
    entries_[i] = last;
    sift_up(i);
    sift_down(last.g->timer.index);
  }
  set_earliest();
}

// Doubles; the old array stays behind as the new one's first half would: at most as much again is lost.
bool TimerHeap::grow() {
  const uint32_t capacity = capacity_ ? capacity_ * 2 : 64;
  auto* entries = static_cast<Entry*>(sys_alloc(capacity * sizeof(Entry), 64));
  if (!entries) return false;
  if (size_) mem::copy(entries, entries_, size_ * sizeof(Entry));
  entries_ = entries;
  capacity_ = capacity;
  return true;
}

bool TimerHeap::add(G* g) {
  SpinGuard guard(lock_);
  if (size_ == capacity_ && !grow()) return false;
  g->timer.heap.store_release(this);
  put(size_, {g->timer.when, g});
  size_++;
  sift_up(size_ - 1);
  set_earliest();
  return true;
}

void TimerHeap::remove(G* g) {
  // take_due may be taking it out meanwhile, under the same lock.
  while (TimerHeap* heap = g->timer.heap.load_acquire()) {
    SpinGuard guard(heap->lock_);
    if (g->timer.heap.load_relaxed() == heap) heap->remove_at(g->timer.index);
  }
}

G* TimerHeap::take_due(Nanos now, WaitWord::Ticket* ticket) {
  if (earliest() > now) return nullptr;
  SpinGuard guard(lock_);
  if (!size_ || entries_[0].when > now) return nullptr;
  G* g = entries_[0].g;
  *ticket = g->timer.ticket;
  remove_at(0);
  return g;
}

void TimerHeap::clear_in_child() {
  lock_.reset_in_child();
  size_ = 0;
  set_earliest();
}

}  // namespace gamelan
