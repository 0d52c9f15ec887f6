// shim/sleep.h: clock_nanosleep(2), for syscall(2) by number.
#pragma once
#include <time.h>

namespace gamelan::io {

int clock_sleep(clockid_t clock, int flags, const timespec* t, timespec* left);  // 0 or the error

}  // namespace gamelan::io
