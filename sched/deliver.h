// sched/deliver.h: the kernel's handler of every signal for which the program has one.
//
// Where    on a goroutine in its own code, or in a system call: the program's handler is called at once, on its stack, with
//          its mask, holding a P; it may block, be preempted, jump out. In a RuntimeSection: the signal waits in the G's
//          queue until that ends. In our own code outside of a section, such as malloc: called at once, but
//          not parked (`G::kInterruptedUs`): blocking calls block the M. On g0: handed to a G that takes it.
// Faults   SIGSEGV and its kin, sent by the processor, are delivered where they happen.
// Process  a signal for the process goes on to the main goroutine if that takes it.
#pragma once
#include <signal.h>

namespace gamelan::deliver {

void on_signal(int signal, siginfo_t* info, void* context);

}  // namespace gamelan::deliver
