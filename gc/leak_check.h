// gc/leak_check.h: what nothing reaches.
//
// Kinds    direct: no leaked block points to it. indirect: one does. cyclic: every leaked block that leads to it is led to by
//          it, as in a list that is its own tail; one block of each such ring is named, the others are indirect.
// How      mark from the roots; then, among white blocks only: who is pointed to; flood from those who are not; what is left
//          is rings, flooded from one block each. A block that a later flood reaches is no ring's head after all.
// Threads  one; the world stands.
#pragma once
#include "allocator/find_object.h"
#include "gc/off_heap_list.h"

namespace gamelan::gc {

enum class LeakKind : uint8_t { direct, cyclic, indirect };

struct LeakedBlock {
  uintptr_t address;
  Bytes bytes;         // as asked for
  uint32_t stack;      // a number of the stack depot; 0: unknown
  LeakKind kind;
};

struct LeakFindings {
  explicit LeakFindings(size_t most_blocks) : blocks(most_blocks) {}
  OffHeapList<LeakedBlock> blocks;
  uint64_t reachable_blocks = 0;
  Bytes reachable_bytes = 0;
  const char* failed = nullptr;  // why nothing was found out
};

// The world stands; the caller's frames from `own_sp` up are the program's.
void find_leaks(uintptr_t own_sp, LeakFindings* out);

}  // namespace gamelan::gc
