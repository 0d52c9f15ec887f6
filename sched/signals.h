// sched/signals.h: signal masks, alternate stacks and thread-directed signals of goroutines.
//
// Owns     each G's mask; the kernel thread's own is changed only where the next G's differs. Idle Ms block what every
//          goroutine blocks, so that a process-directed signal reaches one that takes it even when all are parked, and
//          stays pending for sigwait and signalfd when nobody does.
// Pending  pthread_kill sets a bit in the G: one that is parked wakes (Wake::interrupted), one that runs is told by our
//          own signal; the G then raises the signal for itself, on its own stack, with its own mask.
// Go       os_linux.go, signal_unix.go.
#pragma once
#include "sched/m.h"

namespace gamelan::signals {

inline constexpr int kOurs = 32;       // glibc's SIGCANCEL, which it never sends itself while we stand in front of pthread_cancel
inline constexpr uint64_t bit(int signal) { return uint64_t{1} << (signal - 1); }
inline constexpr uint64_t kNeverBlocked = bit(32) | bit(33);
inline constexpr uint64_t kAllButSetXid = ~bit(33);  // libc waits until every thread has taken that one

void mask_gained(uint64_t mask);       // a G with this mask came to be
void mask_lost(uint64_t mask);
uint64_t idle_mask();
void set_kernel_mask(M* m, uint64_t mask);
void set_mask(G* g, uint64_t mask);    // the caller's own
void install_altstack(M* m, G* g);

// Whether `g` has a signal that it does not block and has not yet raised.
bool is_due(const G* g);
void raise_due();                      // the caller's own, outside of a RuntimeSection
int send(G* g, int signal);            // pthread_kill: 0 or an errno
// For a wait that was interrupted: whether a handler ran (an ignored signal has none), and whether the call goes on,
// since all that ran have SA_RESTART.
inline bool handled() { return tls_g.handlers_ran & G::kHandled; }
inline bool restart() { return !(tls_g.handlers_ran & G::kEnding); }
void after_fork_in_child(G* only);

}  // namespace gamelan::signals
