#include "allocator/base/own_memory.h"

namespace gamelan::own_memory {

constinit Range ranges[kMost] = {};
constinit Atomic<unsigned> end{0};

namespace {
void take_slot(uintptr_t low, Bytes n, bool grows) {
  for (unsigned i = 0; i < kMost; i++) {
    uintptr_t free = 0;
    if (ranges[i].low.load_relaxed() || !ranges[i].low.compare_exchange(free, low)) continue;
    ranges[i].high.store_release(low + n);
    ranges[i].grows.store_release(grows);
    for (unsigned was = end.load_relaxed(); was <= i && !end.compare_exchange(was, i + 1);) {}
    return;
  }
}
}  // namespace

void add(uintptr_t low, Bytes n) { take_slot(low, n, false); }

void add_growing(uintptr_t low, Bytes n) {
  for (unsigned i = 0; i < end.load_acquire(); i++) {
    Range& r = ranges[i];
    if (!r.grows.load_acquire()) continue;
    uintptr_t above = low, below = low + n;
    if (r.high.compare_exchange(above, low + n) || r.low.compare_exchange(below, low)) return;
  }
  take_slot(low, n, true);
}

void remove(uintptr_t low, Bytes n) {
  for (unsigned i = 0; i < end.load_acquire(); i++) {
    Range& r = ranges[i];
    if (r.low.load_relaxed() != low || r.grows.load_relaxed() || r.high.load_relaxed() != low + n) continue;
    r.high.store_relaxed(0);
    r.low.store_release(0);
    return;
  }
}

}  // namespace gamelan::own_memory
