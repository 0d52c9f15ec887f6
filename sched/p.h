// sched/p.h: a logical processor: what a M must hold to run goroutines.
//
// Owns     `P`: a run queue, an MCache, timers, free goroutines. GOMAXPROCS of them.
// Claims   `claim` is {status, generation} in one word. Whoever moves it on holds the P: the M itself (running ->
//          syscall -> running), sysmon (syscall or unseen blocking -> handed on), the idle list. The generation grows
//          with every change of hands, so that a M that comes back from the kernel never takes a P that had two other
//          holders meanwhile for its own (ABA).
// Go       runtime2.go p.  Differs: the generation; Go compares syscalltick.
#pragma once
#include "sched/g.h"
#include "sched/run_queue.h"
#include "sched/starvation.h"
#include "sched/timer_heap.h"

namespace gamelan {

class MCache;
struct ThreadRecord;

// taking: sysmon looks whether the M really sleeps in the kernel; it goes back to running, or to another M.
enum class PStatus : uint32_t { idle, running, syscall, taking, stopped };

class PClaim {
 public:
  struct Value {
    PStatus status;
    uint32_t generation;
  };
  Value load() const { return from(word_.load_seq()); }
  void set(PStatus s) {  // the holder, or under the scheduler's lock; a change of hands
    const Value v = load();
    word_.store_seq(to({s, v.generation + 1}));
  }
  void enter_syscall() {  // the holder: same hands
    const Value v = load();
    word_.store_release(to({PStatus::syscall, v.generation}));  // pairs: sysmon's move
  }
  bool move(Value from, PStatus status, bool changes_hands) {
    uint64_t w = to(from);
    return word_.compare_exchange(w, to({status, from.generation + (changes_hands ? 1u : 0u)}));
  }

 private:
  static Value from(uint64_t w) { return {static_cast<PStatus>(w & 0xffffffff), static_cast<uint32_t>(w >> 32)}; }
  static uint64_t to(Value v) { return uint64_t{v.generation} << 32 | static_cast<uint32_t>(v.status); }
  Atomic<uint64_t> word_{0};
};

struct alignas(64) P {
  PClaim claim;
  int id;
  Atomic<M*> m;                 // who holds it
  MCache* mcache;
  ThreadRecord* cache_record;   // whose cache that is
  Atomic<uint32_t> tick;        // + 1 at every G that starts to run: sysmon sees a standing one
  uint64_t goroutines_created;
  uint32_t rng;
  Atomic<uint32_t> kept;        // how often in a row (to 16) the G in `next` was run here: then nobody need be woken for it
  uint64_t next_since;          // sampled: time stamp of when `next` was set, else 0
  uint32_t next_samples;
  uint32_t next_streak;         // how often in a row `next` went first
  G* free_gs;                   // ended Gs with their slots, the default size
  unsigned free_count;
  P* idle_next;

  // What sysmon saw last; its own.
  uint32_t seen_tick;
  uint32_t seen_generation;
  PStatus seen_status;
  Nanos seen_at;
  StandingStill still_slots, still_next;

  RunQueue runq;
  TimerHeap timers;
};

}  // namespace gamelan
