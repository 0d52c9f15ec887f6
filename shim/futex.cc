// shim/futex.cc: FUTEX_WAIT, WAKE, WAIT_BITSET, WAKE_BITSET, REQUEUE, CMP_REQUEUE, WAKE_OP.
//
// Rust's std, libstdc++'s atomic waits, glib, ruby and others stand on them.
// Errors   as the kernel's: EAGAIN (another value), ETIMEDOUT, EINTR, EINVAL (time, alignment, no bit), EFAULT (as far as
//          the address shows it), ENOSYS.
// Source   futex(2); Linux kernel/futex/syscalls.c for the order of its checks.
#include "shim/futex.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>

#include "sched/sched.h"
#include "sched/signals.h"
#include "shim/deadline.h"

namespace gamelan {

namespace {
long fails(int error) {
  errno = error;
  return -1;
}

// What the kernel would refuse before it looks at the word; 0: nothing.
int fault_of(const uint32_t* word) {
  const auto at = reinterpret_cast<uintptr_t>(word);
  if (at % sizeof *word) return EINVAL;
  return at < kOsPageSize || at >> 47 ? EFAULT : 0;
}

// A wake of none wakes one, in the kernel too.
int most(uint32_t value) { return max_of(static_cast<int>(value), 1); }

long wait(const uint32_t* word, uint32_t value, const timespec* timeout, bool is_absolute, clockid_t clock, uint32_t bits) {
  if (timeout && (timeout->tv_sec < 0 || !has_valid_nanos(*timeout))) return fails(EINVAL);
  if (!bits) return fails(EINVAL);
  if (const int e = fault_of(word)) return fails(e);
  Nanos deadline = parking_lot::kForever;
  if (timeout) deadline = is_absolute ? deadline_at(clock, *timeout) : deadline_after(nanos_of(*timeout));
  Wake why;
  do why = parking_lot::wait({.address = word, .deadline = deadline, .bits = bits}, value);
  while (why == Wake::interrupted && signals::restart() && !(timeout && signals::handled()));
  switch (why) {
    case Wake::timed_out: return fails(ETIMEDOUT);
    case Wake::interrupted: return fails(EINTR);
    case Wake::value_changed: return fails(EAGAIN);
    default: return 0;
  }
}

long wake(const uint32_t* word, uint32_t value, uint32_t bits) {
  if (!bits) return fails(EINVAL);
  if (const int e = fault_of(word)) return fails(e);
  // The program may have changed its word by a plain store: futex(2) orders that before its look at the waiters.
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  return parking_lot::wake(word, most(value), bits);
}

long requeue(const uint32_t* from, const uint32_t* to, int wake_most, int move_most, const uint32_t* expected) {
  if (wake_most < 0 || move_most < 0) return fails(EINVAL);
  if (const int e = fault_of(from)) return fails(e);
  if (const int e = fault_of(to)) return fails(e);
  const int n = parking_lot::requeue(from, to, wake_most, move_most, expected);
  return n < 0 ? fails(EAGAIN) : n;
}

// FUTEX_WAKE_OP's coded instruction.
class WakeOp {
 public:
  explicit WakeOp(uint32_t code) : code_(code) {}
  bool is_known() const { return (operation() & 7) <= FUTEX_OP_XOR && comparison() <= FUTEX_OP_CMP_GE; }
  // The change, in one step. Returns whether the old value compares.
  bool apply(uint32_t* word) const {
    uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(word, &old, changed(old), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {}
    return compares(static_cast<int32_t>(old));
  }

 private:
  static int32_t sign_extend12(uint32_t v) { return static_cast<int32_t>(v << 20) >> 20; }
  uint32_t operation() const { return code_ >> 28; }
  uint32_t comparison() const { return code_ >> 24 & 15; }
  uint32_t operand() const {
    const int32_t v = sign_extend12(code_ >> 12);
    return operation() & FUTEX_OP_OPARG_SHIFT ? uint32_t{1} << (v & 31) : static_cast<uint32_t>(v);
  }
  uint32_t changed(uint32_t old) const {
    switch (operation() & 7) {
      case FUTEX_OP_SET: return operand();
      case FUTEX_OP_ADD: return old + operand();
      case FUTEX_OP_OR: return old | operand();
      case FUTEX_OP_ANDN: return old & ~operand();
      default: return old ^ operand();
    }
  }
  bool compares(int32_t old) const {
    const int32_t with = sign_extend12(code_);
    switch (comparison()) {
      case FUTEX_OP_CMP_EQ: return old == with;
      case FUTEX_OP_CMP_NE: return old != with;
      case FUTEX_OP_CMP_LT: return old < with;
      case FUTEX_OP_CMP_LE: return old <= with;
      case FUTEX_OP_CMP_GT: return old > with;
      default: return old >= with;
    }
  }
  uint32_t code_;
};

long wake_op(uint32_t* word, uint32_t* word2, uint32_t value, uint32_t value2, WakeOp op) {
  if (const int e = fault_of(word)) return fails(e);
  if (const int e = fault_of(word2)) return fails(e);
  if (!op.is_known()) return fails(ENOSYS);
  const bool both = op.apply(word2);
  const int woken = parking_lot::wake(word, most(value));
  return both ? woken + parking_lot::wake(word2, most(value2)) : woken;
}
bool is_ours(int op) {
  if (!(op & FUTEX_PRIVATE_FLAG)) return false;
  switch (op & FUTEX_CMD_MASK) {
    case FUTEX_WAIT: case FUTEX_WAIT_BITSET:
      return true;
    case FUTEX_WAKE: case FUTEX_WAKE_BITSET: case FUTEX_REQUEUE: case FUTEX_CMP_REQUEUE: case FUTEX_WAKE_OP:
      return !(op & FUTEX_CLOCK_REALTIME);  // ENOSYS, says the kernel
    default:
      return false;
  }
}

long in_kernel(long number, uint32_t* word, int op, uint32_t value, const timespec* timeout, uint32_t* word2,
               uint32_t value3) {
  sched::BlockingCall blocking;
  const long r = sys::call(number, reinterpret_cast<long>(word), op, value, reinterpret_cast<long>(timeout),
                           reinterpret_cast<long>(word2), value3);
  return sys::is_error(r) ? fails(static_cast<int>(-r)) : r;
}
}  // namespace

long futex_call(long number, uint32_t* word, int op, uint32_t value, const timespec* timeout, uint32_t* word2,
                uint32_t value3) {
  if (!is_ours(op)) return in_kernel(number, word, op, value, timeout, word2, value3);
  const clockid_t clock = op & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  const auto value2 = static_cast<int>(reinterpret_cast<intptr_t>(timeout));  // where there is no time
  switch (op & FUTEX_CMD_MASK) {
    case FUTEX_WAIT: return wait(word, value, timeout, false, clock, parking_lot::kAnyBit);
    case FUTEX_WAIT_BITSET: return wait(word, value, timeout, true, clock, value3);
    case FUTEX_WAKE: return wake(word, value, parking_lot::kAnyBit);
    case FUTEX_WAKE_BITSET: return wake(word, value, value3);
    case FUTEX_REQUEUE: return requeue(word, word2, static_cast<int>(value), value2, nullptr);
    case FUTEX_CMP_REQUEUE: return requeue(word, word2, static_cast<int>(value), value2, &value3);
    default: return wake_op(word, word2, value, static_cast<uint32_t>(value2), WakeOp(value3));
  }
}

}  // namespace gamelan
