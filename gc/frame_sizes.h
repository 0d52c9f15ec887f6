// gc/frame_sizes.h: how far apart return addresses lie, learnt from libunwind's walks.
//
// What     for a return address, the distance on the stack to the next one outwards. The compiler fixes it for each call, but in
//          functions that move their stack pointer by amounts that vary (alloca): where two walks differ the address counts
//          as unsteady for good, and whoever meets it asks libunwind.
// Trust    a distance that was learnt wrong leads to a word that is no return address that was ever seen: the walk is given
//          up, and the next lesson makes the address unsteady.
// Owns     a table of 2^17 places, open addressing, never cleaned. An address whose places are taken is not learnt.
// Threads  any; lock-free: a place is claimed by its address, the distance follows.
#pragma once
#include "allocator/base/atomic.h"
#include "allocator/sys_memory.h"

namespace gamelan::gc::frame_sizes {

inline constexpr unsigned kBits = 17, kTries = 8;
inline constexpr int32_t kUnknown = 0, kUnsteady = -1, kOutermost = -2;

struct Place {
  Atomic<uintptr_t> pc;
  Atomic<int32_t> distance;
};
extern Place* table __attribute__((visibility("hidden")));

inline bool make() { return (table = static_cast<Place*>(sys_map_sparse(sizeof(Place) << kBits))) != nullptr; }

inline size_t place_of(uintptr_t pc) { return static_cast<size_t>((pc * 0x9e3779b97f4a7c15) >> (64 - kBits)); }

// Bytes, or one of the three above.
inline int32_t find(uintptr_t pc) {
  size_t i = place_of(pc);
  for (unsigned n = 0; n < kTries; n++, i = (i + 1) & ((size_t{1} << kBits) - 1)) {
    const uintptr_t there = table[i].pc.load_relaxed();
    if (there == pc) return table[i].distance.load_relaxed();
    if (!there) break;
  }
  return kUnknown;
}

inline void learn(uintptr_t pc, int32_t distance) {
  size_t i = place_of(pc);
  for (unsigned n = 0; n < kTries; n++, i = (i + 1) & ((size_t{1} << kBits) - 1)) {
    uintptr_t there = table[i].pc.load_relaxed();
    if (!there && table[i].pc.compare_exchange(there, pc)) there = pc;
    if (there != pc) continue;
    int32_t known = kUnknown;
    if (!table[i].distance.compare_exchange(known, distance) && known != distance) table[i].distance.store_relaxed(kUnsteady);
    return;
  }
}

}  // namespace gamelan::gc::frame_sizes
