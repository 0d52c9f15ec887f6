// sched/netpoll.h: Gs that wait until a descriptor is ready.
//
// Owns     one epoll descriptor (high, CLOEXEC, reopened after fork) and, per descriptor number, who waits for what.
// How      each wait arms its descriptor once (EPOLLONESHOT, by EPOLL_CTL_MOD, ADD where the kernel does not know it): one
//          system call more than an edge-triggered registration, but nothing goes stale when a descriptor is closed
//          behind our back (io_uring, libc). Connections that accept made have edges, and readers that need no call
//          (descriptors.h Edge). An idle M sleeps in epoll_wait until the next timer.
// One      of several in `wait` is woken per readiness, in their order, or a connection would wake a hundred threads in
//          accept. It takes what is there, then passes the turn (`hand_on`): to the next one if something is left.
//          Those in `wait_any` take nothing, and all wake; so does everybody at an error or hang-up.
// Locks    a descriptor's (leaf).
// Go       netpoll.go, netpoll_epoll.go.  Differs: level-triggered one-shots; several Gs may wait on one descriptor.
#pragma once
#include <poll.h>

#include "sched/g.h"
#include "sched/parking_lot.h"

namespace gamelan::netpoll {

// Waits until one of `events` (POLLIN, POLLOUT, POLLPRI, POLLRDHUP; error and hang-up always) holds for `fd`.
// Blocks   the G. Returns woken, timed_out, interrupted; not_pollable: a regular file, or not open: just make the call.
// Woken may mean "look again": another took what was there. After the call that follows, woken callers `hand_on`.
Wake wait(int fd, short events, Nanos deadline, bool interruptible = true);
void hand_on(int fd);

// The same for several descriptors at once, any of them; negative numbers are left out, as poll does. Takes no turn.
Wake wait_any(const pollfd* fds, unsigned n, Nanos deadline, bool interruptible = true);

// The descriptor is about to be closed or replaced: whoever waits on it wakes and makes its call again.
void forget(int fd);
void forget_range(int first, int last);

// ---- for the scheduler ----
// Makes ready whatever is; waits until `deadline` at most. Returns the Gs chained by schedlink.
G* poll(Nanos deadline);
bool has_waiters();
void interrupt_poll();                 // ends a poll that waits
void after_fork_in_child();

}  // namespace gamelan::netpoll
