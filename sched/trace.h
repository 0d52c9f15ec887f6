// sched/trace.h: GODEBUG=schedtrace=N: the scheduler's state in one line every N ms; scheddetail=1: each P, M and G as well.
//
// Threads  sysmon, which wakes for it even while all Ps are idle.
// Locks    none: the numbers of one line may be a moment apart.
// Go       proc.go schedtrace: its lines and fields.  Differs: runqueue lengths count the G in `next`; syscalltick is the
//          claim's generation; locks is in_runtime of the M's G; idle slots are no Gs; what a C program has not is 0.
#pragma once
#include "allocator/base/words.h"

namespace gamelan::trace {

Nanos due();            // when the next line is; INT64_MAX: never
void look(Nanos now);   // prints where it is time
void print(bool detailed, Nanos now);

}  // namespace gamelan::trace
