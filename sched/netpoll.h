// sched/netpoll.h: Gs that wait until a descriptor is ready.
//
// Owns     one epoll descriptor (high, CLOEXEC, reopened after fork) and, per descriptor number, who waits for what.
// How      each wait arms its descriptor once (EPOLLONESHOT, by EPOLL_CTL_MOD, ADD where the kernel does not know it): one
//          system call more than an edge-triggered registration, but nothing goes stale when a descriptor is closed
//          behind our back (fclose, dup2, io_uring). An idle M sleeps in epoll_wait until the next timer.
// Locks    a descriptor's (leaf).
// Go       netpoll.go, netpoll_epoll.go.  Differs: level-triggered one-shots; several Gs may wait on one descriptor.
#pragma once
#include "sched/g.h"
#include "sched/parking_lot.h"

namespace gamelan::netpoll {

// Waits until one of `events` (POLLIN, POLLOUT, POLLPRI, POLLRDHUP; error and hang-up always) holds for `fd`.
// Blocks   the G. Returns woken, timed_out, interrupted; not_pollable: a regular file, or not open: just make the call.
Wake wait(int fd, short events, Nanos deadline, bool interruptible = true);

// The same for several descriptors at once, any of them.
struct Interest {
  int fd;
  short events;
};
Wake wait_any(const Interest* interests, unsigned n, Nanos deadline, bool interruptible = true);

// The descriptor is about to be closed or replaced: whoever waits on it wakes and makes its call again.
void forget(int fd);
bool is_ours(int fd);                  // our own descriptors, which close_range & co. step round

// ---- for the scheduler ----
// Makes ready whatever is; waits until `deadline` at most. Returns the Gs chained by schedlink.
G* poll(Nanos deadline);
bool has_waiters();
void interrupt_poll();                 // ends a poll that waits
void after_fork_in_child();

}  // namespace gamelan::netpoll
