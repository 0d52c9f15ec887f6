// gc/mark_bits.h: which objects a mark has seen: a bit per 16 bytes of the heap, found by address alone.
//
// Owns     one sparse mapping of a 128th of the heap's window; little of it is touched.
// Why flat  a bit's place does not depend on the object's span: marking loads one line of the descriptor less (Go keeps
//          gcmarkBits per span, and swaps them for allocBits; a sweep here reads every k-th bit instead).
// Threads  any may set bits at once.
// Go       mbitmap.go markBits.
#pragma once
#include "allocator/base/syscall.h"
#include "allocator/mheap.h"

namespace gamelan::gc {

class MarkBits {
 public:
  ~MarkBits() { destroy(); }
  // For the heap as it is now, all clear. False: no memory.
  bool make();
  void destroy();

  // `object`: where it begins. True: it was not set before.
  bool set(uintptr_t object) {
    uint64_t& word = words_[index(object) / 64];
    const uint64_t bit = uint64_t{1} << index(object) % 64;
    if (__atomic_load_n(&word, __ATOMIC_RELAXED) & bit) return false;
    return !(__atomic_fetch_or(&word, bit, __ATOMIC_RELAXED) & bit);
  }
  bool is_set(uintptr_t object) const { return words_[index(object) / 64] >> index(object) % 64 & 1; }
  void clear(uintptr_t object) { words_[index(object) / 64] &= ~(uint64_t{1} << index(object) % 64); }
  // Objects beyond were made since: there is no room for them.
  bool covers(uintptr_t object) const { return object - HeapWindow::base < covered_; }

 private:
  static size_t index(uintptr_t object) { return (object - HeapWindow::base) / 16; }
  uint64_t* words_ = nullptr;
  Bytes covered_ = 0;  // of the heap's window
};

inline bool MarkBits::make() {
  covered_ = Bytes{HeapWindow::pages} << kPageShift;
  words_ = static_cast<uint64_t*>(sys::map(nullptr, covered_ / 128 + kOsPageSize, 3 /* PROT_READ | PROT_WRITE */, 0x4000 /* MAP_NORESERVE */));
  return words_ != nullptr;
}

inline void MarkBits::destroy() {
  if (words_) sys::unmap(words_, covered_ / 128 + kOsPageSize);
  words_ = nullptr;
}

}  // namespace gamelan::gc
