// gc/stack_memo.h: stacks that were walked lately, found again by where the call came from.
//
// Key      return address and stack pointer of the call. The same two may come of another stack whose frames have the same sizes,
//          so an entry also keeps where on the stack each return address lay: it holds if every one of them is there still.
// Owns     a table per MCache, off the heap; used by its holder within a RuntimeSection.
// Cost     some 10 ns for ten frames, where libunwind's walk takes 90.
#pragma once
#include "allocator/base/mem.h"
#include "allocator/caller.h"
#include "allocator/sys_memory.h"
#include "gc/frame_sizes.h"
#include "gc/stack_depot.h"

namespace gamelan::gc {

class StackMemo {
 public:
  static constexpr unsigned kMostDepth = 24;

  // Of the calling thread's cache; nullptr: no memory, or a cache that others use, too.
  static StackMemo* mine() {
    MCache* c = tls_mcache;
    if (c == &fallback_mcache) return nullptr;
    if (GAMELAN_UNLIKELY(!c->stack_memo)) c->stack_memo = sys_alloc(sizeof(StackMemo), 64);
    return static_cast<StackMemo*>(c->stack_memo);
  }

  // The stack's number, or 0.
  uint32_t find(const Caller& c) {
    if (last_ && is_of(*last_, c)) return last_->id;  // loops
    const uint64_t key = key_of(c);
    const Set& set = sets_[set_of(key)];
    for (unsigned i = 0; i < kWays; i++)
      if (set.tag[i] == tag_of(key) && is_of(set.way[i], c)) return last_ = &set.way[i], last_->id;
    return 0;
  }

  // `slot`: where each return address lies.
  void keep(const Caller& c, const StackRecord* r, const uintptr_t* slot) {
    if (r->depth > kMostDepth) return;
    const uint64_t key = key_of(c);
    Set& set = sets_[set_of(key)];
    Entry& e = set.way[set.oldest];
    set.tag[set.oldest] = tag_of(key);
    set.oldest = (set.oldest + 1) % kWays;
    e.id = r->id;
    e.depth = r->depth;
    e.hash = r->hash;
    for (uint32_t i = 0; i < r->depth; i++) e.offset[i] = static_cast<int32_t>(slot[i] - c.cfa);
    for (uint32_t i = 0; i < kFirst; i++) e.first[i] = i < r->depth ? r->frame[i] : 0;
    e.cfa = c.cfa;
    e.pc = c.pc;
  }

 private:
  static constexpr uint32_t kFirst = 4;  // compared one by one: most stacks differ there already
  struct Entry {
    uintptr_t pc, cfa;
    uint64_t hash;               // of all frames
    uintptr_t first[kFirst];
    uint32_t id, depth;
    int32_t offset[kMostDepth];  // of each return address, from `cfa`
  };
  static constexpr unsigned kSetBits = 10, kWays = 4;  // of g++'s 3.4 million calls 9 in 10 are found with 2048 sets, 8 with 512
  struct Set {
    uint32_t tag[kWays];  // of each way's key: most are passed over without a look at the entry
    uint32_t oldest;
    Entry way[kWays];
  };

  // By the call and the two frames behind it, as far as their distances are known: wrappers of malloc are called from many places.
  static uint64_t key_of(const Caller& c) {
    uint64_t h = c.pc ^ c.cfa << 20;
    uintptr_t pc = c.pc, at = c.cfa - sizeof(uintptr_t);
    for (int i = 0; i < 2; i++) {
      const int32_t distance = frame_sizes::find(pc);
      if (distance <= 0) break;
      at += static_cast<uintptr_t>(distance);
      pc = *reinterpret_cast<const uintptr_t*>(at);
      h = (h ^ pc) * 0x9e3779b97f4a7c15;
    }
    return h * 0x9e3779b97f4a7c15;
  }
  static unsigned set_of(uint64_t key) { return static_cast<unsigned>(key >> (64 - kSetBits)); }
  static uint32_t tag_of(uint64_t key) { return static_cast<uint32_t>(key >> 16) | 1; }
  static bool is_of(const Entry& e, const Caller& c) { return e.pc == c.pc && e.cfa == c.cfa && holds(e, c); }
  static bool holds(const Entry& e, const Caller& c) {
    StackHash h;
    for (uint32_t i = 0; i < e.depth; i++) {
      const uintptr_t frame = *reinterpret_cast<const uintptr_t*>(c.cfa + e.offset[i]);
      if (i < kFirst && frame != e.first[i]) return false;
      h.add(frame, i);
    }
    return h.value() == e.hash;
  }

  const Entry* last_;
  Set sets_[1u << kSetBits];
};

}  // namespace gamelan::gc
