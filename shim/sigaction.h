// shim/sigaction.h: rt_sigaction(2) by number.
#pragma once
#include "sched/kernel_action.h"

namespace gamelan::signals {

long action_by_number(int signal, const KernelAction* now, KernelAction* before, size_t size);  // 0 or -errno

}  // namespace gamelan::signals
