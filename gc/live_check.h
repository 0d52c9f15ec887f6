// gc/live_check.h: a leak check of a process that goes on: `gamelan check PID` asks for it.
//
// Asked    by our signal with a cookie of its own, sent to the process by somebody whom the kernel lets (kill(2)'s permissions): no
//          socket, no thread, no signal of the program's.
// How      the world stops for the time of a fork: the child is the frozen copy, in which the mark runs and the report is
//          written, at low priority, while the program goes on. The child has no SIGCHLD, and no wait of the program's sees it;
//          who asked asks once more when he has the report, and it is reaped.
// Report   into a memory file, "gamelan-leaks" among the process' descriptors: a line `check N begun`, then what is printed at exit, with
//          addresses in files instead of names (a copy must not ask ld.so).
// Declined where the signal met the allocator, or our own code: it is sent again.
// Go       debug.ReadGCStats has no counterpart; the idea of a frozen copy is fork snapshots' (e.g. D's GC, redis' BGSAVE).
#pragma once
#include <stdint.h>

namespace gamelan::gc::live_check {

void open();        // leak mode begins: the memory file is made
void asked(bool only_to_reap);  // in the handler of our signal
void after_fork_in_child();  // the file is the parent's

}  // namespace gamelan::gc::live_check
