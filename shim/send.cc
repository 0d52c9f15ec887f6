// shim/send.cc: send(2) and its kin, connect(2).
//
// Blocks   the G. A stream on which a call may block takes all of the data, as the kernel does; what went out before an
//          error, a signal or the end of SO_SNDTIMEO is the result.
// Source   POSIX.1-2017 send, connect; send(2), sendmmsg(2), connect(2), socket(7) SO_SNDTIMEO.
#include <sys/socket.h>
#include <sys/time.h>

#include "sched/netpoll.h"
#include "shim/deadline.h"
#include "shim/io.h"
#include "shim/io_call.h"
#include "shim/io_vector.h"
#include "shim/next.h"

using namespace gamelan;
using namespace gamelan::io;

namespace {
Call message_call(int fd, const msghdr* m, int flags) { return {SYS_sendmsg, {fd, word(m), flags}, 2, MSG_DONTWAIT}; }

// `done` of `total` bytes are out. A second EPIPE is no signal: the first call's result is the count.
long send_rest(int fd, const iovec* v, size_t n, Bytes total, int flags, long done, Patience& p) {
  if (is_nonblocking(fd) || !is_stream(fd)) return done;
  while (static_cast<Bytes>(done) < total) {
    Remaining rest(v, n, static_cast<Bytes>(done));
    msghdr m{};
    m.msg_iov = rest.data();
    m.msg_iovlen = rest.count();
    const long r = run(message_call(fd, &m, flags | MSG_NOSIGNAL), p);
    if (r <= 0) break;
    done += r;
  }
  return done;
}
}  // namespace

namespace gamelan::io {

long send_to(int fd, const void* p, size_t n, int flags, const sockaddr* to, socklen_t size) {
  const Call c{SYS_sendto, {fd, word(p), word(n), flags, word(to), size}, 3, MSG_DONTWAIT};
  if (flags & MSG_DONTWAIT) return c.as_it_came();
  Patience patience(fd, POLLOUT);
  const long r = run(c, patience);
  if (GAMELAN_LIKELY(r < 0 || static_cast<size_t>(r) >= n)) return r;
  const iovec v{const_cast<void*>(p), n};
  return send_rest(fd, &v, 1, min_of(n, kMostBytes), flags, r, patience);
}

long send_message(int fd, const msghdr* m, int flags) {
  if (flags & MSG_DONTWAIT) return message_call(fd, m, flags).as_it_came();
  Patience patience(fd, POLLOUT);
  const long r = run(message_call(fd, m, flags), patience);
  if (r < 0) return r;
  const Bytes total = total_of(m->msg_iov, m->msg_iovlen);
  return static_cast<Bytes>(r) >= total ? r : send_rest(fd, m->msg_iov, m->msg_iovlen, total, flags, r, patience);
}

// Whole messages, as many as go; on streams the kernel also finishes the one that it began.
long send_messages(int fd, mmsghdr* m, unsigned n, int flags) {
  const Call all{SYS_sendmmsg, {fd, word(m), n, flags}, 3, MSG_DONTWAIT};
  if (flags & MSG_DONTWAIT) return all.as_it_came();
  if (kind_of(fd) == FileKind::stream) return all.may_block();
  Patience patience(fd, POLLOUT);
  long done = 0;
  do {
    const long r = run({SYS_sendmmsg, {fd, word(m + done), n - done, flags}, 3, MSG_DONTWAIT}, patience);
    if (r <= 0) return done ? done : r;
    done += r;
  } while (done < n && !is_nonblocking(fd));
  return done;
}

namespace {
// connect(2) on a descriptor that may block has no flag that says "do not wait". So many may block at once, with their Ms;
// all others get a negative SO_SNDTIMEO for the call, which the kernel takes for "do not wait" (sock_set_timeout; it says
// so in its log, ten times at most).
constexpr int kMostBlocked = 16;
constinit Atomic<int> blocked{0};

class Place {
 public:
  Place() : taken_(blocked.fetch_add(1) < kMostBlocked) {
    if (!taken_) blocked.fetch_sub(1);
  }
  ~Place() {
    if (taken_) blocked.fetch_sub(1);
  }
  bool is_taken() const { return taken_; }

