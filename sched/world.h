// sched/world.h: stopping every thread of the program, and letting them go on.
//
// How      a thread that is in the kernel by a BlockingCall, a parked goroutine and a M without a G are stopped where they
//          are: on their way back they pass `gate`. Everybody else is told by our signal and waits in its handler, on the
//          stack that it was found on, in the program's code or libc's; one that is in a RuntimeSection or holds a lock of
//          the allocator is asked again. So nobody who is stopped holds a lock of ours, and every span is whole.
// Orders   `stopping` is stored, then membarrier(2), then the threads' states are read; a thread stores its state, then
//          loads `stopping`: of the two, one sees the other, and only the stopper pays.
// Threads  any may stop the world, one at a time; it is in a RuntimeSection until it starts the world again. sysmon and the helper
//          thread go on: they touch nothing of the program's.
// Strangers  threads that libc or a raw clone made and that never came by: found in /proc, told like the others, or left
//          alone where they sleep and take no signal.
// Native   threads are let be in their waiting calls like goroutines where a collector is on (NativeCall in sched.h); else they are
//          told wherever they are, and calls that the kernel does not restart would end with EINTR: then nobody stops them.
// Go       proc.go stopTheWorldWithSema, startTheWorldWithSema.  Differs: Ms are stopped, not Ps: one whose P was taken while it
//          slept runs on without.
#pragma once
#include "allocator/base/atomic.h"
#include "allocator/base/words.h"
#include "sched/g.h"

namespace gamelan::world {

extern Atomic<uint32_t> stopping __attribute__((visibility("hidden")));  // futex: 1 from the beginning of a stop to its end

void wait_at_gate();  // Blocks the kernel thread

// The caller goes on into the program's code, and its state says so.
__attribute__((always_inline)) inline void gate() {
  __asm__ volatile("" ::: "memory");  // pairs: stop's membarrier
  if (GAMELAN_LIKELY(!stopping.load_relaxed())) return;
  tls_g.outside.publish();
  wait_at_gate();
}

// A collector is on: native threads publish their calls that may wait, and are not told in them.
extern bool is_watched __attribute__((visibility("hidden")));

// Blocks   the kernel thread until no other runs code of the program: some 50 us, longer where threads are in our own code.
// Returns  false: a thread could not be stopped within a second (it sleeps where no signal reaches it); the world runs on.
[[nodiscard]] bool stop();
void start();

// Between the two: f(G*) of each thread that no M and no record stands for.
template <class F> void for_each_stranger(F f);

void stop_here();  // in the handler of our signal
void after_fork_in_child();

// ---- for for_each_stranger ----
struct Stranger {
  Atomic<int> tid;  // 0: free
  G* g;             // once it has stopped
  StopPoint stop_point;
};
inline constexpr unsigned kMostStrangers = 64;
extern Stranger strangers[kMostStrangers] __attribute__((visibility("hidden")));

template <class F>
void for_each_stranger(F f) {
  for (Stranger& s : strangers)
    if (s.tid.load_relaxed() && s.stop_point.stopped.load_acquire()) f(s.g);  // pairs: wait_stopped
}

}  // namespace gamelan::world

// For programs that look them up (dlsym): all other threads stand still between the two, which the same thread calls. It must
// not wait for the others meanwhile. stop returns 0, or -1: a thread could not be stopped, or threads are native and no
// collector is on.
extern "C" int gamelan_stop_the_world();
extern "C" void gamelan_start_the_world();
