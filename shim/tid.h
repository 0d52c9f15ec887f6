// shim/tid.h: the caller's thread id, as glibc's objects record it.
#pragma once
#include "allocator/base/syscall.h"
#include "sched/g.h"

namespace gamelan {

GAMELAN_COLD inline int learn_tid() { return tls_g.tid = sys::current_tid(); }

// A goroutine's is set when it is made; a native thread asks the kernel once.
inline int own_tid() { return GAMELAN_LIKELY(tls_g.tid) ? tls_g.tid : learn_tid(); }

}  // namespace gamelan
