// sched/sysmon.h: the thread without a P that sees to what no P sees to itself.
//
// Does     takes the P of a M that stays in a system call, or sleeps in the kernel where nobody announced it (stdio locks,
//          the resolver, the loader); asks a G that runs for 10 ms while others wait to yield; polls the network and timers
//          when every P has been busy for 10 ms; trims idle stacks; prints what was asked for, and who starves.
// Sleeps   1 ms while Gs wait for a P, up to 10 ms once none has for 50 rounds; without end while all Ps are idle,
//          but for schedtrace.
// Go       proc.go sysmon, retake.
#pragma once

namespace gamelan::sysmon {

bool start();                   // makes the thread; false: it cannot be made
int tid();                      // 0: it does not run

}  // namespace gamelan::sysmon
