// sched/netpoll.cc: stand-in until the real one is merged: no descriptors, only timers.
#include "sched/netpoll.h"
#include <linux/futex.h>
#include "allocator/base/syscall.h"
namespace gamelan::netpoll {
static Atomic<uint32_t> word{0};
Wake wait(int, short, Nanos, bool) { return Wake::not_pollable; }
Wake wait_any(const Interest*, unsigned, Nanos, bool) { return Wake::not_pollable; }
void forget(int) {}
bool is_ours(int) { return false; }
G* poll(Nanos deadline) {
  if (!deadline) return nullptr;
  timespec t{}, *tp = nullptr;
  if (deadline != parking_lot::kForever) {
    Nanos n = deadline - sys::monotonic_now();
    if (n <= 0) return nullptr;
    t = {n / kSecond, n % kSecond};
    tp = &t;
  }
  sys::call(SYS_futex, reinterpret_cast<long>(word.raw()), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, reinterpret_cast<long>(tp));
  word.store_seq(0);
  return nullptr;
}
bool has_waiters() { return false; }
void interrupt_poll() { word.store_seq(1); sys::call(SYS_futex, reinterpret_cast<long>(word.raw()), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1); }
void after_fork_in_child() {}
}  // namespace gamelan::netpoll
