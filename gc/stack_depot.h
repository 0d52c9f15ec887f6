// gc/stack_depot.h: every distinct stack once, by a number that fits into an object's note.
//
// Owns     a hash table and a table by number, sparse mappings both; records are never freed. Full: number 0, "unknown".
// Threads  any; lock-free (a bucket is a list that grows at its head), not in signal handlers.
// Source   the idea is the sanitizers' (sanitizer_stackdepot.h).
#pragma once
#include "allocator/base/atomic.h"
#include "allocator/mspan.h"

namespace gamelan::gc {

struct StackRecord {
  uint64_t hash;
  StackRecord* next;     // in its bucket
  uint32_t id;
  uint32_t depth;
  uintptr_t frame[];     // return addresses, the innermost first
};

namespace stack_depot {
bool make();                                          // boot; false: no memory
uint32_t put(const uintptr_t* frames, uint32_t depth);  // its number, from 1 on; 0: no room
const StackRecord* get(uint32_t id);                  // nullptr: 0, or never given out
uint32_t count();
}  // namespace stack_depot

}  // namespace gamelan::gc
