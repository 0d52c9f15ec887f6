// shim/rwlock.cc: pthread_rwlock_*. init, destroy and attributes set words, and stay libc's.
//
// Owns     nothing. Of glibc's object: __readers is our state word, __cur_writer the writer's tid, __flags the kind, __shared
//          whether libc and the kernel have it. Readers are parked at __readers, writers at __writers.
// Kinds    as glibc: readers pass waiting writers, but for PREFER_WRITER_NONRECURSIVE_NP; a leaving writer lets the readers
//          go first, but for both PREFER_WRITER kinds.
// Rules    1. Who parks sets its side's flag under the bucket's lock, while the state keeps it out.
//          2. Who frees the lock clears the flag of the side that it wakes, and wakes it: one writer, or all readers.
//             Where nobody is there (time-outs leave flags behind), the other side is woken.
//          3. A writer that was woken takes the lock with the writers' flag set, for those who may still be parked.
//          4. A writer that gives up clears the flag if no writer is left, and wakes the readers that it kept out.
// Source   POSIX.1-2017 pthread_rwlock_rdlock and kin; pthread_rwlock_clockrdlock, _clockwrlock (glibc 2.30).
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stddef.h>

#include "shim/deadline.h"
#include "shim/in_front.h"
#include "shim/tid.h"

using namespace gamelan;

namespace {
using Call = int (*)(pthread_rwlock_t*);
using TimedCall = int (*)(pthread_rwlock_t*, const timespec*);
using ClockCall = int (*)(pthread_rwlock_t*, clockid_t, const timespec*);
constinit Next<Call> next_rdlock{"pthread_rwlock_rdlock"}, next_wrlock{"pthread_rwlock_wrlock"};
constinit Next<Call> next_tryrdlock{"pthread_rwlock_tryrdlock"}, next_trywrlock{"pthread_rwlock_trywrlock"};
constinit Next<Call> next_unlock{"pthread_rwlock_unlock"};
constinit Next<TimedCall> next_timedrdlock{"pthread_rwlock_timedrdlock"}, next_timedwrlock{"pthread_rwlock_timedwrlock"};
constinit Next<ClockCall> next_clockrdlock{"pthread_rwlock_clockrdlock"}, next_clockwrlock{"pthread_rwlock_clockwrlock"};

// The state: flags, and how many readers hold the lock.
constexpr unsigned kWriter = 1, kWritersWait = 2, kReadersWait = 4, kReader = 8;

// The object, laid out as glibc's.
class RwLock {
 public:
  static RwLock& of(pthread_rwlock_t* l) { return *reinterpret_cast<RwLock*>(l); }
  bool is_libcs() const { return shared_ != 0; }
  bool try_read();
  bool try_write() { return take_as_writer(0); }
  GAMELAN_NOINLINE int wait_to_read(Nanos deadline);  // 0, ETIMEDOUT, EDEADLK
  GAMELAN_NOINLINE int wait_to_write(Nanos deadline);
  void unlock();

 private:
  const void* readers() const { return &state_; }
  const void* writers() const { return &writers_; }
  bool is_mine() const { return cur_writer_.load_relaxed() == own_tid(); }
  bool keeps_readers_out(unsigned s) const {
    return s & (flags_ == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP ? kWriter | kWritersWait : kWriter);
  }
  static bool keeps_writers_out(unsigned s) { return s & kWriter || s >= kReader; }
  bool take_as_writer(unsigned flags);

  static bool reader_must_wait(void* lock);  // parking_lot::Validate, rule 1
  static bool writer_must_wait(void* lock);
  void give_up_writing();
  GAMELAN_NOINLINE void wake_after(unsigned before, bool to_writers);

