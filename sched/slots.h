// sched/slots.h: stacks, with the thread's TLS block at their top.
//
// Owns     pools of slots [guard | stack | static TLS | TCB], one pool per size. A slot is made once, reused for ever: its
//          TLS block is never unmapped (G is type-stable), its stack's memory goes home when the slot was idle for long.
// Memory   address space is reserved in growing chunks (16 slots, then twice as many), PROT_NONE and NORESERVE, and opened
//          slot by slot. Guards are MADV_GUARD_INSTALL (kernel 6.13), which needs no mapping of its own; guard=mprotect and
//          older kernels split the mapping. A slot's top page holds TCB and used TLS, the page below the first frames: a
//          parked goroutine costs two pages and, since neighbours' guards and tops share one, one page-table page.
// Locks    the pool's spin lock; making a slot (page tables, TLS) happens outside of it.
// Go       stack.go stackalloc, stackcache.  Differs: stacks do not grow by copying: C's have addresses taken.
#pragma once
#include "sched/g.h"
#include "sched/spin_lock.h"

namespace gamelan {

class SlotPool {
 public:
  // The pool whose slots have `stack` bytes of stack and TLS above `guard` bytes; nullptr: there are too many sizes.
  static SlotPool* of(Bytes stack, Bytes guard);

  // A G in a slot of its own: fs, slot, stack bounds and guard are set. nullptr: no address space or memory.
  G* take();
  void give_back(G* g);
  // Stacks that were idle since before `before` lose their memory. Returns the bytes.
  static Bytes trim_idle(Nanos before);
  template <class F> static void for_each_g(F f);
  static void after_fork_in_child();

  Bytes stack_size() const { return stack_; }
  static uintptr_t stack_top(const G* g);  // where the first frame goes

 private:
  static constexpr unsigned kPools = 48, kChunks = 40;
  struct Chunk {
    uintptr_t base;
    uint32_t slots;
    Atomic<uint32_t> made;
  };

  G* make();
  G* make_at(uintptr_t low);
  bool reserve_chunk(uint32_t slots);
  G* g_at(uintptr_t low) const;

  SpinLock lock_;
  Bytes stack_ = 0, guard_ = 0, step_ = 0;
  G* idle_ = nullptr;          // last in, first out
  Chunk chunk_[kChunks] = {};
  Atomic<uint32_t> chunks_{0};

  static SlotPool pools_[kPools];
  static Atomic<uint32_t> pool_count_;
};

template <class F>
void SlotPool::for_each_g(F f) {
  for (uint32_t p = 0; p < pool_count_.load_acquire(); p++) {
    SlotPool& pool = pools_[p];
    for (uint32_t c = 0; c < pool.chunks_.load_acquire(); c++)
      for (uint32_t i = 0; i < pool.chunk_[c].made.load_acquire(); i++) {
        G* g = pool.g_at(pool.chunk_[c].base + i * pool.step_);
        if (g->slot) f(g);
      }
  }
}

}  // namespace gamelan
