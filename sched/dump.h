// sched/dump.h: what every goroutine is doing: before we end the process, when one starves, and when asked.
//
// Asked    GAMELAN_OPTIONS=dump_on=SIGNAL: a handler, installed only then and when the scheduler starts, tells sysmon, which
//          prints. A program that handles the signal itself has it. `gamelan dump PID` sends it.
// Prints   Go's head of a goroutine, then where it began and, for one that is off its M, which return addresses a short scan of
//          its stack found; they are marked with ?, since stale ones cannot be told from live ones. See addr2line(1).
// Locks    none; allocates nothing. Memory that may go away is read by process_vm_readv(2).
// Go       traceback.go goroutineheader, tracebackothers.
#pragma once
#include "sched/g.h"

namespace gamelan::dump {

void install();             // once the scheduler runs
bool is_wanted();           // the signal has come: sysmon is to print
void print_if_wanted();
void print(const char* why);
const char* text_of(WaitReason why);

}  // namespace gamelan::dump
