// shim/receive.cc: recv(2) and its kin, accept(2).
//
// Blocks   the G. MSG_DONTWAIT, MSG_ERRQUEUE and MSG_OOB never wait, and go straight through.
// Errors   the kernel's; EAGAIN when SO_RCVTIMEO is over, EINTR for a handler without SA_RESTART.
// Source   POSIX.1-2017 recv, accept; recv(2), recvmmsg(2), socket(7) SO_RCVTIMEO, SO_RCVLOWAT.
#include <sys/socket.h>

#include "sched/netpoll.h"
#include "shim/io.h"
#include "shim/io_call.h"
#include "shim/next.h"

using namespace gamelan;
using namespace gamelan::io;

namespace {
constexpr int kNeverWaits = MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB;

// Those that want more than what is there: only the kernel knows how it counts.
bool is_special(int flags) { return (flags & (MSG_WAITALL | MSG_PEEK)) == (MSG_WAITALL | MSG_PEEK) || low_water_is_used(); }

long receive(const Call& c, int flags) {
  if (flags & kNeverWaits) return c.as_it_came();
  if (GAMELAN_UNLIKELY(is_special(flags))) return c.may_block();
  return run_read(c);
}

Call receive_call(int fd, void* p, size_t n, int flags, sockaddr* from = nullptr, socklen_t* size = nullptr) {
  const size_t room = flags & (MSG_PEEK | MSG_TRUNC) ? 0 : n;
  return {SYS_recvfrom, {fd, word(p), word(n), flags, word(from), word(size)}, 3, MSG_DONTWAIT, room};
}

// MSG_WAITALL: until all has come, or the stream ends, fails, or a handler ran.
long receive_all(int fd, char* p, size_t n, int flags, sockaddr* from, socklen_t* size) {
  Patience patience(fd, POLLIN);
  size_t done = 0;
  for (;;) {
    const long r = run(receive_call(fd, p + done, n - done, flags & ~MSG_WAITALL, from, size), patience);
    if (r <= 0) return done ? static_cast<long>(done) : r;
    done += static_cast<size_t>(r);
    if (done >= n || !is_stream(fd)) return static_cast<long>(done);
  }
}
}  // namespace

namespace gamelan::io {

long receive_from(int fd, void* p, size_t n, int flags, sockaddr* from, socklen_t* size) {
  if (GAMELAN_UNLIKELY((flags & MSG_WAITALL) && !(flags & kNeverWaits) && !is_special(flags)))
    return receive_all(fd, static_cast<char*>(p), n, flags, from, size);
  return receive(receive_call(fd, p, n, flags, from, size), flags);
}

// Files that came with it have numbers that were others'.
static void note_received_files(msghdr* m) {
  for (cmsghdr* c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const auto* fds = reinterpret_cast<const int*>(CMSG_DATA(c));
    for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) descriptors::forget_file(fds[i]);
  }
}

long receive_message(int fd, msghdr* m, int flags) {
  const Call c{SYS_recvmsg, {fd, word(m), flags}, 2, MSG_DONTWAIT};
  const long r = (flags & MSG_WAITALL) && !(flags & kNeverWaits) ? c.may_block() : receive(c, flags);
  if (r >= 0 && m->msg_control && m->msg_controllen) note_received_files(m);
  return r;
}

// All of `n`, unless MSG_WAITFORONE. A time-out is looked at by the kernel between two messages only: it is left to it.
long receive_messages(int fd, mmsghdr* m, unsigned n, int flags, timespec* time_out) {
  const Call c{SYS_recvmmsg, {fd, word(m), n, flags, word(time_out)}, 3, MSG_DONTWAIT};
  if (time_out) return c.may_block();
  if (flags & (kNeverWaits | MSG_WAITFORONE)) return receive(c, flags);
  long done = 0;
  do {
    const long r = receive({SYS_recvmmsg, {fd, word(m + done), n - done, flags, 0}, 3, MSG_DONTWAIT}, flags);
    if (r <= 0) return done ? done : r;
    done += r;
  } while (done < n);
  return done;
}

