// shim/sigsend.h: signals to a goroutine by what gettid() calls it, for syscall(2).
#pragma once
#include <signal.h>

namespace gamelan::signals {

bool is_goroutines_tid(int tid);
// 0 or -errno. No `info`: as tgkill(2) does.
long send_to_tid(int tid, const siginfo_t* info, int signal);

}  // namespace gamelan::signals
