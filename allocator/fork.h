// allocator/fork.h: the allocator's part of fork(2): every lock held over it, and the child's clean-up.
//
// Order    threads -> every MCache -> every MCentral -> mheap -> metadata, then back.
// Go       has none: Go programs fork only to exec.
#pragma once
#include "allocator/mcache.h"

namespace gamelan {

void heap_before_fork();
void heap_after_fork_in_parent();
void heap_after_fork_in_child();  // locks only; the sched layer abandons the caches of threads that are gone

// Every MCache ever made, for fork, the verifier and the collector. Never shrinks.
MCache* first_registered_cache();
MCache* new_cache();  // registered, or nullptr: out of memory

}  // namespace gamelan
