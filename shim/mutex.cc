// shim/mutex.cc: pthread_mutex_*. What neither blocks nor wakes (init, destroy, consistent, attributes) stays libc's.
//
// Source   POSIX.1-2017 pthread_mutex_lock, _trylock, _timedlock, _unlock; pthread_mutex_clocklock (glibc 2.30).
#include "shim/mutex.h"

#include <errno.h>
#include <sys/single_threaded.h>

#include "shim/deadline.h"
#include "shim/in_front.h"
#include "shim/tid.h"

namespace gamelan::mutex {

namespace {
enum : int { kFree, kHeld, kContended };  // __lock

// __kind: a type, and flags.
enum : int {
  kNormal = PTHREAD_MUTEX_TIMED_NP, kRecursive = PTHREAD_MUTEX_RECURSIVE_NP, kErrorCheck = PTHREAD_MUTEX_ERRORCHECK_NP,
  kType = 3, kRobust = 16, kInherits = 32, kProtects = 64, kShared = 128, kElisionHints = 256 | 512
};
constexpr int kOfTheKernel = kRobust | kInherits | kProtects | kShared;

using Lock = int (*)(pthread_mutex_t*);
using TimedLock = int (*)(pthread_mutex_t*, const timespec*);
using ClockLock = int (*)(pthread_mutex_t*, clockid_t, const timespec*);
constinit Next<Lock> next_lock{"pthread_mutex_lock"};
constinit Next<Lock> next_trylock{"pthread_mutex_trylock"};
constinit Next<Lock> next_unlock{"pthread_mutex_unlock"};
constinit Next<TimedLock> next_timedlock{"pthread_mutex_timedlock"};
constinit Next<ClockLock> next_clocklock{"pthread_mutex_clocklock"};

using Word = Atomic<int>;
inline Word& word_of(pthread_mutex_t* m) { return *reinterpret_cast<Word*>(&m->__data.__lock); }
inline int type_of(const pthread_mutex_t* m) { return m->__data.__kind & kType; }
inline bool is_normal(const pthread_mutex_t* m) { return (m->__data.__kind & ~kElisionHints) == kNormal; }
inline bool is_kernels(const pthread_mutex_t* m) { return m->__data.__kind & kOfTheKernel; }

// As libc does while there is one thread: no locked instruction.
inline bool take(Word& w) {
  int free = kFree;
  if (!__libc_single_threaded) return w.compare_exchange(free, kHeld);
  if (w.load_relaxed() != kFree) return false;
  w.store_relaxed(kHeld);
  return true;
}

// Another P may be about to free it: a few looks are cheaper than a park. Each look takes the word's cache line away from
// the holder, who may come again at once: they grow rarer.
bool spin(Word& w) {
  constexpr int kLooks = 6;  // a microsecond or two in all
  for (int look = 0; look < kLooks && sched::may_spin(); look++) {
    for (int i = 0; i < 1 << look; i++) __builtin_ia32_pause();
    if (w.load_relaxed() == kFree && take(w)) return true;
  }
  return false;
}

// A waiter that is woken and finds the mutex taken again, and again, becomes urgent.
class Patience {
 public:
  bool is_over() const { return began_ && sys::coarse_now() - began_ >= 10 * kMilli; }
  void was_woken_in_vain() {
    if (!began_) began_ = sys::coarse_now();
  }

