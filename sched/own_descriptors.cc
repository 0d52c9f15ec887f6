// sched/own_descriptors.cc: where ours sit.
#include "sched/own_descriptors.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>

#include "allocator/base/syscall.h"
#include "sched/spin_lock.h"

namespace gamelan {

namespace {
constexpr unsigned kMost = 8;
constinit Atomic<OwnDescriptor*> list[kMost] = {};
constinit SpinLock list_lock;

// Not as high as the limit allows: the kernel's table reaches up to the highest number, and fork copies it
// (8 MiB where the limit is a million).
constexpr long kHighest = 1024, kRoom = 24, kLowest = 3;

long ceiling() {
  rlimit limit{};
  sys::call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, reinterpret_cast<long>(&limit));
  return static_cast<long>(min_of<rlim_t>(limit.rlim_cur, kHighest));
}

long duplicate_high(int fd) {
  long at = ceiling() - kRoom;
  for (; at > kLowest; at /= 2) {
    const long high = sys::call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, at);
    if (!sys::is_error(high)) return high;
  }
  return sys::call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, kLowest);
}

bool add_to_list(OwnDescriptor* d) {
  SpinGuard guard(list_lock);
  for (Atomic<OwnDescriptor*>& slot : list)
    if (!slot.load_relaxed()) return slot.store_release(d), true;  // pairs: find, lowest_from
  return false;
}
}  // namespace

bool OwnDescriptor::adopt(int fd) {
  const long high = duplicate_high(fd);
  sys::call(SYS_close, fd);
  if (sys::is_error(high)) return false;
  if (!listed_) listed_ = add_to_list(this);
  number_.store_release(static_cast<int>(high));  // pairs: number
  return true;
}

void OwnDescriptor::move_away() {
  const long high = duplicate_high(number());
  if (!sys::is_error(high)) number_.store_release(static_cast<int>(high));  // pairs: number
}

void OwnDescriptor::close() {
  const int fd = number_.exchange(-1);
  if (fd >= 0) sys::call(SYS_close, fd);
}

namespace own_descriptors {

OwnDescriptor* find(int fd) {
  for (Atomic<OwnDescriptor*>& slot : list) {
    OwnDescriptor* d = slot.load_acquire();
    if (!d) break;
    if (d->number() == fd && fd >= 0) return d;
  }
  return nullptr;
}

int lowest_from(int fd) {
  int lowest = INT_MAX;
  for (Atomic<OwnDescriptor*>& slot : list) {
    OwnDescriptor* d = slot.load_acquire();
    if (d && d->number() >= fd) lowest = min_of(lowest, d->number());
  }
  return lowest;
}

void after_fork_in_child() { list_lock.reset_in_child(); }

}  // namespace own_descriptors

}  // namespace gamelan
