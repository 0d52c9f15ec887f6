// shim/timer.h: timers for the calling thread, for syscall(2).
#pragma once
#include <signal.h>

namespace gamelan::signals {

// As wanted; SIGEV_THREAD_ID with the caller's gettid() names the kernel thread, to which the caller is wired from then on.
sigevent on_own_thread(const sigevent& wanted);

}  // namespace gamelan::signals
