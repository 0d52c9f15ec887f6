// gc/stack_depot.h: every distinct stack once, by a number that fits into an object's note.
//
// Owns     a hash table and a table by number, sparse mappings both; records are never freed. Full: number 0, "unknown".
// Same     stacks are told apart by 64 bits of hash and the depth: to compare the frames themselves is four more lines of
//          memory for each allocation. With a million stacks two of them are taken for one with a chance of 10^-7.
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

// The sum of the frames times odd numbers, so that no multiplication waits for another, then mixed.
class StackHash {
 public:
  void add(uintptr_t frame, uint32_t i) { sum_ += frame * (0x9e3779b97f4a7c15 * (2 * i + 1) | 1); }
  uint64_t value() const {
    const uint64_t h = (sum_ ^ sum_ >> 31) * 0xbf58476d1ce4e5b9;
    return h ^ h >> 29;
  }

 private:
  uint64_t sum_ = 0;
};

namespace stack_depot {
bool make();                                          // boot; false: no memory
uint32_t put(const uintptr_t* frames, uint32_t depth);  // its number, from 1 on; 0: no room
const StackRecord* get(uint32_t id);                  // nullptr: 0, or never given out
uint32_t count();
}  // namespace stack_depot

}  // namespace gamelan::gc
