// shim/read_write.cc: read(2), write(2) and their kin on whatever the descriptor is.
//
// How      by the kind of file: sockets as recv and send do; pipes by preadv2 and pwritev2 with RWF_NOWAIT; files and
//          devices in a BlockingCall, which a read of the page cache hardly feels.
// Blocks   the G.  Pipes  writes of up to PIPE_BUF bytes go in one piece, longer ones until all is written.
// Source   POSIX.1-2017 read, write; preadv2(2), pipe(7).
#include <sys/socket.h>
#include <unistd.h>

#include "shim/io.h"
#include "shim/io_call.h"
#include "shim/io_vector.h"
#include "shim/next.h"

using namespace gamelan;
using namespace gamelan::io;

namespace {
constexpr long kHere = -1;  // preadv2's offset: the file's own

Call read_call(int fd, const iovec* v, long n) { return {SYS_preadv2, {fd, word(v), n, kHere, kHere}, 5, RWF_NOWAIT}; }
Call write_call(int fd, const iovec* v, long n) { return {SYS_pwritev2, {fd, word(v), n, kHere, kHere}, 5, RWF_NOWAIT}; }

bool is_socket(FileKind k) { return k == FileKind::stream || k == FileKind::seqpacket || k == FileKind::message; }

// write(2) ends a record on such a socket.
int flags_of_write(FileKind k) { return k == FileKind::seqpacket ? MSG_EOR : 0; }

// The kind was another file's, of the same number. True: look again.
bool was_stale(int fd, long r) {
  if (GAMELAN_LIKELY(r != -ENOTSOCK)) return false;
  descriptors::forget_file(fd);
  return true;
}

// `done` of `total` bytes are in the pipe.
long write_rest(int fd, const iovec* v, size_t n, Bytes total, long done, Patience& p) {
  if (is_nonblocking(fd)) return done;
  while (static_cast<Bytes>(done) < total) {
    Remaining rest(v, n, static_cast<Bytes>(done));
    const long r = run(write_call(fd, rest.data(), static_cast<long>(rest.count())), p);
    if (r <= 0) break;
    done += r;
  }
  return done;
}

long write_pipe(int fd, const iovec* v, int n, Bytes total) {
  Patience patience(fd, POLLOUT);
  const long r = run(write_call(fd, v, n), patience);
  if (GAMELAN_LIKELY(r < 0 || static_cast<Bytes>(r) >= total)) return r;
  return write_rest(fd, v, static_cast<size_t>(n), total, r, patience);
}

// Lengths that the kernel judges by itself, before it could wait.
bool is_odd(size_t n) { return n == 0 || n > kMostBytes; }
bool is_odd(const iovec* v, int n) {
  return !v || n <= 0 || n > kMostBuffers || is_odd(total_of(v, static_cast<size_t>(n)));
}

long read_vector(int fd, const iovec* v, int n) {
  const FileKind kind = kind_of(fd);
  if (kind == FileKind::pipe || kind == FileKind::anonymous) return run_read(read_call(fd, v, n));
  if (!is_socket(kind)) return block(SYS_readv, fd, word(v), n);
  msghdr m{};
  m.msg_iov = const_cast<iovec*>(v);
  m.msg_iovlen = static_cast<size_t>(n);
  const long r = receive_message(fd, &m, 0);
  return was_stale(fd, r) ? read_vector(fd, v, n) : r;
}

long write_vector(int fd, const iovec* v, int n) {
  const FileKind kind = kind_of(fd);
  if (kind == FileKind::pipe) return write_pipe(fd, v, n, total_of(v, static_cast<size_t>(n)));
  if (!is_socket(kind)) return block(SYS_writev, fd, word(v), n);
  msghdr m{};
  m.msg_iov = const_cast<iovec*>(v);
  m.msg_iovlen = static_cast<size_t>(n);
  const long r = send_message(fd, &m, flags_of_write(kind));
  return was_stale(fd, r) ? write_vector(fd, v, n) : r;
}
}  // namespace

namespace gamelan::io {

long read(int fd, void* p, size_t n) {
  cancel::point();
  if (GAMELAN_UNLIKELY(is_odd(n))) return block(SYS_read, fd, word(p), word(n));
  switch (kind_of(fd)) {
    case FileKind::unknown:
    case FileKind::blocking:
      return block(SYS_read, fd, word(p), word(n));
    case FileKind::pipe:
    case FileKind::anonymous: {
      const iovec v{p, n};
      return run_read(read_call(fd, &v, 1));
    }
    default: break;
  }
  const long r = receive_from(fd, p, n, 0, nullptr, nullptr);
  return was_stale(fd, r) ? read(fd, p, n) : r;
}

long write(int fd, const void* p, size_t n) {
  cancel::point();
  if (GAMELAN_UNLIKELY(is_odd(n))) return block(SYS_write, fd, word(p), word(n));
  const FileKind kind = kind_of(fd);
  switch (kind) {
    case FileKind::unknown:
    case FileKind::blocking:
    case FileKind::anonymous:  // an eventfd that is full is a rare thing
      return block(SYS_write, fd, word(p), word(n));
    case FileKind::pipe: {
      const iovec v{const_cast<void*>(p), n};
      return write_pipe(fd, &v, 1, n);
    }
    default: break;
  }
  const long r = send_to(fd, p, n, flags_of_write(kind), nullptr, 0);
  return was_stale(fd, r) ? write(fd, p, n) : r;
}

long readv(int fd, const iovec* v, int n) {
  cancel::point();
  return is_odd(v, n) ? block(SYS_readv, fd, word(v), n) : read_vector(fd, v, n);
}

long writev(int fd, const iovec* v, int n) {
  cancel::point();
  return is_odd(v, n) ? block(SYS_writev, fd, word(v), n) : write_vector(fd, v, n);
}

}  // namespace gamelan::io

GAMELAN_EXPORT ssize_t read(int fd, void* p, size_t n) {
  static constinit auto next = next_for(::read, "read");
  if (!can_park()) return next.waits(fd, p, n);
  return finish(io::read(fd, p, n));
}

GAMELAN_EXPORT ssize_t write(int fd, const void* p, size_t n) {
  static constinit auto next = next_for(::write, "write");
  if (!can_park()) return next.waits(fd, p, n);
  return finish(io::write(fd, p, n));
}

GAMELAN_EXPORT ssize_t readv(int fd, const iovec* v, int n) {
  static constinit auto next = next_for(::readv, "readv");
  if (!can_park()) return next.waits(fd, v, n);
  return finish(io::readv(fd, v, n));
}

GAMELAN_EXPORT ssize_t writev(int fd, const iovec* v, int n) {
  static constinit auto next = next_for(::writev, "writev");
  if (!can_park()) return next.waits(fd, v, n);
  return finish(io::writev(fd, v, n));
}

// A buffer that is too small for `n`: libc ends the program.
GAMELAN_EXPORT ssize_t __read_chk(int fd, void* p, size_t n, size_t room) {
  static constinit auto next = next_for(__read_chk, "__read_chk");
  if (!can_park() || n > room) return next.waits(fd, p, n, room);
  return ::read(fd, p, n);
}

GAMELAN_EXPORT ssize_t __read(int fd, void* p, size_t n) __attribute__((alias("read")));
GAMELAN_EXPORT ssize_t __write(int fd, const void* p, size_t n) __attribute__((alias("write")));
