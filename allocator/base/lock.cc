// allocator/base/lock.cc: the futex mutex, and the rank check of the dev build.
#include "allocator/base/lock.h"

#include <linux/futex.h>

#include "allocator/base/fatal.h"
#include "allocator/base/syscall.h"

namespace gamelan {

namespace {
// Spinning helps only where the holder runs on another processor; slow paths hold a lock for well under 1 us.
constexpr int kSpins = 100;
}  // namespace

bool Lock::try_lock() {
  int free = 0;
  if (!word_.compare_exchange(free, 1)) return false;
  held_locks::push(this, rank_, true);
  return true;
}

void Lock::lock() {
  held_locks::push(this, rank_, false);
  int free = 0;
  if (GAMELAN_LIKELY(word_.compare_exchange(free, 1))) return;
  lock_slow();
}

void Lock::lock_slow() {
  for (int i = 0; i < kSpins; i++) {
    int free = 0;
    if (word_.load_relaxed() == 0 && word_.compare_exchange(free, 1)) return;
    __builtin_ia32_pause();
  }
  while (word_.exchange(2) != 0)
    sys::call(SYS_futex, reinterpret_cast<long>(word_.raw()), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, 0);
}

void Lock::unlock() {
  held_locks::pop(this);
  if (word_.exchange(0) == 2)
    sys::call(SYS_futex, reinterpret_cast<long>(word_.raw()), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}

#ifdef GAMELAN_DEV
namespace held_locks {
namespace {
constexpr int kMost = 2048;  // fork takes every MCache's lock
struct Held { const Lock* lock; LockRank rank; };
thread_local Held held[kMost];
thread_local int count;
}  // namespace

void push(const Lock* l, LockRank rank, bool tried) {
  for (int i = 0; i < count && !tried; i++)
    if (held[i].rank > rank) fatal("locks taken against their rank");
  if (count == kMost) return;
  held[count++] = {l, rank};
}

void pop(const Lock* l) {
  for (int i = count; i-- > 0;) {
    if (held[i].lock != l) continue;
    for (; i + 1 < count; i++) held[i] = held[i + 1];
    count--;
    return;
  }
}
}  // namespace held_locks
#else
namespace held_locks {
void push(const Lock*, LockRank, bool) {}
void pop(const Lock*) {}
}  // namespace held_locks
#endif

}  // namespace gamelan
