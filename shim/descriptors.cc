// shim/descriptors.cc: what closes, replaces or sets descriptors: those who wait hear of it, and our own are stepped round.
//
// Ours     to the program they are not open: close says EBADF, close_range skips them, dup2 onto one moves it away.
// Set      ioctl's FIONBIO is noted here, fcntl's F_SETFL in files.cc: what was seen of O_NONBLOCK no longer counts.
// Source   close(2), close_range(2), closefrom(3), dup2(2), fclose(3), ioctl(2).
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "allocator/base/words.h"
#include "sched/descriptors.h"
#include "sched/netpoll.h"
#include "sched/own_descriptors.h"
#include "shim/blocking.h"
#include "shim/next.h"

using namespace gamelan;

namespace {
int bad_descriptor() {
  errno = EBADF;
  return -1;
}

// vfork's child has its parent's memory, and descriptors of its own: what it closes concerns nobody here.
bool is_elsewhere() { return self()->is_in_vfork(); }

bool is_ours(int fd) { return !is_elsewhere() && own_descriptors::find(fd); }

void make_room(int fd) {
  if (is_elsewhere()) return;
  if (OwnDescriptor* ours = own_descriptors::find(fd)) ours->move_away();
  netpoll::forget(fd);
}

void forget(int fd) {
  if (!is_elsewhere()) netpoll::forget(fd);
}

void forget_stream(FILE* f) {
  if (const int fd = f ? fileno_unlocked(f) : -1; fd >= 0) forget(fd);
}

int to_int(unsigned n) { return n > INT_MAX ? INT_MAX : static_cast<int>(n); }

// Calls `close` for each piece of [first, last] that has none of ours. Stops at a failure.
template <class Close>
int around_ours(unsigned first, unsigned last, Close close_piece) {
  netpoll::forget_range(to_int(first), to_int(last));
  for (;;) {
    const auto ours = static_cast<unsigned>(own_descriptors::lowest_from(to_int(first)));
    if (ours > last || ours == INT_MAX) return close_piece(first, last);
    if (ours > first)
      if (const int e = close_piece(first, ours - 1)) return e;
    if (ours == last) return 0;
    first = ours + 1;
  }
}
}  // namespace

GAMELAN_EXPORT int close(int fd) {
  static constinit auto next = next_for(close, "close");
  if (GAMELAN_UNLIKELY(is_ours(fd))) return bad_descriptor();
  forget(fd);
  return blocking(next.get(), fd);  // sockets linger, terminals drain
}

GAMELAN_EXPORT int close_range(unsigned first, unsigned last, int flags) {
  static constinit auto next = next_for(close_range, "close_range");
  if (first > last || is_elsewhere()) return next.get()(first, last, flags);
  return around_ours(first, last, [&](unsigned from, unsigned to) { return next.get()(from, to, flags); });
}

GAMELAN_EXPORT void closefrom(int first) {
  static constinit auto next = next_for(closefrom, "closefrom");
  if (is_elsewhere()) return next.get()(first);
  const int ours = own_descriptors::lowest_from(first);
  if (ours == INT_MAX) {
    netpoll::forget_range(first, INT_MAX);
    return next.get()(first);
  }
  if (close_range(static_cast<unsigned>(first < 0 ? 0 : first), UINT_MAX, 0) == 0) return;
  for (int fd = first < 0 ? 0 : first; fd < static_cast<int>(sysconf(_SC_OPEN_MAX)); fd++) close(fd);  // before 5.9
}

GAMELAN_EXPORT int dup2(int from, int to) {
  static constinit auto next = next_for(dup2, "dup2");
  if (GAMELAN_UNLIKELY(is_ours(from))) return bad_descriptor();
  if (from != to) make_room(to);
  return next.get()(from, to);
}

GAMELAN_EXPORT int dup3(int from, int to, int flags) {
  static constinit auto next = next_for(dup3, "dup3");
  if (GAMELAN_UNLIKELY(is_ours(from))) return bad_descriptor();
  if (from != to) make_room(to);
  return next.get()(from, to, flags);
}

GAMELAN_EXPORT int fclose(FILE* f) {
  static constinit auto next = next_for(fclose, "fclose");
  forget_stream(f);
  return next.get()(f);
}

GAMELAN_EXPORT FILE* freopen(const char* path, const char* mode, FILE* f) {
  static constinit auto next = next_for(freopen, "freopen");
  forget_stream(f);
  return next.get()(path, mode, f);
}

GAMELAN_EXPORT FILE* freopen64(const char* path, const char* mode, FILE* f) {
  static constinit auto next = next_for(freopen64, "freopen64");
  forget_stream(f);
  return next.get()(path, mode, f);
}

GAMELAN_EXPORT int ioctl(int fd, unsigned long request, ...) noexcept {
  static constinit Next<int (*)(int, unsigned long, ...)> next{"ioctl"};
  va_list ap;
  va_start(ap, request);
  void* argument = va_arg(ap, void*);  // a word, if there is one
  va_end(ap);
  const int r = next.get()(fd, request, argument);
  if (request == FIONBIO) SeenBlocking::note_setting();
  return r;
}

GAMELAN_EXPORT int __close(int fd) __attribute__((alias("close")));
GAMELAN_EXPORT int __dup2(int from, int to) noexcept __attribute__((alias("dup2")));
