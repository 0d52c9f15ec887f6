// sched/own_threads.h: libraries whose threads stay the kernel's beside the program's goroutines.
//
// Why      libgomp makes its futex calls inline: a goroutine that waits there holds its P until sysmon finds it asleep, 1 ms
//          later. A barrier of eight threads on two Ps took 3.7 times its native time.
// How      a thread that begins in the code of such a library (`library` rules, program_rules.h) is made by libc; it shares every
//          object with goroutines. Under auto only: whoever asks for goroutines by name gets them.
// Owns     the code ranges of those libraries that are loaded: read at the first thread, and after each dlopen.
// Threads  any; one at a time refreshes.
#pragma once
#include <stdint.h>

namespace gamelan::own_threads {

void refresh();
bool begin_at(uintptr_t start);  // a thread whose start function is there is native

}  // namespace gamelan::own_threads
