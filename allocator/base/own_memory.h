// allocator/base/own_memory.h: which mappings are the runtime's, so that the collector does not take them for the program's.
//
// Owns     a table of ranges in .bss. A mapping that grows at one end stays one range.
// Threads  any; lock-free, async-signal-safe. Readers come while nobody maps: the world stands.
// Full     what finds no place counts as the program's: scanned in vain, and pointers of ours may then keep objects.
#pragma once
#include "allocator/base/atomic.h"
#include "allocator/base/words.h"

namespace gamelan::own_memory {

void add(uintptr_t low, Bytes n);
void add_growing(uintptr_t low, Bytes n);  // never to be removed: joined to a neighbour of the kind
void remove(uintptr_t low, Bytes n);

struct Range {
  Atomic<uintptr_t> low, high;  // low 0: free
  Atomic<bool> grows;
};
inline constexpr unsigned kMost = 1024;
extern Range ranges[kMost] __attribute__((visibility("hidden")));
extern Atomic<unsigned> end __attribute__((visibility("hidden")));  // none beyond was ever used

template <class F>
void for_each(F f) {
  for (unsigned i = 0; i < end.load_acquire(); i++)
    if (const uintptr_t low = ranges[i].low.load_acquire()) f(low, ranges[i].high.load_acquire());
}

}  // namespace gamelan::own_memory
