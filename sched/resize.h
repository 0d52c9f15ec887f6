// sched/resize.h: GOMAXPROCS while the program runs.
//
// How      nobody stops the world. Idle Ps stop at once; for the rest `state.to_stop` says how many are too many, and a M
//          that comes to look for work gives its P up (stop_p). Who computes is preempted, who sits in the kernel is
//          retaken by sysmon as ever. More: stopped Ps become idle again, then new ones are made.
// Locks    state.lock.
// Go       proc.go procresize, debug.go GOMAXPROCS.  Differs: Go stops the world, since Ps there own more.
#pragma once
#include "sched/state.h"

namespace gamelan::sched {

// At most `n` Ps from now on, at least 1, at most kMostPs; the last one that is too many may take a slice to stop.
// Returns the number before. n < 1: only says it. Before the first goroutine it is noted for then.
int set_max_procs(int n);

// ---- for proc.cc ----
// A P that is too many: it is stopped and no longer the M's. False: it goes on.
bool stop_p(M* m, P* p);
// Under state.lock. A P that would become idle is stopped instead.
bool stop_idle_locked(P* p);

}  // namespace gamelan::sched

// For programs that look it up (dlsym), as Go's runtime.GOMAXPROCS: sets the number if n >= 1, returns the one before.
extern "C" int gamelan_gomaxprocs(int n);
