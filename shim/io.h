// shim/io.h: the calls themselves, for syscall(2) by number and for each other. Results as sys::call's.
#pragma once
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "allocator/base/words.h"

namespace gamelan::io {

long read(int fd, void* p, size_t n);
long readv(int fd, const iovec* v, int n);
long write(int fd, const void* p, size_t n);
long writev(int fd, const iovec* v, int n);

long receive_from(int fd, void* p, size_t n, int flags, sockaddr* from, socklen_t* size);
long receive_message(int fd, msghdr* m, int flags);
long receive_messages(int fd, mmsghdr* m, unsigned n, int flags, timespec* time_out);
long accept_one(int fd, sockaddr* from, socklen_t* size, int flags);

long send_to(int fd, const void* p, size_t n, int flags, const sockaddr* to, socklen_t size);
long send_message(int fd, const msghdr* m, int flags);
long send_messages(int fd, mmsghdr* m, unsigned n, int flags);
long epoll_until(int fd, epoll_event* events, int most, Nanos deadline, const sigset_t* mask);
long poll_until(pollfd* fds, nfds_t n, Nanos deadline);
long select(int n, fd_set* r, fd_set* w, fd_set* e, timeval* time_out);
long connect_to(int fd, const sockaddr* to, socklen_t size);

}  // namespace gamelan::io
