// sched/preempt.h: taking the processor from a G that does not give it back.
//
// How      our signal (32, with a cookie, sent by raw system calls) finds the G in the program's own code: the handler
//          changes the interrupted PC, so that on return the G calls gamelan_async_preempt, which saves every register and
//          enters the scheduler. Nothing is switched inside the handler.
// Not      on g0; within a RuntimeSection; with a lock of the allocator held; with the PC in our text, ld.so's, libgcc_s'; in
//          libc's, until the tenth try; with the stack pointer outside of the G's stack (an alternate stack, a coroutine's).
// Off      GODEBUG=asyncpreemptoff=1.
// Go       preempt.go, signal_unix.go doSigPreempt.
#pragma once
#include "sched/m.h"

namespace gamelan::preempt {

void install();                  // the handler
void ignore();                   // before exec: dropped if pending, ignored until install
void request(M* m);              // its G should yield
void nudge(G* g);                // `g`, which runs, should look at its pending signals

void ask_to_close(int tid);      // signals::close_here, on that kernel thread
void nudge_call(G* g);           // its system call ends with EINTR
void ask_to_stop(int tid);       // world::stop_here, on that kernel thread
void cancel(G* g);               // a request to cancel: `g` ends wherever it is, if its type is asynchronous

}  // namespace gamelan::preempt