 private:
  bool taken_;
};

// False: too many are at it.
bool block_in_a_place(const Call& c, long* result) {
  Place place;
  if (!place.is_taken()) return false;
  *result = c.may_block_uncancelled();
  return true;
}

Call connect_call(int fd, const sockaddr* to, socklen_t size) { return {SYS_connect, {fd, word(to), size}}; }

long set_send_time_out(int fd, const timeval& t) {
  return sys::call(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, word(&t), sizeof t);
}

// EINPROGRESS or, of a local socket whose peer's queue is full, EAGAIN: it would block. `*limit` is the socket's own.
long connect_without_waiting(const Call& c, timeval* limit) {
  socklen_t size = sizeof *limit;
  if (sys::call(SYS_getsockopt, c.fd(), SOL_SOCKET, SO_SNDTIMEO, word(limit), word(&size))) return c.may_block();
  if (set_send_time_out(c.fd(), {-1, 0})) return c.may_block();
  const long r = c.as_it_came();
  set_send_time_out(c.fd(), *limit);
  return r;
}

Nanos deadline_of(const timeval& limit) {
  if (!limit.tv_sec && !limit.tv_usec) return parking_lot::kForever;
  return deadline_after(nanos_of({limit.tv_sec, limit.tv_usec * 1000}));
}

bool goes_on_after(Wake why, Nanos deadline) {
  return why != Wake::interrupted || !ends_call(deadline == parking_lot::kForever);
}

// The second connect of one that was begun tells how the first ended, and leaves the socket as a blocking one would.
long finish_connect(const Call& c, Nanos deadline) {
  for (;;) {
    const Wake why = netpoll::wait(c.fd(), POLLOUT, deadline);
    netpoll::hand_on(c.fd());
    if (why == Wake::timed_out) return -EINPROGRESS;
    if (!goes_on_after(why, deadline)) return -EINTR;
    if (why == Wake::not_pollable || is_ready(c.fd(), POLLOUT)) return c.may_block();
  }
}

// Nobody tells when a local peer's queue has room: those who block get it first, the others look again now and then.
constexpr Nanos kFirstNap = kMilli, kLongestNap = 50 * kMilli;

long connect_local(const Call& c, Nanos deadline) {
  timeval limit;
  for (Nanos nap = kFirstNap;; nap = min_of(2 * nap, kLongestNap)) {
    const Wake why = sched::sleep_until(min_of(deadline, deadline_after(nap)), true, WaitReason::io);
    if (!goes_on_after(why, deadline)) return -EINTR;
    if (long r; deadline == parking_lot::kForever && block_in_a_place(c, &r)) return after_blocking(r);
    const long r = connect_without_waiting(c, &limit);
    if (r != -EAGAIN || sys::monotonic_now() >= deadline) return r;
  }
}
}  // namespace

long connect_to(int fd, const sockaddr* to, socklen_t size) {
  const Call c = connect_call(fd, to, size);
  if (Descriptor* d = descriptors::find(fd)) d->edge.forget();  // the number may have been closed behind our back
  cancel::point();
  if (long r; block_in_a_place(c, &r)) return after_blocking(r);
  if (kind_of(fd) == FileKind::message || is_nonblocking(fd)) return c.as_it_came();
  timeval limit;
  const long r = connect_without_waiting(c, &limit);
  if (r == -EINPROGRESS || r == -EALREADY) return finish_connect(c, deadline_of(limit));
  return r == -EAGAIN ? connect_local(c, deadline_of(limit)) : r;
}

}  // namespace gamelan::io

GAMELAN_EXPORT ssize_t send(int fd, const void* p, size_t n, int flags) {
  static constinit auto next = next_for(send, "send");
  if (!can_park()) return next.waits(fd, p, n, flags);
  return finish(send_to(fd, p, n, flags, nullptr, 0));
}

GAMELAN_EXPORT ssize_t sendto(int fd, const void* p, size_t n, int flags, const sockaddr* to, socklen_t size) {
  static constinit auto next = next_for(sendto, "sendto");
  if (!can_park()) return next.waits(fd, p, n, flags, to, size);
  return finish(send_to(fd, p, n, flags, to, size));
}

GAMELAN_EXPORT ssize_t sendmsg(int fd, const msghdr* m, int flags) {
  static constinit auto next = next_for(sendmsg, "sendmsg");
  if (!can_park()) return next.waits(fd, m, flags);
  return finish(send_message(fd, m, flags));
}

GAMELAN_EXPORT int sendmmsg(int fd, mmsghdr* m, unsigned n, int flags) {
  static constinit auto next = next_for(sendmmsg, "sendmmsg");
  if (!can_park()) return next.waits(fd, m, n, flags);
  return static_cast<int>(finish(send_messages(fd, m, n, flags)));
}

GAMELAN_EXPORT int connect(int fd, const sockaddr* to, socklen_t size) {
  static constinit auto next = next_for(connect, "connect");
  if (!can_park()) return next.waits(fd, to, size);
  return static_cast<int>(finish(connect_to(fd, to, size)));
}

GAMELAN_EXPORT int setsockopt(int fd, int level, int option, const void* value, socklen_t size) {
  static constinit auto next = next_for(setsockopt, "setsockopt");
  note_socket_option(level, option);
  return next.get()(fd, level, option, value, size);
}

GAMELAN_EXPORT ssize_t __send(int fd, const void* p, size_t n, int flags) __attribute__((alias("send")));
GAMELAN_EXPORT int __connect(int fd, const sockaddr* to, socklen_t size) __attribute__((alias("connect")));
