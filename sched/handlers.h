// sched/handlers.h: the program's signal handlers, and the goroutine that each signal is for.
//
// Owns     the program's action per signal; the kernel has our trampoline with the same flags and mask instead. So the mask
//          of the running G is known while a handler runs, and a signal that meets an idle M, or a M between two Gs, is
//          handed to a G that takes it: its handler runs on that G's stack, as that thread.
// When     from the start of the scheduler on; before, and for signals without a handler, the kernel's table is the truth.
// Threads  any; everything here is async-signal-safe.
// Go       signal_unix.go sigtable, sighandler.
#pragma once
#include <signal.h>

#include "sched/m.h"

namespace gamelan::handlers {

void install();                        // puts trampolines in front of what the program has
// sigaction(2) while the scheduler runs. 0 or an errno.
int set(int signal, const struct sigaction* act, struct sigaction* before);
// What the signal's handler means for a wait that it interrupts: G::kHandled, G::kEnding; 0: it has none.
uint8_t meaning_of(int signal);
void dispatch(M* m);                   // signals that met the M outside of any G; no lock held

}  // namespace gamelan::handlers
