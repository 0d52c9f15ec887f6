// shim/fork.h: the runtime over fork(2).
//
// Handlers are registered at the first allocation, so that our prepare runs last, and our parent and child handlers
// first: the program's own handlers may allocate.  Source  pthread_atfork(3).
#pragma once

namespace gamelan {

void register_fork_handlers();

}  // namespace gamelan
