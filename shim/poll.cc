// shim/poll.cc: poll(2), ppoll(2).
//
// Blocks   the G.  Errors  the kernel's; EINTR for any handler (poll never restarts).
// Source   POSIX.1-2017 poll; poll(2).
#include <poll.h>

#include "sched/netpoll.h"
#include "shim/io.h"
#include "shim/io_call.h"
#include "shim/next.h"
#include "shim/ready_wait.h"
#include "shim/signals.h"

using namespace gamelan;
using namespace gamelan::io;

namespace {
long look(pollfd* fds, nfds_t n) {
  return look_again([&] { return sys::call(SYS_poll, word(fds), word(n), 0); });
}

long poll_in_kernel(pollfd* fds, nfds_t n, Nanos deadline) {
  timespec room;
  return block(SYS_ppoll, word(fds), word(n), word(time_left(deadline, &room)), 0, sizeof(uint64_t));
}
}  // namespace

namespace gamelan::io {

long poll_until(pollfd* fds, nfds_t n, Nanos deadline) {
  cancel::point();
  Descriptor* only = n == 1 ? descriptors::find(fds->fd) : nullptr;  // a server that waits for its client's next words
  const bool expects_nothing = only && only->polls.expects_nothing();
  bool waited = false;
  const long r = until_ready(
      deadline, [&] { return look(fds, n); },
      [&] {
        waited = true;
        return netpoll::wait_any(fds, static_cast<unsigned>(n), deadline);
      },
      [] { return false; }, [&] { return poll_in_kernel(fds, n, deadline); }, expects_nothing);
  if (only && !expects_nothing) waited ? only->polls.found_nothing() : only->polls.found();
  return end(r);
}

static long ppoll_until(pollfd* fds, nfds_t n, const timespec* t, const sigset_t* mask) {
  if (t && (t->tv_sec < 0 || !has_valid_nanos(*t))) return -EINVAL;
  if (!is_other_mask(mask)) return poll_until(fds, n, deadline_of(t));
  cancel::point();
  const Nanos deadline = deadline_of(t);
  if (const long r = look(fds, n)) return r;
  signals::OtherMask other(signals::word_of(mask));
  return other.has_handled() ? -EINTR : poll_until(fds, n, deadline);
}

}  // namespace gamelan::io

GAMELAN_EXPORT int poll(pollfd* fds, nfds_t n, int time_out) {
  static constinit auto next = next_for(poll, "poll");
  if (!can_park()) return next.waits(fds, n, time_out);
  if (time_out == 0) return static_cast<int>(finish(look(fds, n)));
  return static_cast<int>(finish(poll_until(fds, n, deadline_of_millis(time_out))));
}

GAMELAN_EXPORT int ppoll(pollfd* fds, nfds_t n, const timespec* time_out, const sigset_t* mask) {
  static constinit auto next = next_for(ppoll, "ppoll");
  if (!can_park()) return next.waits(fds, n, time_out, mask);
  return static_cast<int>(finish(ppoll_until(fds, n, time_out, mask)));
}

// An array that is too small for `n`: libc ends the program.
GAMELAN_EXPORT int __poll_chk(pollfd* fds, nfds_t n, int time_out, size_t room) {
  static constinit auto next = next_for(__poll_chk, "__poll_chk");
  if (!can_park() || n > room / sizeof(pollfd)) return next.waits(fds, n, time_out, room);
  return poll(fds, n, time_out);
}

GAMELAN_EXPORT int __ppoll_chk(pollfd* fds, nfds_t n, const timespec* time_out, const sigset_t* mask, size_t room) {
  static constinit auto next = next_for(__ppoll_chk, "__ppoll_chk");
  if (!can_park() || n > room / sizeof(pollfd)) return next.waits(fds, n, time_out, mask, room);
  return ppoll(fds, n, time_out, mask);
}

GAMELAN_EXPORT int __poll(pollfd* fds, nfds_t n, int time_out) __attribute__((alias("poll")));
