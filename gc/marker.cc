// gc/marker.cc: the loop.
#include "gc/marker.h"

namespace gamelan::gc {

// An object is grey once.
Marker::Marker(MarkBits& bits) : bits_(bits), grey_((Bytes{HeapWindow::pages} << kPageShift) / 16 + 1) {}

void Marker::mark(uint64_t word) {
  const ObjectRef o = object_in_use(word);
  if (!o || !bits_.covers(o.base()) || !bits_.set(o.base())) return;
  marked_++;
  grey_.push(o.base());
}

void Marker::scan_words(const uint64_t* at, const uint64_t* end) {
  const uintptr_t base = HeapWindow::base;
  const Bytes bytes = Bytes{HeapWindow::pages} << kPageShift;
  for (; at < end; at++) {
    const uint64_t word = __atomic_load_n(at, __ATOMIC_RELAXED);
    if (GAMELAN_UNLIKELY(word - base < bytes)) mark(word);
  }
}

void Marker::scan(uintptr_t low, uintptr_t high) {
  scan_words(reinterpret_cast<const uint64_t*>(align_up(low, 8)), reinterpret_cast<const uint64_t*>(align_down(high, 8)));
}

void Marker::drain() {
  uintptr_t ring[kRing] = {};
  for (unsigned at = 0, waiting = 0; waiting || !grey_.is_empty(); at = (at + 1) % kRing) {
    const uintptr_t next = ring[at];
    ring[at] = 0;
    if (next) waiting--;
    if (!grey_.is_empty()) {
      ring[at] = grey_.pop();
      waiting++;
      __builtin_prefetch(reinterpret_cast<const void*>(ring[at]));
    }
    if (next) scan_object(find_object(next));
  }
}

}  // namespace gamelan::gc