static bool is_listening(int fd) {
  int yes = 0;
  socklen_t size = sizeof yes;
  return !sys::call(SYS_getsockopt, fd, SOL_SOCKET, SO_ACCEPTCONN, word(&yes), word(&size)) && yes;
}

// A new file under its number. Edges tell of a record at a time where TLS is done by the kernel, and count from a low-water mark.
static void note_connection(int fd) {
  Descriptor* d = descriptors::make(fd);
  if (!d) return;
  d->forget_file();
  if (!low_water_is_used() && !upper_protocols_are_used()) d->edge.allow();
}

// accept has no flag that says "do not wait".
long accept_one(int fd, sockaddr* from, socklen_t* size, int flags) {
  const Call c{SYS_accept4, {fd, word(from), word(size), flags}};
  cancel::point();
  const bool ready = is_ready(fd, POLLIN);
  if (!ready && (is_nonblocking(fd) || !is_listening(fd))) return c.as_it_came();
  Patience patience(fd, POLLIN);
  const long made = when_ready(c, patience, ready);
  if (made >= 0) note_connection(static_cast<int>(made));
  return made;
}

}  // namespace gamelan::io

GAMELAN_EXPORT ssize_t recv(int fd, void* p, size_t n, int flags) {
  static constinit auto next = next_for(recv, "recv");
  if (!can_park()) return next.waits(fd, p, n, flags);
  return finish(receive_from(fd, p, n, flags, nullptr, nullptr));
}

GAMELAN_EXPORT ssize_t recvfrom(int fd, void* p, size_t n, int flags, sockaddr* from, socklen_t* size) {
  static constinit auto next = next_for(recvfrom, "recvfrom");
  if (!can_park()) return next.waits(fd, p, n, flags, from, size);
  return finish(receive_from(fd, p, n, flags, from, size));
}

GAMELAN_EXPORT ssize_t recvmsg(int fd, msghdr* m, int flags) {
  static constinit auto next = next_for(recvmsg, "recvmsg");
  if (!can_park()) return next.waits(fd, m, flags);
  return finish(receive_message(fd, m, flags));
}

GAMELAN_EXPORT int recvmmsg(int fd, mmsghdr* m, unsigned n, int flags, timespec* time_out) {
  static constinit auto next = next_for(recvmmsg, "recvmmsg");
  if (!can_park()) return next.waits(fd, m, n, flags, time_out);
  return static_cast<int>(finish(receive_messages(fd, m, n, flags, time_out)));
}

GAMELAN_EXPORT int accept4(int fd, sockaddr* from, socklen_t* size, int flags) {
  static constinit auto next = next_for(accept4, "accept4");
  if (!can_park()) return next.waits(fd, from, size, flags);
  return static_cast<int>(finish(accept_one(fd, from, size, flags)));
}

GAMELAN_EXPORT int accept(int fd, sockaddr* from, socklen_t* size) {
  static constinit auto next = next_for(accept, "accept");
  if (!can_park()) return next.waits(fd, from, size);
  return static_cast<int>(finish(accept_one(fd, from, size, 0)));
}

// A buffer that is too small for `n`: libc ends the program.
GAMELAN_EXPORT ssize_t __recv_chk(int fd, void* p, size_t n, size_t room, int flags) {
  static constinit auto next = next_for(__recv_chk, "__recv_chk");
  if (!can_park() || n > room) return next.waits(fd, p, n, room, flags);
  return recv(fd, p, n, flags);
}

GAMELAN_EXPORT ssize_t __recvfrom_chk(int fd, void* p, size_t n, size_t room, int flags, sockaddr* from, socklen_t* size) {
  static constinit auto next = next_for(__recvfrom_chk, "__recvfrom_chk");
  if (!can_park() || n > room) return next.waits(fd, p, n, room, flags, from, size);
  return recvfrom(fd, p, n, flags, from, size);
}
