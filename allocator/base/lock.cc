// allocator/base/lock.cc: the futex mutex, and the rank check of the dev build.
#include "allocator/base/lock.h"

#include <linux/futex.h>

#include "allocator/base/fatal.h"
#include "allocator/base/syscall.h"

namespace gamelan {

#ifdef GAMELAN_DEV
// The locks that this thread holds: whoever takes one of a lower rank stops here.
namespace held_locks {
namespace {
constexpr int kMost = 2048;  // fork takes every MCache's lock
struct Held { const Lock* lock; LockRank rank; };
thread_local Held held[kMost];
thread_local int count;

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
}  // namespace
}  // namespace held_locks
#define GAMELAN_HOLD(tried) held_locks::push(this, rank_, tried)
#define GAMELAN_LET_GO() held_locks::pop(this)
#else
#define GAMELAN_HOLD(tried) ((void)0)
#define GAMELAN_LET_GO() ((void)0)
#endif

namespace {
// Spinning helps only where the holder runs on another processor; slow paths hold a lock for well under 1 us.
constexpr int kSpins = 100;
}  // namespace

__thread int locks_held = 0;

bool Lock::try_lock() {
  int free = 0;
  if (!word_.compare_exchange(free, 1)) return false;
  locks_held++;
  GAMELAN_HOLD(true);
  return true;
}

void Lock::lock() {
  locks_held++;  // before: a handler between here and the exchange must not try the same lock
  GAMELAN_HOLD(false);
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
  GAMELAN_LET_GO();
  if (word_.exchange(0) == 2)
    sys::call(SYS_futex, reinterpret_cast<long>(word_.raw()), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
  locks_held--;
}

}  // namespace gamelan
