// sched/helper_thread.cc: clone(2), and the scavenger's loop.
#include "sched/helper_thread.h"

#include <linux/futex.h>
#include <sched.h>
#include <time.h>

#include "allocator/base/lock.h"
#include "allocator/base/metrics.h"
#include "allocator/base/options.h"
#include "allocator/base/syscall.h"
#include "allocator/fork.h"
#include "allocator/mcache.h"
#include "allocator/mcentral.h"
#include "allocator/mheap.h"
#include "allocator/sys_memory.h"

namespace gamelan::helper {

namespace {
enum : int { kNoThread, kRuns };

constinit Lock start_lock{LockRank::boot};
constinit Atomic<int> state{kNoThread};
constinit Atomic<int> stop_word{0};   // 1: end; futex
constinit Atomic<int> tid_word{0};    // the kernel clears and wakes it when the thread is gone
constinit Atomic<int> owner_pid{0};   // whose thread it is: a child made by a raw clone or vfork has none
constinit Atomic<int> home_pid{0};    // the process that may have one: not a vfork's child, which shares our memory
constinit bool enabled = false;
constinit int last_tid = 0;           // under start_lock
constinit char* memory = nullptr;

constexpr Bytes kStack = 64 * KiB, kTls = 64 * KiB;
// A tick empties at most 64 MiB (about 5 ms of kernel time), in steps that hold no lock while the kernel works.
constexpr Pages kStep = 512;
constexpr Bytes kBytesPerTick = 64 * MiB;
constexpr Nanos kTick = 100 * kMilli;
constexpr Bytes kEnough = 1 * MiB;  // what may stay when the helper ends

void nap() {
  timespec t{0, static_cast<long>(kTick)};
  sys::call(SYS_futex, reinterpret_cast<long>(stop_word.raw()), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, reinterpret_cast<long>(&t));
}

void scavenge_until_done() {
  const uint32_t age = static_cast<uint32_t>(options().scavenge_delay);
  Nanos ticks = 0;
  while (!stop_word.load_acquire() && mheap.scavengable() > kEnough) {
    for (Bytes gone = 0, n = 1; n && gone < kBytesPerTick && !stop_word.load_acquire(); gone += n) n = mheap.scavenge(age, kStep);
    for (MCache* c = first_registered_cache(); c; c = c->next_registered) c->collect_inbox(MCache::Patience::none);
    nap();
    if (++ticks * kTick >= age * kMilli) {
      for (MCentral& m : mcentral) metric_add(Metric::scavenged, m.purge());
      ticks = 0;
    }
  }
}

extern "C" __attribute__((used, visibility("hidden"))) void gamelan_helper_main() {
  for (;;) {
    scavenge_until_done();
    state.store_seq(kNoThread);  // pairs: wanted() load_seq
    // Memory that was freed since the last look, by someone who saw us still running.
    int none = kNoThread;
    if (stop_word.load_seq() || mheap.scavengable() < kScavengeFrom || !state.compare_exchange(none, kRuns)) break;
  }
  // The kernel clears tid_word; a `wanted` from now on waits for that before it makes the next one.
}

// clone(2) with a child that runs on its own stack: nothing of the parent's frame may be used there.
long clone_helper(unsigned long flags, void* stack, void* tls) {
  long result;
  register long r10 __asm__("r10") = reinterpret_cast<long>(tid_word.raw());
  register long r8 __asm__("r8") = reinterpret_cast<long>(tls);
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "call gamelan_helper_main\n\t"
      "xor %%edi, %%edi\n\t"
      "mov %[exit], %%eax\n\t"
      "syscall\n\t"
      "ud2\n"
      "1:"
      : "=a"(result)
      : "a"(SYS_clone), "D"(flags), "S"(stack), "d"(tid_word.raw()), "r"(r10), "r"(r8), [exit] "i"(SYS_exit)
      : "rcx", "r11", "memory");
  return result;
}

bool start() {
  if (!memory) memory = static_cast<char*>(sys_alloc(kStack + kTls, kOsPageSize));
  if (!memory) return false;
  // x86-64 TLS lies below the thread pointer, the TCB's own address at its start.
  char* tcb = memory + kStack + kTls - 4096;
  *reinterpret_cast<void**>(tcb) = tcb;
  *reinterpret_cast<void**>(tcb + 16) = tcb;
  const uint64_t every = ~uint64_t{0};
  uint64_t before = 0;
  sys::call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, reinterpret_cast<long>(&every), reinterpret_cast<long>(&before), 8);
  const long r = clone_helper(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                                  CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
                              memory + kStack - 64, tcb);
  sys::call(SYS_rt_sigprocmask, 2, reinterpret_cast<long>(&before), 0, 8);
  last_tid = sys::is_error(r) ? 0 : static_cast<int>(r);
  return last_tid != 0;
}

void wait_until_gone() {
  if (owner_pid.load_seq() != sys::current_pid()) return;
  // The kernel's wake at thread exit is not private.
  for (int t; (t = tid_word.load_seq()) != 0;)
    sys::call(SYS_futex, reinterpret_cast<long>(tid_word.raw()), FUTEX_WAIT, t, 0);
  // The word is cleared some microseconds before the thread leaves its group, which is what unshare(2) looks at.
  while (last_tid && sys::call(SYS_tgkill, sys::current_pid(), last_tid, 0) == 0) sys::call(SYS_sched_yield);
  last_tid = 0;
}
}  // namespace

int tid() { return tid_word.load_seq(); }

void enable() {
  home_pid.store_seq(sys::current_pid());
  enabled = true;
}

void wanted() {
  if (GAMELAN_LIKELY(state.load_seq() == kRuns) || !enabled) return;
  if (!start_lock.try_lock()) return;
  if (enabled && state.load_seq() == kNoThread && home_pid.load_seq() == sys::current_pid()) {
    wait_until_gone();
    stop_word.store_seq(0);
    owner_pid.store_seq(sys::current_pid());
    state.store_seq(kRuns);
    if (!start()) {
      state.store_seq(kNoThread);
      enabled = false;  // RLIMIT_NPROC, seccomp: free memory goes home in malloc_trim and under GOMEMLIMIT only
    }
  }
  start_lock.unlock();
}

namespace {
void stop_locked() {
  if (!last_tid || owner_pid.load_seq() != sys::current_pid()) return;
  stop_word.store_seq(1);
  sys::call(SYS_futex, reinterpret_cast<long>(stop_word.raw()), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
  wait_until_gone();
}
}  // namespace

void stop() {
  Guard g(start_lock);
  stop_locked();
}

Pause::Pause() {
  start_lock.lock();
  stop_locked();
}

Pause::~Pause() { start_lock.unlock(); }

void forbid() {
  if (home_pid.load_seq() != sys::current_pid()) return;
  enabled = false;
  stop();
}

void before_fork() {
  start_lock.lock();
  stop_locked();
}

void after_fork(bool in_child) {
  if (in_child) home_pid.store_seq(sys::current_pid());
  start_lock.unlock();
  if (!in_child && mheap.scavengable() >= kScavengeFrom) wanted();
}

}  // namespace gamelan::helper
