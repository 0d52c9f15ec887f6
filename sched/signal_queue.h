// sched/signal_queue.h: signals that wait for one goroutine, each with its siginfo.
//
// Owns     a pool of nodes, and a stack per G: anyone pushes, the G itself takes.
// Order    first come, first served, per signal; standard signals coalesce (the second while one is pending is dropped).
// Threads  any; async-signal-safe: a node is claimed with one atomic operation.
#pragma once
#include <signal.h>

#include "sched/g.h"

namespace gamelan {

struct SignalNode {
  Atomic<uint32_t> used;
  SignalNode* next;
  siginfo_t info;
};

namespace signal_queue {

bool push(G* g, const siginfo_t& info);                    // false: the pool is exhausted (EAGAIN)
bool take(G* g, uint64_t set, siginfo_t* info);            // the caller's own: the oldest of `set`
void clear(G* g);

}  // namespace signal_queue
}  // namespace gamelan