 private:
  Nanos began_ = 0;
};

// Parks until the word is the caller's. `contended`: others may wait behind the caller, whose unlock must then look for
// them. Returns woken or timed_out.
GAMELAN_NOINLINE Wake wait_for(Word& w, Nanos deadline, bool contended) {
  Patience patience;
  for (;;) {
    if (!contended && take(w)) return Wake::woken;
    if (w.exchange(kContended) == kFree) return Wake::woken;
    const Wake why = parking_lot::wait({.address = &w, .deadline = deadline, .reason = WaitReason::mutex,
                                        .urgent = patience.is_over()}, kContended);
    if (why == Wake::handed_over) return Wake::woken;
    if (why == Wake::timed_out) return why;
    if (why != Wake::value_changed) patience.was_woken_in_vain();
    contended = why != Wake::woken;
  }
}

void let_go(void* word, Wake how) {
  if (how != Wake::handed_over) static_cast<Word*>(word)->store_release(kFree);  // pairs: take, wait_for
}

inline void release(Word& w) {
  int held = kHeld;
  if (__libc_single_threaded && w.load_relaxed() == kHeld) return w.store_relaxed(kFree);
  if (GAMELAN_UNLIKELY(!w.compare_exchange(held, kFree))) parking_lot::wake_one(&w, let_go, &w);
}

GAMELAN_NOINLINE void take_slow(Word& w) {
  if (!spin(w)) wait_for(w, parking_lot::kForever, false);
}

// ---- robust, priority and process-shared kinds: libc's, on a G that stays on its M ----
template <class Call>
int lock_in_kernel(Call call) {
  sched::lock_os_thread();
  int e;
  {
    sched::BlockingCall blocking;
    e = call();
  }
  if (e && e != EOWNERDEAD) sched::unlock_os_thread();
  return e;
}

GAMELAN_NOINLINE int lock_kernels(pthread_mutex_t* m) {
  return lock_in_kernel([m] { return next_lock.get()(m); });
}

GAMELAN_NOINLINE int unlock_kernels(pthread_mutex_t* m) {
  const int e = next_unlock.get()(m);
  if (!e) sched::unlock_os_thread();
  return e;
}

// ---- recursive and error-checking kinds ----
inline bool knows_owner(const pthread_mutex_t* m) { return type_of(m) == kRecursive || type_of(m) == kErrorCheck; }
inline bool is_known_owner(const pthread_mutex_t* m, int tid) { return knows_owner(m) && m->__data.__owner == tid; }

// What lock says to the one who holds it already.
int relock(pthread_mutex_t* m) {
  if (type_of(m) == kErrorCheck) return EDEADLK;
  if (m->__data.__count + 1 == 0) return EAGAIN;
  m->__data.__count++;
  return 0;
}

inline void own(pthread_mutex_t* m, int tid) {
  m->__data.__owner = tid;
  if (type_of(m) == kRecursive) m->__data.__count = 1;
}

inline int own_as_user(pthread_mutex_t* m, int tid) {
  own(m, tid);
  m->__data.__nusers++;
  return 0;
}

// Any kind that is ours. True: the caller gives it up; false: *result is what unlock returns.
inline bool begin_unlock(pthread_mutex_t* m, int* result) {
  if (knows_owner(m)) {
    *result = m->__data.__owner == own_tid() ? 0 : EPERM;
    if (*result || (type_of(m) == kRecursive && --m->__data.__count)) return false;
  }
  m->__data.__owner = 0;
  return true;
}

GAMELAN_NOINLINE int lock_any(pthread_mutex_t* m) {
  if (is_kernels(m)) return lock_kernels(m);
  const int tid = own_tid();
  if (is_known_owner(m, tid)) return relock(m);
  if (GAMELAN_UNLIKELY(!take(word_of(m)))) take_slow(word_of(m));
  return own_as_user(m, tid);
}

GAMELAN_NOINLINE int unlock_any(pthread_mutex_t* m) {
  if (is_kernels(m)) return unlock_kernels(m);
  int result = 0;
  if (!begin_unlock(m, &result)) return result;
  m->__data.__nusers--;
  release(word_of(m));
  return 0;
}
}  // namespace

int lock(pthread_mutex_t* m) {
  if (GAMELAN_UNLIKELY(!is_normal(m) || !take(word_of(m)))) return lock_any(m);
  m->__data.__owner = own_tid();
  m->__data.__nusers++;
  return 0;
}

int unlock(pthread_mutex_t* m) {
  if (GAMELAN_UNLIKELY(!is_normal(m))) return unlock_any(m);
  m->__data.__owner = 0;
  m->__data.__nusers--;
  release(word_of(m));
  return 0;
}

int try_lock(pthread_mutex_t* m) {
  if (is_kernels(m)) return lock_in_kernel([m] { return next_trylock.get()(m); });
  const int tid = own_tid();
  if (type_of(m) == kRecursive && m->__data.__owner == tid) return relock(m);
  return take(word_of(m)) ? own_as_user(m, tid) : EBUSY;
}

int lock_until(pthread_mutex_t* m, clockid_t clock, const timespec* at) {
  if (!is_wait_clock(clock)) return EINVAL;
  if (is_kernels(m)) return lock_in_kernel([=] { return next_clocklock.get()(m, clock, at); });
  const int tid = own_tid();
  if (is_known_owner(m, tid)) return relock(m);
  Word& w = word_of(m);
  if (take(w)) return own_as_user(m, tid);
  if (!has_valid_nanos(*at)) return EINVAL;  // only where it would block
  if (!spin(w) && wait_for(w, deadline_at(clock, *at), false) == Wake::timed_out) return ETIMEDOUT;
  return own_as_user(m, tid);
}

int check_held(pthread_mutex_t* m) { return !is_kernels(m) && knows_owner(m) && m->__data.__owner != own_tid() ? EPERM : 0; }

void unlock_to_wait(pthread_mutex_t* m) {
  int result;
  if (is_kernels(m)) unlock_kernels(m);
  else if (begin_unlock(m, &result)) release(word_of(m));
}

int lock_after_wait(pthread_mutex_t* m, bool contended) {
  if (is_kernels(m)) return lock_kernels(m);
  const int tid = own_tid();
  if (is_known_owner(m, tid)) return relock(m);  // it was locked more than once, and so never given up
  wait_for(word_of(m), parking_lot::kForever, contended);
  own(m, tid);
  return 0;
}

const void* queue_of(pthread_mutex_t* m) { return is_kernels(m) ? nullptr : &word_of(m); }

bool announce_waiter(const void* word) {
  auto& w = *static_cast<Word*>(const_cast<void*>(word));
  int held = kHeld;
  return w.compare_exchange(held, kContended) || held == kContended;
}

}  // namespace gamelan::mutex

