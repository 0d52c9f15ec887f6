// shim/io_call.h: a call on a descriptor: once without waiting, then when the descriptor is ready.
//
// How      the call is tried with its own "do not wait" flag (MSG_DONTWAIT, RWF_NOWAIT), so that O_NONBLOCK, which all
//          holders of the file share, stays as it is. EAGAIN is the program's where the descriptor is O_NONBLOCK; else
//          the G waits in the netpoller. What no poll can tell, a BlockingCall makes as it came.
// Results  as sys::call's: a value or -errno.
// Go       internal/poll fd_unix.go.
#pragma once
#include <errno.h>
#include <poll.h>

#include "allocator/base/syscall.h"
#include "sched/cancel.h"
#include "sched/descriptors.h"
#include "sched/sched.h"

namespace gamelan::io {

template <class T>
long word(T* p) { return reinterpret_cast<long>(p); }
template <class T>
long word(T v) { return static_cast<long>(v); }

// To libc's convention.
inline long finish(long r) {
  if (GAMELAN_LIKELY(!sys::is_error(r))) return r;
  errno = static_cast<int>(-r);
  return -1;
}

// After Wake::interrupted: handlers run, a cancellation is acted on. Whether the call ends with EINTR: for a handler
// without SA_RESTART, and for any handler where the kernel does not restart the call.
bool ends_call(bool restarts);

// What the kernel made of a call that could block: interrupted, perhaps to be cancelled.
inline long after_blocking(long r) {
  if (GAMELAN_UNLIKELY(r == -EINTR)) cancel::point();
  return r;
}

// A system call whose first argument is the descriptor, and which of its bits say "do not wait".
struct Call {
  long number;
  long args[6];
  unsigned flags_at = 0;
  long do_not_wait = 0;
  size_t room = 0;  // of a read that leaves nothing behind where it comes back with less; 0: not known

  int fd() const { return static_cast<int>(args[0]); }
  long as_it_came() const { return sys::call(number, args[0], args[1], args[2], args[3], args[4], args[5]); }
  long may_block() const { return after_blocking(may_block_uncancelled()); }
  long may_block_uncancelled() const {  // while something is held; after_blocking follows
    sched::BlockingCall blocking;
    return as_it_came();
  }
  long without_waiting() const {
    Call c = *this;
    c.args[flags_at] |= do_not_wait;
    return c.as_it_came();
  }
};

inline long block(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  return Call{number, {a, b, c, d, e, f}}.may_block();
}

// poll and select end with EINTR even where they do not wait, for signals of ours, too: only a handler of the program's does.
template <class Look>
long look_again(Look look) {
  const uint32_t before = self()->handlers_run;
  long r;
  do r = look();
  while (r == -EINTR && self()->handlers_run == before);
  return r;
}

bool upper_protocols_are_used();  // TCP_ULP

bool is_nonblocking(int fd);
bool is_ready(int fd, short events);
bool is_stream(int fd);         // a socket of that type
FileKind kind_of(int fd);

// SO_RCVTIMEO and SO_SNDTIMEO are asked for only once the process has set one; SO_RCVLOWAT likewise.
void note_socket_option(int level, int option);
bool low_water_is_used();

// The waits of one call: how long in all, and when to give up waiting.
class Patience {
 public:
  Patience(int fd, short events) : fd_(fd), events_(events) {}

  enum Verdict : uint8_t {
    try_again,    // and then netpoll::hand_on
    block,        // it cannot be waited for, or its readiness is not the call's (an error queue, a full peer)
    timed_out,
    interrupted,
  };
  Verdict wait();
  int fd() const { return fd_; }
  short events() const { return events_; }

 private:
  static constexpr unsigned kMostFutile = 3;
  int fd_;
  short events_;
  bool began_ = false;
  unsigned tries_ = 0;
  unsigned futile_ = 0;         // in a row: woken, ready by the poll, and yet EAGAIN
  Nanos deadline_ = 0;
};

// Until it is done, fails, or the descriptor's time-out is over. `first` is what the first try gave.
constexpr long kNotTried = 0;
long wait_and_try(const Call& c, Patience& p, long first);
inline long run(const Call& c, Patience& p) {
  cancel::point();
  const long r = c.without_waiting();
  return GAMELAN_LIKELY(r != -EAGAIN && r != -EOPNOTSUPP) ? r : wait_and_try(c, p, r);
}

// Notes what the read, before which `begun` was taken, tells of what is left.
inline void note_dry(Descriptor* d, const Call& c, long r, Edge::Mark begun) {
  if (Edge::is_armed(begun) && !upper_protocols_are_used() && (r == -EAGAIN || (r > 0 && static_cast<size_t>(r) < c.room))) d->edge.found_dry(begun);
}

// A read. Where nothing can be there it waits at once; where the last ones all had to wait, too: arming the descriptor looks.
inline long run_read(const Call& c) {
  Patience p(c.fd(), POLLIN);
  Descriptor* d = descriptors::find(c.fd());
  if (GAMELAN_UNLIKELY(!d)) return run(c, p);
  cancel::point();
  const Edge::Mark begun = d->edge.now();
  if (d->blocking.holds() && (Edge::is_armed(begun) ? d->edge.is_dry(begun) : d->reads.expects_nothing()))
    return wait_and_try(c, p, kNotTried);
  const long r = c.without_waiting();
  note_dry(d, c, r, begun);
  if (r == -EAGAIN) d->reads.found_nothing();
  else d->reads.found();
  return GAMELAN_LIKELY(r != -EAGAIN && r != -EOPNOTSUPP) ? r : wait_and_try(c, p, r);
}

// For calls that cannot be told not to wait: made when the descriptor is ready, by one G at a time.
// `ready`: whether it is, by a look just now.
long when_ready(const Call& c, Patience& p, bool ready);

}  // namespace gamelan::io
