// shim/spin.cc: pthread_spin_lock. init, trylock, unlock neither wait nor wake, and stay libc's.
//
// The holder may be a G that does not run: after a while the others run first.  The word is glibc's: 1 free, below held.
// Source   POSIX.1-2017 pthread_spin_lock.
#include <pthread.h>

#include "shim/in_front.h"

using namespace gamelan;

namespace {
constinit Next<int (*)(pthread_spinlock_t*)> next_lock{"pthread_spin_lock"};
constexpr int kFree = 1, kHeld = 0;
constexpr int kSpins = 100;

bool take(pthread_spinlock_t* s) { return __atomic_exchange_n(s, kHeld, __ATOMIC_ACQUIRE) == kFree; }  // pairs: libc's unlock

GAMELAN_NOINLINE int lock_slow(pthread_spinlock_t* s) {
  for (int i = 1;; i++) {
    if (__atomic_load_n(s, __ATOMIC_RELAXED) == kFree && take(s)) return 0;
    if (i % kSpins && sched::may_spin()) __builtin_ia32_pause();
    else sched::yield();
  }
}

int lock(pthread_spinlock_t* s) { return GAMELAN_LIKELY(take(s)) ? 0 : lock_slow(s); }
}  // namespace

// Blocks   the G, which runs or yields. Returns 0.
GAMELAN_EXPORT int pthread_spin_lock(pthread_spinlock_t* s) { return in_front<next_lock, lock>(s); }