using namespace gamelan;

namespace {
int lock_at(pthread_mutex_t* m, const timespec* at) { return mutex::lock_until(m, CLOCK_REALTIME, at); }
}  // namespace

// Blocks   the G, until it holds the mutex.
// Returns  0, EDEADLK, EAGAIN (recursive: too often); EOWNERDEAD, ENOTRECOVERABLE (robust), EINVAL (priority protection).
GAMELAN_EXPORT int pthread_mutex_lock(pthread_mutex_t* m) { return wait_in_front<mutex::next_lock, mutex::lock>(m); }

// Blocks   nothing. Returns as lock; EBUSY: somebody holds it.
GAMELAN_EXPORT int pthread_mutex_trylock(pthread_mutex_t* m) { return in_front<mutex::next_trylock, mutex::try_lock>(m); }

// Blocks   the G, until `at` (CLOCK_REALTIME). Returns as lock; ETIMEDOUT; EINVAL: it would block, and tv_nsec is no good.
GAMELAN_EXPORT int pthread_mutex_timedlock(pthread_mutex_t* m, const timespec* at) {
  return wait_in_front<mutex::next_timedlock, lock_at>(m, at);
}

// As timedlock, on either clock. Returns EINVAL for another one.
GAMELAN_EXPORT int pthread_mutex_clocklock(pthread_mutex_t* m, clockid_t clock, const timespec* at) {
  return wait_in_front<mutex::next_clocklock, mutex::lock_until>(m, clock, at);
}

// Blocks   nothing. Returns 0; EPERM: a recursive or error-checking mutex that the caller does not hold.
GAMELAN_EXPORT int pthread_mutex_unlock(pthread_mutex_t* m) { return in_front<mutex::next_unlock, mutex::unlock>(m); }

// libc exports these for programs linked against an old libpthread.
GAMELAN_EXPORT_ALIAS(__pthread_mutex_lock, pthread_mutex_lock)
GAMELAN_EXPORT_ALIAS(__pthread_mutex_trylock, pthread_mutex_trylock)
GAMELAN_EXPORT_ALIAS(__pthread_mutex_unlock, pthread_mutex_unlock)
