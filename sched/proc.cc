// sched/proc.cc: stand-in: native threads only, on our objects. GAMELAN_THREADS=goroutine asks for it.
#include "sched/proc.h"

#include <linux/futex.h>
#include <time.h>

#include "allocator/base/environment.h"
#include "allocator/base/mem.h"
#include "allocator/base/syscall.h"
#include "allocator/hooks.h"

namespace gamelan {

__thread G tls_g = {};

RuntimeSection::~RuntimeSection() {
  const uint32_t left = tls_g.in_runtime.load_relaxed() - 1;
  tls_g.in_runtime.store_relaxed(left);
}

namespace sched {

constinit Mode threads_mode = Mode::undecided;

Mode decide_mode() {
  const bool inert = heap_hooks.is_inert();
  const char* wanted = environment::get("GAMELAN_THREADS");
  return threads_mode = !inert && wanted && mem::same_text(wanted, "goroutine") ? Mode::goroutine : Mode::native;
}
const char* mode_reason() { return ""; }
bool start() { return false; }
bool is_started() { return false; }
bool may_spin() { return true; }
void yield() { sys::call(SYS_sched_yield); }
BlockingCall::BlockingCall() = default;
BlockingCall::~BlockingCall() = default;
void lock_os_thread() {}
void unlock_os_thread() {}
int wake_later(const void*, int) { return 0; }
void make_late_wakes() {}

static long futex_sleep(G* g, Nanos deadline) {
  timespec t{deadline / kSecond, deadline % kSecond};
  return sys::call(SYS_futex, reinterpret_cast<long>(g->kernel_word.raw()), FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 1,
            deadline == parking_lot::kForever ? 0 : reinterpret_cast<long>(&t), 0, -1);
}

Wake sleep(Nanos deadline, WaitReason) {
  G* g = self();
  g->kernel_word.store_relaxed(1);
  if (!g->wait.commit()) return g->wait.end();
  while (g->kernel_word.load_acquire()) {
    const long r = futex_sleep(g, deadline);
    bool parked;
    if (r == -4 && g->interruptible && g->wait.claim(g->wait.ticket(), Wake::interrupted, &parked)) break;
    if (g->kernel_word.load_acquire() && deadline != parking_lot::kForever && sys::monotonic_now() >= deadline &&
        g->wait.claim(g->wait.ticket(), Wake::timed_out, &parked)) break;
  }
  return g->wait.end();
}

void ready(G* g) {
  g->kernel_word.store_release(0);
  sys::call(SYS_futex, reinterpret_cast<long>(g->kernel_word.raw()), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}

Wake sleep_until(Nanos deadline, bool, WaitReason) {
  self()->wait.begin();
  return sleep(deadline, WaitReason::sleep);
}

}  // namespace sched
}  // namespace gamelan
