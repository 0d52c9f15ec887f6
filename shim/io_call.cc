// shim/io_call.cc: the slow half: what kind of file it is, whether to wait, and for how long.
#include "shim/io_call.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "sched/netpoll.h"
#include "sched/signals.h"
#include "shim/deadline.h"

namespace gamelan::io {

namespace {
constinit Atomic<bool> time_outs_used{false}, low_water_used{false}, upper_protocols_used{false};

long socket_option(int fd, int option, void* value, socklen_t size) {
  return sys::call(SYS_getsockopt, fd, SOL_SOCKET, option, word(value), word(&size));
}

Nanos deadline_of(int fd, short events) {
  timeval t{};
  if (!time_outs_used.load_relaxed()) return parking_lot::kForever;
  if (socket_option(fd, events & POLLOUT ? SO_SNDTIMEO : SO_RCVTIMEO, &t, sizeof t)) return parking_lot::kForever;
  if (!t.tv_sec && !t.tv_usec) return parking_lot::kForever;
  return deadline_after(nanos_of({t.tv_sec, t.tv_usec * 1000}));
}

int socket_type(int fd) {
  int type = 0;
  return socket_option(fd, SO_TYPE, &type, sizeof type) ? 0 : type;
}

FileKind look(int fd) {
  struct stat s;
  if (sys::call(SYS_fstat, fd, word(&s))) return FileKind::unknown;
  switch (s.st_mode & S_IFMT) {
    case S_IFIFO: return FileKind::pipe;
    case S_IFSOCK: {
      const int type = socket_type(fd);
      return type == SOCK_STREAM ? FileKind::stream : type == SOCK_SEQPACKET ? FileKind::seqpacket : FileKind::message;
    }
    case 0: return FileKind::anonymous;
    default: return FileKind::blocking;
  }
}

GAMELAN_NOINLINE FileKind kind_of_slow(int fd) {
  const FileKind kind = look(fd);
  Descriptor* d = kind == FileKind::unknown ? nullptr : descriptors::make(fd);
  if (d) d->kind.store_relaxed(kind);
  return kind;
}

// One G at a time makes a call that would block if two came: the others wait as if nothing were there.
class Taken {
 public:
  explicit Taken(int fd) : d_(descriptors::make(fd)), mine_(d_ && !d_->taken.exchange(true)) {}
  ~Taken() {
    if (mine_) d_->taken.store_release(false);  // pairs: the exchange above
  }
  bool is_mine() const { return mine_ || !d_; }

 private:
  Descriptor* d_;
  bool mine_;
};
}  // namespace

bool ends_call(bool restarts) {
  signals::raise_due();
  cancel::point();
  return restarts ? !signals::restart() : signals::handled();
}

bool is_nonblocking(int fd) {
  Descriptor* d = descriptors::find(fd);
  if (GAMELAN_LIKELY(d && d->blocking.holds())) return false;
  const uint64_t look = d ? d->blocking.begin_look() : 0;
  const long flags = sys::call(SYS_fcntl, fd, F_GETFL);
  if (sys::is_error(flags) || (flags & O_NONBLOCK)) return true;
  if (d) d->blocking.end_look(look);
  return false;
}

bool is_ready(int fd, short events) {
  pollfd p{fd, events, 0};
  return look_again([&] { return sys::call(SYS_poll, word(&p), 1, 0); }) > 0;
}

bool is_stream(int fd) { return socket_type(fd) == SOCK_STREAM; }

FileKind kind_of(int fd) {
  const Descriptor* d = descriptors::find(fd);
  const FileKind kind = d ? d->kind.load_relaxed() : FileKind::unknown;
  return GAMELAN_LIKELY(kind != FileKind::unknown) ? kind : kind_of_slow(fd);
}

void note_socket_option(int level, int option) {
  if (level == IPPROTO_TCP && option == TCP_ULP) upper_protocols_used.store_relaxed(true);
  if (level != SOL_SOCKET) return;
  if (option == SO_RCVTIMEO || option == SO_SNDTIMEO || option == SO_RCVTIMEO_NEW || option == SO_SNDTIMEO_NEW)
    time_outs_used.store_relaxed(true);
  if (option == SO_RCVLOWAT) low_water_used.store_relaxed(true);
}

bool upper_protocols_are_used() { return upper_protocols_used.load_relaxed(); }

bool low_water_is_used() { return low_water_used.load_relaxed(); }

Patience::Verdict Patience::wait() {
  if (!began_) deadline_ = deadline_of(fd_, events_), began_ = true;
  futile_ = tries_++ && is_ready(fd_, events_) ? futile_ + 1 : 0;
  if (futile_ == kMostFutile) return netpoll::hand_on(fd_), block;
  switch (netpoll::wait(fd_, events_, deadline_)) {
    case Wake::timed_out: return timed_out;
    case Wake::not_pollable: return block;
    case Wake::interrupted:
      return ends_call(deadline_ == parking_lot::kForever) ? interrupted : try_again;
    default: return try_again;
  }
}

long wait_and_try(const Call& c, Patience& p, long first) {
  if (is_nonblocking(p.fd())) return first == -EAGAIN ? first : c.as_it_came();
  if (first == -EOPNOTSUPP) return c.do_not_wait == RWF_NOWAIT ? when_ready(c, p, is_ready(p.fd(), p.events())) : first;
  for (;;) {
    switch (p.wait()) {
      case Patience::try_again: break;
      case Patience::block: return c.may_block();
      case Patience::timed_out: return -EAGAIN;
      case Patience::interrupted: return -EINTR;
    }
    Descriptor* d = descriptors::find(p.fd());
    const Edge::Mark begun = d ? d->edge.now() : 0;
    const long r = c.without_waiting();
    if (d) note_dry(d, c, r, begun);
    netpoll::hand_on(p.fd());
    if (r != -EAGAIN) return r;
  }
}

// False: somebody else is at it.
static bool take_turn(const Call& c, long* result) {
  Taken turn(c.fd());
  if (!turn.is_mine()) return false;
  *result = c.may_block_uncancelled();
  return true;
}

long when_ready(const Call& c, Patience& p, bool ready) {
  for (;; ready = is_ready(p.fd(), p.events())) {
    if (long r; ready && take_turn(c, &r)) {
      netpoll::hand_on(p.fd());
      return after_blocking(r);
    }
    switch (p.wait()) {
      case Patience::try_again: break;
      case Patience::block: return c.may_block();
      case Patience::timed_out: return -EAGAIN;
      case Patience::interrupted: return -EINTR;
    }
  }
}

}  // namespace gamelan::io
