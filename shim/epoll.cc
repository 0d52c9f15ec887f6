// shim/epoll.cc: epoll_wait(2) and its kin: the program's epoll descriptor is itself waited for.
//
// Blocks   the G.  Errors  the kernel's; EINTR for any handler (never restarts).
// Source   epoll_wait(2).
#include <sys/epoll.h>

#include "sched/netpoll.h"
#include "shim/io.h"
#include "shim/io_call.h"
#include "shim/next.h"
#include "shim/ready_wait.h"
#include "shim/signals.h"

using namespace gamelan;
using namespace gamelan::io;

namespace {
long look(int fd, epoll_event* events, int most) { return sys::call(SYS_epoll_wait, fd, word(events), most, 0); }

// pwait, since epoll_pwait2 is not everywhere.
long wait_in_kernel(int fd, epoll_event* events, int most, Nanos deadline) {
  timespec room;
  const timespec* left = time_left(deadline, &room);
  const long ms = !left ? -1 : min_of<long>(left->tv_sec, 1'000'000) * 1000 + (left->tv_nsec + kMilli - 1) / kMilli;
  return block(SYS_epoll_pwait, fd, word(events), most, ms, 0, sizeof(uint64_t));
}
}  // namespace

namespace gamelan::io {

long epoll_until(int fd, epoll_event* events, int most, Nanos deadline, const sigset_t* mask);

// What is ready already comes before a signal that the mask would let through.
static long wait_under(int fd, epoll_event* events, int most, Nanos deadline, uint64_t mask) {
  if (const long found = look(fd, events, most)) return found;
  signals::OtherMask other(mask);
  return other.has_handled() ? -EINTR : epoll_until(fd, events, most, deadline, nullptr);
}

long epoll_until(int fd, epoll_event* events, int most, Nanos deadline, const sigset_t* mask) {
  cancel::point();
  if (is_other_mask(mask)) return wait_under(fd, events, most, deadline, signals::word_of(mask));
  bool has_turn = false;
  const auto look_and_hand_on = [&] {
    const long r = look(fd, events, most);
    if (has_turn) netpoll::hand_on(fd);
    return r;
  };
  const auto wait = [&] {
    const Wake why = netpoll::wait(fd, POLLIN, deadline);
    has_turn = why == Wake::woken;
    return why;
  };
  return end(until_ready(deadline, look_and_hand_on, wait, [&] { return is_ready(fd, POLLIN); },
                         [&] { return wait_in_kernel(fd, events, most, deadline); }));
}

}  // namespace gamelan::io

GAMELAN_EXPORT int epoll_wait(int fd, epoll_event* events, int most, int time_out) {
  static constinit auto next = next_for(epoll_wait, "epoll_wait");
  if (!can_park()) return next.waits(fd, events, most, time_out);
  if (time_out == 0) return static_cast<int>(finish(look(fd, events, most)));
  return static_cast<int>(finish(epoll_until(fd, events, most, deadline_of_millis(time_out), nullptr)));
}

GAMELAN_EXPORT int epoll_pwait(int fd, epoll_event* events, int most, int time_out, const sigset_t* mask) {
  static constinit auto next = next_for(epoll_pwait, "epoll_pwait");
  if (!can_park()) return next.waits(fd, events, most, time_out, mask);
  return static_cast<int>(finish(epoll_until(fd, events, most, deadline_of_millis(time_out), mask)));
}

GAMELAN_EXPORT int epoll_pwait2(int fd, epoll_event* events, int most, const timespec* time_out, const sigset_t* mask) {
  static constinit auto next = next_for(epoll_pwait2, "epoll_pwait2");
  if (!can_park()) return next.waits(fd, events, most, time_out, mask);
  if (time_out && (time_out->tv_sec < 0 || !has_valid_nanos(*time_out))) return static_cast<int>(finish(-EINVAL));
  return static_cast<int>(finish(epoll_until(fd, events, most, deadline_of(time_out), mask)));
}
