// shim/files.cc: calls on files that only the kernel can wait for: opening (a FIFO waits for its other end), reading and
// writing at a place, bringing to disk, locking, and moving data between descriptors.
//
// Source   open(2), pread(2), preadv2(2), fsync(2), msync(2), flock(2), lockf(3), fcntl(2), sendfile(2), splice(2).
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "sched/descriptors.h"
#include "shim/blocking.h"

using namespace gamelan;

extern "C" {
int __open_2(const char* path, int flags);
int __open64_2(const char* path, int flags);
int __openat_2(int at, const char* path, int flags);
int __openat64_2(int at, const char* path, int flags);
ssize_t __pread_chk(int fd, void* p, size_t n, off_t at, size_t room);
ssize_t __pread64_chk(int fd, void* p, size_t n, off_t at, size_t room);
}

namespace {
// What was known of the number was another file's.
int fresh(int fd) {
  descriptors::forget_file(fd);
  return fd;
}

mode_t mode_of(int flags, va_list ap) { return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, mode_t) : 0; }

using Open = int (*)(const char*, int, ...);
using OpenAt = int (*)(int, const char*, int, ...);

template <class F, class... A>
int open_by(F next, A... a) {
  if (!can_park()) {
    sched::NativeCall call;
    return next(a...);
  }
  cancel::point();
  sched::BlockingCall section;
  return fresh(next(a...));
}

bool waits(int command) { return command == F_SETLKW || command == F_OFD_SETLKW; }

using Control = int (*)(int, int, ...);

int control(Control next, int fd, int command, void* argument) {
  if (!waits(command) || !can_park()) {
    const int r = next(fd, command, argument);
    if (command == F_SETFL) SeenBlocking::note_setting();
    return r;
  }
  cancel::point();
  sched::BlockingCall section;
  return next(fd, command, argument);
}
}  // namespace

