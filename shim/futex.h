// shim/futex.h: futex(2) as syscall(2) calls it.
#pragma once
#include <stdint.h>
#include <time.h>

namespace gamelan {

// A call without FUTEX_PRIVATE_FLAG goes to the kernel, inside of a BlockingCall: its word may be shared with another process,
// and the kernel never lets a private and a shared call on one word meet either. So do PI and unknown operations.
// The arguments are as syscall(2) has them; `number` is SYS_futex.
// Blocks   the G. Returns the call's result, or -1 with errno.
long futex_call(long number, uint32_t* word, int op, uint32_t value, const timespec* timeout, uint32_t* word2,
                uint32_t value3);

}  // namespace gamelan
