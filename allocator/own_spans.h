// allocator/own_spans.h: which spans are a cache's own, by address: all that free() asks.
//
// Owns     a slot per 64 KiB of the low 4 GiB of an address. Blocks that lie 4 GiB apart share a slot; the one that
//          came last has it, the others are freed through the slow path.
// Slots    hold a span's distance from this table, so that a slot of zero names `none`, the table's own, which no
//          object belongs to: free() tests no null, and an untouched table is all zero.
// Threads  free() of the cache's holder reads; written under the cache's lock. An object that is being freed pins its
//          own span's slot; any other span that free() may find by a stale slot fails MSpan::may_free.
// Memory   512 KiB of address space, of which a kernel page per 32 MiB of heap is touched. Never unmapped. GOMEMLIMIT and
//          /memory/classes/metadata do not count it.
// Go       has none: nobody frees there. The place of Go's spanOf is HeapWindow.
#pragma once
#include "allocator/mspan.h"

namespace gamelan {

class OwnSpans {
 public:
  static constexpr size_t kSlots = 65536;

  MSpan* at(uintptr_t a) { return reinterpret_cast<MSpan*>(reinterpret_cast<uintptr_t>(&none_) + slot_[slot_of(a)]); }
  void add(MSpan* s) {
    for (uintptr_t a = s->base; a < s->end(); a += kBlock) store(a, distance(s));
  }
  void remove(const MSpan* s) {
    for (uintptr_t a = s->base; a < s->end(); a += kBlock)
      if (slot_[slot_of(a)] == distance(s)) store(a, 0);
  }

 private:
  // Bits 16 to 31. Written out: GCC makes three or four instructions of it.
  static size_t slot_of(uintptr_t a) {
    static_assert(kBlock == 1 << 16);
    size_t slot;
    __asm__("movl %k1, %k0\n\tshrl $16, %k0" : "=r"(slot) : "r"(a) : "cc");
    return slot;
  }
  uint64_t distance(const MSpan* s) const { return reinterpret_cast<uintptr_t>(s) - reinterpret_cast<uintptr_t>(&none_); }
  void store(uintptr_t a, uint64_t d) { __atomic_store_n(&slot_[slot_of(a)], d, __ATOMIC_RELAXED); }

  MSpan none_;
  uint64_t slot_[kSlots];
};

// Of the caches that have no table: owns nothing, never written to.
extern OwnSpans no_own_spans;

}  // namespace gamelan