#define OPEN(name)                                       \
  GAMELAN_EXPORT int name(const char* path, int flags, ...) { \
    static constinit Next<Open> next{#name};             \
    va_list ap;                                          \
    va_start(ap, flags);                                 \
    const mode_t mode = mode_of(flags, ap);              \
    va_end(ap);                                          \
    return open_by(next.get(), path, flags, mode);       \
  }
OPEN(open)
OPEN(open64)

#define OPEN_AT(name)                                    \
  GAMELAN_EXPORT int name(int at, const char* path, int flags, ...) { \
    static constinit Next<OpenAt> next{#name};           \
    va_list ap;                                          \
    va_start(ap, flags);                                 \
    const mode_t mode = mode_of(flags, ap);              \
    va_end(ap);                                          \
    return open_by(next.get(), at, path, flags, mode);   \
  }
OPEN_AT(openat)
OPEN_AT(openat64)

// Their argument, if any, is a word.
#define CONTROL(name)                                    \
  GAMELAN_EXPORT int name(int fd, int command, ...) {    \
    static constinit Next<Control> next{#name};          \
    va_list ap;                                          \
    va_start(ap, command);                               \
    void* argument = va_arg(ap, void*);                  \
    va_end(ap);                                          \
    return control(next.get(), fd, command, argument);   \
  }
CONTROL(fcntl)
CONTROL(fcntl64)

BLOCKING(int, creat, (const char* path, mode_t mode), (path, mode))
BLOCKING(int, creat64, (const char* path, mode_t mode), (path, mode))
BLOCKING(int, __open_2, (const char* path, int flags), (path, flags))
BLOCKING(int, __open64_2, (const char* path, int flags), (path, flags))
BLOCKING(int, __openat_2, (int at, const char* path, int flags), (at, path, flags))
BLOCKING(int, __openat64_2, (int at, const char* path, int flags), (at, path, flags))

BLOCKING(ssize_t, pread, (int fd, void* p, size_t n, off_t at), (fd, p, n, at))
BLOCKING(ssize_t, pread64, (int fd, void* p, size_t n, off64_t at), (fd, p, n, at))
BLOCKING(ssize_t, pwrite, (int fd, const void* p, size_t n, off_t at), (fd, p, n, at))
BLOCKING(ssize_t, pwrite64, (int fd, const void* p, size_t n, off64_t at), (fd, p, n, at))
BLOCKING(ssize_t, preadv, (int fd, const iovec* v, int n, off_t at), (fd, v, n, at))
BLOCKING(ssize_t, preadv64, (int fd, const iovec* v, int n, off64_t at), (fd, v, n, at))
BLOCKING(ssize_t, pwritev, (int fd, const iovec* v, int n, off_t at), (fd, v, n, at))
BLOCKING(ssize_t, pwritev64, (int fd, const iovec* v, int n, off64_t at), (fd, v, n, at))
BLOCKING(ssize_t, preadv2, (int fd, const iovec* v, int n, off_t at, int flags), (fd, v, n, at, flags))
BLOCKING(ssize_t, preadv64v2, (int fd, const iovec* v, int n, off64_t at, int flags), (fd, v, n, at, flags))
BLOCKING(ssize_t, pwritev2, (int fd, const iovec* v, int n, off_t at, int flags), (fd, v, n, at, flags))
BLOCKING(ssize_t, pwritev64v2, (int fd, const iovec* v, int n, off64_t at, int flags), (fd, v, n, at, flags))
BLOCKING(ssize_t, __pread_chk, (int fd, void* p, size_t n, off_t at, size_t room), (fd, p, n, at, room))
BLOCKING(ssize_t, __pread64_chk, (int fd, void* p, size_t n, off_t at, size_t room), (fd, p, n, at, room))

BLOCKING(int, fsync, (int fd), (fd))
BLOCKING(int, fdatasync, (int fd), (fd))
BLOCKING(int, syncfs, (int fd), (fd))
BLOCKING(int, sync_file_range, (int fd, off64_t at, off64_t n, unsigned flags), (fd, at, n, flags))
BLOCKING(int, msync, (void* p, size_t n, int flags), (p, n, flags))
BLOCKING(int, tcdrain, (int fd), (fd))
BLOCKING(int, flock, (int fd, int operation), (fd, operation))
BLOCKING(int, lockf, (int fd, int command, off_t n), (fd, command, n))
BLOCKING(int, lockf64, (int fd, int command, off64_t n), (fd, command, n))
BLOCKING(ssize_t, getrandom, (void* p, size_t n, unsigned flags), (p, n, flags))

BLOCKING(ssize_t, sendfile, (int to, int from, off_t* at, size_t n), (to, from, at, n))
BLOCKING(ssize_t, sendfile64, (int to, int from, off64_t* at, size_t n), (to, from, at, n))
BLOCKING(ssize_t, splice, (int from, off64_t* from_at, int to, off64_t* to_at, size_t n, unsigned flags),
         (from, from_at, to, to_at, n, flags))
BLOCKING(ssize_t, tee, (int from, int to, size_t n, unsigned flags), (from, to, n, flags))
BLOCKING(ssize_t, vmsplice, (int fd, const iovec* v, size_t n, unsigned flags), (fd, v, n, flags))
BLOCKING(ssize_t, copy_file_range, (int from, off64_t* from_at, int to, off64_t* to_at, size_t n, unsigned flags),
         (from, from_at, to, to_at, n, flags))

GAMELAN_EXPORT int __open(const char* path, int flags, ...) __attribute__((alias("open"), nonnull(1)));
GAMELAN_EXPORT int __open64(const char* path, int flags, ...) __attribute__((alias("open64"), nonnull(1)));
GAMELAN_EXPORT int __fcntl(int fd, int command, ...) __attribute__((alias("fcntl")));
GAMELAN_EXPORT ssize_t __pread64(int fd, void* p, size_t n, off64_t at) __attribute__((alias("pread64")));
GAMELAN_EXPORT ssize_t __pwrite64(int fd, const void* p, size_t n, off64_t at) __attribute__((alias("pwrite64")));
