// shim/by_number.cc: a function per system call, with syscall's arguments: the number in front.
//
// Each calls the named function, which guards for itself; those that have none there are made in a BlockingCall.
// Source   syscall(2).
#include "shim/by_number.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/io_call.h"
#include "shim/sleep.h"

using namespace gamelan;
using namespace gamelan::io;

namespace {
template <class T>
T* to(long v) { return reinterpret_cast<T*>(v); }

int fd(long v) { return static_cast<int>(v); }
unsigned number(long v) { return static_cast<unsigned>(v); }

long any(long n, long a, long b, long c, long d, long e, long f) {
  cancel::point();
  return finish(block(n, a, b, c, d, e, f));
}

long sleep_on(long, long clock, long flags, long t, long left) {
  return finish(-clock_sleep(static_cast<clockid_t>(clock), fd(flags), to<timespec>(t), to<timespec>(left)));
}

struct MaskArgument {
  const sigset_t* mask;
  size_t size;
};

long pselect_by_number(long, long n, long r, long w, long e, long t, long mask) {
  const auto* m = to<MaskArgument>(mask);
  return pselect(fd(n), to<fd_set>(r), to<fd_set>(w), to<fd_set>(e), to<timespec>(t), m ? m->mask : nullptr);
}

template <class F>
void* address_of(F f) { return reinterpret_cast<void*>(+f); }

// Those that also concern threads which cannot be parked.
void* of_descriptors(long n) {
  switch (n) {
    case SYS_close: return address_of([](long, long a) -> long { return close(fd(a)); });
    case SYS_dup2: return address_of([](long, long a, long b) -> long { return dup2(fd(a), fd(b)); });
    case SYS_dup3: return address_of([](long, long a, long b, long c) -> long { return dup3(fd(a), fd(b), fd(c)); });
    case SYS_close_range:
      return address_of([](long, long a, long b, long c) -> long { return close_range(number(a), number(b), fd(c)); });
    case SYS_fcntl: return address_of([](long, long a, long b, long c) -> long { return fcntl(fd(a), fd(b), to<void>(c)); });
    case SYS_ioctl:
      return address_of([](long, long a, long b, long c) -> long { return ioctl(fd(a), static_cast<unsigned long>(b), to<void>(c)); });
    case SYS_setsockopt:
      return address_of([](long, long a, long b, long c, long d, long e) -> long {
        return setsockopt(fd(a), fd(b), fd(c), to<void>(d), number(e));
      });
    default: return nullptr;
  }
}

void* of_waiting(long n) {
  switch (n) {
    case SYS_read: return address_of([](long, long a, long b, long c) -> long { return read(fd(a), to<void>(b), static_cast<size_t>(c)); });
    case SYS_write: return address_of([](long, long a, long b, long c) -> long { return write(fd(a), to<void>(b), static_cast<size_t>(c)); });
    case SYS_readv: return address_of([](long, long a, long b, long c) -> long { return readv(fd(a), to<iovec>(b), fd(c)); });
    case SYS_writev: return address_of([](long, long a, long b, long c) -> long { return writev(fd(a), to<iovec>(b), fd(c)); });
    case SYS_recvfrom:
      return address_of([](long, long a, long b, long c, long d, long e, long f) -> long {
        return recvfrom(fd(a), to<void>(b), static_cast<size_t>(c), fd(d), to<sockaddr>(e), to<socklen_t>(f));
      });
    case SYS_sendto:
      return address_of([](long, long a, long b, long c, long d, long e, long f) -> long {
        return sendto(fd(a), to<void>(b), static_cast<size_t>(c), fd(d), to<sockaddr>(e), number(f));
      });
    case SYS_recvmsg: return address_of([](long, long a, long b, long c) -> long { return recvmsg(fd(a), to<msghdr>(b), fd(c)); });
    case SYS_sendmsg: return address_of([](long, long a, long b, long c) -> long { return sendmsg(fd(a), to<msghdr>(b), fd(c)); });
    case SYS_accept:
      return address_of([](long, long a, long b, long c) -> long { return accept(fd(a), to<sockaddr>(b), to<socklen_t>(c)); });
    case SYS_accept4:
      return address_of([](long, long a, long b, long c, long d) -> long {
        return accept4(fd(a), to<sockaddr>(b), to<socklen_t>(c), fd(d));
      });
    case SYS_connect: return address_of([](long, long a, long b, long c) -> long { return connect(fd(a), to<sockaddr>(b), number(c)); });
    case SYS_poll: return address_of([](long, long a, long b, long c) -> long { return poll(to<pollfd>(a), static_cast<nfds_t>(b), fd(c)); });
    case SYS_ppoll:
      return address_of([](long, long a, long b, long c, long d) -> long {
        return ppoll(to<pollfd>(a), static_cast<nfds_t>(b), to<timespec>(c), to<sigset_t>(d));
      });
    case SYS_select:
      return address_of([](long, long a, long b, long c, long d, long e) -> long {
        return select(fd(a), to<fd_set>(b), to<fd_set>(c), to<fd_set>(d), to<timeval>(e));
      });
    case SYS_pselect6: return address_of(pselect_by_number);
    case SYS_epoll_wait:
      return address_of([](long, long a, long b, long c, long d) -> long { return epoll_wait(fd(a), to<epoll_event>(b), fd(c), fd(d)); });
    case SYS_epoll_pwait:
      return address_of([](long, long a, long b, long c, long d, long e) -> long {
        return epoll_pwait(fd(a), to<epoll_event>(b), fd(c), fd(d), to<sigset_t>(e));
      });
    case SYS_epoll_pwait2:
      return address_of([](long, long a, long b, long c, long d, long e) -> long {
        return epoll_pwait2(fd(a), to<epoll_event>(b), fd(c), to<timespec>(d), to<sigset_t>(e));
      });
    case SYS_nanosleep: return address_of([](long, long a, long b) -> long { return sleep_on(0, CLOCK_REALTIME, 0, a, b); });
    case SYS_clock_nanosleep: return address_of(sleep_on);
    case SYS_pread64: case SYS_pwrite64: case SYS_preadv: case SYS_pwritev: case SYS_preadv2: case SYS_pwritev2:
    case SYS_open: case SYS_openat: case SYS_creat: case SYS_fsync: case SYS_fdatasync: case SYS_msync: case SYS_flock:
    case SYS_wait4: case SYS_waitid: case SYS_sendfile: case SYS_splice: case SYS_tee: case SYS_copy_file_range:
    case SYS_recvmmsg: case SYS_sendmmsg: case SYS_msgsnd: case SYS_msgrcv: case SYS_semop: case SYS_semtimedop:
    case SYS_mq_timedsend: case SYS_mq_timedreceive: case SYS_io_getevents: case SYS_io_uring_enter: case SYS_getrandom:
      return address_of(any);
    default: return nullptr;
  }
}
}  // namespace

namespace gamelan::io {

void* by_number(long n) {
  if (void* f = of_descriptors(n)) return f;
  if (void* f = signals_by_number(n)) return f;
  if (void* f = thread_by_number(n)) return f;
  return can_park() ? of_waiting(n) : nullptr;
}

}  // namespace gamelan::io