  Atomic<unsigned> state_;   // glibc's __readers
  unsigned writers_;         // __writers; only its address is used
  unsigned unused_[4];
  Atomic<int> cur_writer_;
  int shared_;
  char elision_and_padding_[16];
  unsigned flags_;           // the kind
};
static_assert(sizeof(RwLock) <= sizeof(pthread_rwlock_t));
static_assert(offsetof(pthread_rwlock_t, __data.__cur_writer) == 24 && offsetof(pthread_rwlock_t, __data.__flags) == 48);

bool RwLock::try_read() {
  unsigned s = state_.load_relaxed();
  while (!keeps_readers_out(s))
    if (state_.compare_exchange(s, s + kReader)) return true;
  return false;
}

bool RwLock::take_as_writer(unsigned flags) {
  unsigned s = state_.load_relaxed();
  while (!keeps_writers_out(s)) {
    if (!state_.compare_exchange(s, s | kWriter | flags)) continue;
    cur_writer_.store_relaxed(own_tid());
    return true;
  }
  return false;
}

bool RwLock::reader_must_wait(void* lock) {
  auto& rw = *static_cast<RwLock*>(lock);
  unsigned s = rw.state_.load_relaxed();
  while (rw.keeps_readers_out(s))
    if (s & kReadersWait || rw.state_.compare_exchange(s, s | kReadersWait)) return true;
  return false;
}

bool RwLock::writer_must_wait(void* lock) {
  auto& rw = *static_cast<RwLock*>(lock);
  unsigned s = rw.state_.load_relaxed();
  while (keeps_writers_out(s))
    if (s & kWritersWait || rw.state_.compare_exchange(s, s | kWritersWait)) return true;
  return false;
}

int RwLock::wait_to_read(Nanos deadline) {
  if (is_mine()) return EDEADLK;
  do {
    const Wake why = parking_lot::wait_if({.address = readers(), .deadline = deadline, .reason = WaitReason::rwlock},
                                          reader_must_wait, nullptr, this);
    if (why == Wake::timed_out) return ETIMEDOUT;
  } while (!try_read());
  return 0;
}

int RwLock::wait_to_write(Nanos deadline) {
  if (is_mine()) return EDEADLK;
  unsigned flags = 0;
  do {
    const Wake why = parking_lot::wait_if({.address = writers(), .deadline = deadline, .reason = WaitReason::rwlock},
                                          writer_must_wait, nullptr, this);
    if (why == Wake::timed_out) return give_up_writing(), ETIMEDOUT;
    if (why != Wake::value_changed) flags = kWritersWait;
  } while (!take_as_writer(flags));
  return 0;
}

// Rule 4. A further writer that is woken here parks again, and sets the flag.
void RwLock::give_up_writing() {
  parking_lot::wake_one(writers(), [](void* lock, Wake how) {
    if (how == Wake::none) static_cast<RwLock*>(lock)->state_.fetch_and(~kWritersWait);
  }, this);
  const unsigned s = state_.load_seq();  // pairs: reader_must_wait's compare_exchange
  if (!(s & kReadersWait) || keeps_readers_out(s)) return;
  state_.fetch_and(~kReadersWait);
  parking_lot::wake(readers(), INT_MAX);
}

// Rule 2, once the lock is free: the object is not touched any more.
void RwLock::wake_after(unsigned before, bool to_writers) {
  if (to_writers && parking_lot::wake(writers(), 1)) return;
  if (before & kReadersWait && parking_lot::wake(readers(), INT_MAX)) return;
  if (!to_writers && before & kWritersWait) parking_lot::wake(writers(), 1);
}

void RwLock::unlock() {
  unsigned s = state_.load_relaxed();
  const bool is_writer = s & kWriter;
  const bool readers_first = is_writer && flags_ == PTHREAD_RWLOCK_PREFER_READER_NP;
  if (is_writer) cur_writer_.store_relaxed(0);
  for (;;) {
    const unsigned left = is_writer ? s & ~kWriter : s - kReader;
    const bool wakes = left < kReader && left & (kWritersWait | kReadersWait);
    const bool to_writers = wakes && left & kWritersWait && !(readers_first && left & kReadersWait);
    const unsigned cleared = !wakes ? 0 : to_writers ? kWritersWait : kReadersWait;
    if (!state_.compare_exchange(s, left & ~cleared)) continue;
    if (GAMELAN_UNLIKELY(wakes)) wake_after(left, to_writers);
    return;
  }
}

template <class F>
GAMELAN_NOINLINE int in_kernel(F f) {
  sched::BlockingCall blocking;
  return f();
}

int read(pthread_rwlock_t* l) {
  RwLock& rw = RwLock::of(l);
  if (GAMELAN_UNLIKELY(rw.is_libcs())) return in_kernel([l] { return next_rdlock.get()(l); });
  return GAMELAN_LIKELY(rw.try_read()) ? 0 : rw.wait_to_read(parking_lot::kForever);
}

int write(pthread_rwlock_t* l) {
  RwLock& rw = RwLock::of(l);
  if (GAMELAN_UNLIKELY(rw.is_libcs())) return in_kernel([l] { return next_wrlock.get()(l); });
  return GAMELAN_LIKELY(rw.try_write()) ? 0 : rw.wait_to_write(parking_lot::kForever);
}

int try_read(pthread_rwlock_t* l) {
  RwLock& rw = RwLock::of(l);
  if (rw.is_libcs()) return next_tryrdlock.get()(l);
  return rw.try_read() ? 0 : EBUSY;
}

int try_write(pthread_rwlock_t* l) {
  RwLock& rw = RwLock::of(l);
  if (rw.is_libcs()) return next_trywrlock.get()(l);
  return rw.try_write() ? 0 : EBUSY;
}

int read_until(pthread_rwlock_t* l, clockid_t clock, const timespec* at) {
  RwLock& rw = RwLock::of(l);
  if (!is_wait_clock(clock) || !has_valid_nanos(*at)) return EINVAL;
  if (rw.is_libcs()) return in_kernel([=] { return next_clockrdlock.get()(l, clock, at); });
  return rw.try_read() ? 0 : rw.wait_to_read(deadline_at(clock, *at));
}

int write_until(pthread_rwlock_t* l, clockid_t clock, const timespec* at) {
  RwLock& rw = RwLock::of(l);
  if (!is_wait_clock(clock) || !has_valid_nanos(*at)) return EINVAL;
  if (rw.is_libcs()) return in_kernel([=] { return next_clockwrlock.get()(l, clock, at); });
  return rw.try_write() ? 0 : rw.wait_to_write(deadline_at(clock, *at));
}

int read_at(pthread_rwlock_t* l, const timespec* at) { return read_until(l, CLOCK_REALTIME, at); }
int write_at(pthread_rwlock_t* l, const timespec* at) { return write_until(l, CLOCK_REALTIME, at); }

int unlock(pthread_rwlock_t* l) {
  RwLock& rw = RwLock::of(l);
  if (GAMELAN_UNLIKELY(rw.is_libcs())) return next_unlock.get()(l);
  rw.unlock();
  return 0;
}
}  // namespace

// Blocks   the G, while a writer has the lock (or waits for it: PREFER_WRITER_NONRECURSIVE_NP).
// Returns  0; EDEADLK: the caller is the writer.
GAMELAN_EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t* l) { return wait_in_front<next_rdlock, read>(l); }

// Blocks   the G, while others have the lock.
// Returns  0; EDEADLK: the caller is the writer.
GAMELAN_EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t* l) { return wait_in_front<next_wrlock, write>(l); }

// Blocks   nothing. Returns 0, EBUSY.
GAMELAN_EXPORT int pthread_rwlock_tryrdlock(pthread_rwlock_t* l) { return in_front<next_tryrdlock, try_read>(l); }
GAMELAN_EXPORT int pthread_rwlock_trywrlock(pthread_rwlock_t* l) { return in_front<next_trywrlock, try_write>(l); }

// Blocks   as rdlock and wrlock, until `at`; timed: CLOCK_REALTIME.
// Returns  as they; ETIMEDOUT; EINVAL: another clock, or tv_nsec out of range, whether it would block or not.
GAMELAN_EXPORT int pthread_rwlock_clockrdlock(pthread_rwlock_t* l, clockid_t clock, const timespec* at) {
  return wait_in_front<next_clockrdlock, read_until>(l, clock, at);
}
GAMELAN_EXPORT int pthread_rwlock_clockwrlock(pthread_rwlock_t* l, clockid_t clock, const timespec* at) {
  return wait_in_front<next_clockwrlock, write_until>(l, clock, at);
}
GAMELAN_EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t* l, const timespec* at) {
  return wait_in_front<next_timedrdlock, read_at>(l, at);
}
GAMELAN_EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t* l, const timespec* at) {
  return wait_in_front<next_timedwrlock, write_at>(l, at);
}

// Blocks   nothing. Returns 0.
GAMELAN_EXPORT int pthread_rwlock_unlock(pthread_rwlock_t* l) { return in_front<next_unlock, unlock>(l); }

// libc exports these for programs linked against an old libpthread.
GAMELAN_EXPORT_ALIAS(__pthread_rwlock_rdlock, pthread_rwlock_rdlock)
GAMELAN_EXPORT_ALIAS(__pthread_rwlock_wrlock, pthread_rwlock_wrlock)
GAMELAN_EXPORT_ALIAS(__pthread_rwlock_tryrdlock, pthread_rwlock_tryrdlock)
GAMELAN_EXPORT_ALIAS(__pthread_rwlock_trywrlock, pthread_rwlock_trywrlock)
GAMELAN_EXPORT_ALIAS(__pthread_rwlock_unlock, pthread_rwlock_unlock)
