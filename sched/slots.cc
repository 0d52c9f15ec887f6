// sched/slots.cc: chunks of address space, cut into slots.
#include "sched/slots.h"

#include <sys/mman.h>

#include "allocator/base/options.h"
#include "allocator/base/syscall.h"
#include "sched/tcb.h"

namespace gamelan {

namespace {
constexpr Bytes kGrain = 64 * KiB;      // pools differ by at least this: attributes of odd sizes share one
constexpr uint32_t kFirstChunk = 16, kMostPerChunk = 65536;  // with kChunks: 1.8 million slots
constexpr int kGuardInstall = 102;      // MADV_GUARD_INSTALL, linux 6.13
constexpr Bytes kReserveMost = TiB;

constinit Atomic<int> guard_advice_works{1};

GuardOption wanted_guard() { return static_cast<GuardOption>(options().guard); }

bool install_guard(uintptr_t low, Bytes n) {
  if (!n) return true;
  if (guard_advice_works.load_relaxed() && wanted_guard() != GuardOption::mprotect) {
    if (!sys::is_error(sys::advise(reinterpret_cast<void*>(low), n, kGuardInstall))) return true;
    guard_advice_works.store_relaxed(0);
  }
  return sys::protect(reinterpret_cast<void*>(low), n, PROT_NONE);
}
}  // namespace

constinit SlotPool SlotPool::pools_[kPools] = {};
constinit Atomic<uint32_t> SlotPool::pool_count_{0};

SlotPool* SlotPool::of(Bytes stack, Bytes guard) {
  guard = align_up(guard, kOsPageSize);
  // A stack smaller than its TLS block would have no room for a frame.
  stack = align_up(max_of(stack, tcb::block_size() + 16 * KiB), kOsPageSize);
  const Bytes step = align_up(stack + guard, kGrain);
  static constinit SpinLock pools_lock;
  SpinGuard lock(pools_lock);
  const uint32_t n = pool_count_.load_relaxed();
  for (uint32_t i = 0; i < n; i++)
    if (pools_[i].step_ == step && pools_[i].guard_ == guard) return &pools_[i];
  if (n == kPools) return nullptr;
  pools_[n].stack_ = step - guard;
  pools_[n].guard_ = guard;
  pools_[n].step_ = step;
  pool_count_.store_release(n + 1);  // pairs: for_each_g
  return &pools_[n];
}

// The top page holds TCB and TLS; everything that modules use of it, if it fits.
G* SlotPool::g_at(uintptr_t low) const {
  const uintptr_t fs = align_down(low + step_ - tcb::struct_size(), tcb::alignment());
  return g_of(fs);
}

uintptr_t SlotPool::stack_top(const G* g) {
  return align_down(g->fs - (tcb::block_size() - tcb::struct_size()), 64);
}

bool SlotPool::reserve_chunk(uint32_t slots) {
  const uint32_t n = chunks_.load_relaxed();
  if (n == kChunks) return false;
  for (; slots; slots /= 2) {
    void* p = sys::map(nullptr, slots * step_, PROT_NONE, MAP_NORESERVE | MAP_STACK);
    if (!p) continue;  // RLIMIT_AS: a smaller piece may fit
    sys::advise(p, slots * step_, MADV_NOHUGEPAGE);
    chunk_[n].base = reinterpret_cast<uintptr_t>(p);
    chunk_[n].slots = slots;
    chunk_[n].made.store_relaxed(0);
    chunks_.store_release(n + 1);  // pairs: for_each_g
    return true;
  }
  return false;
}

G* SlotPool::make() {
  uintptr_t low;
  {
    SpinGuard guard(lock_);
    uint32_t n = chunks_.load_relaxed();
    if (!n || chunk_[n - 1].made.load_relaxed() == chunk_[n - 1].slots) {
      const Bytes most = max_of(kReserveMost / step_, Bytes{1});
      const uint32_t slots = n ? min_of(chunk_[n - 1].slots * 2, kMostPerChunk) : kFirstChunk;
      if (!reserve_chunk(static_cast<uint32_t>(min_of(Bytes{slots}, most)))) return nullptr;
      n = chunks_.load_relaxed();
    }
    Chunk& c = chunk_[n - 1];
    low = c.base + c.made.load_relaxed() * step_;
    if (!sys::protect(reinterpret_cast<void*>(low), step_, PROT_READ | PROT_WRITE)) return nullptr;
    c.made.store_release(c.made.load_relaxed() + 1);  // pairs: for_each_g, which reads the slot's G
  }
  return make_at(low);
}

G* SlotPool::make_at(uintptr_t low) {
  G* g = g_at(low);
  const uintptr_t fs = align_down(low + step_ - tcb::struct_size(), tcb::alignment());
  if (!install_guard(low, guard_) || !tcb::make(fs)) return nullptr;
  g->fs = fs;
  g->stack_low = low + guard_;
  g->stack_high = low + step_;
  g->guard = guard_;
  __atomic_store_n(&g->slot, this, __ATOMIC_RELEASE);
  return g;
}

G* SlotPool::take() {
  {
    SpinGuard guard(lock_);
    if (G* g = idle_) {
      idle_ = g->schedlink;
      return g;
    }
  }
  return make();
}

void SlotPool::give_back(G* g) {
  SpinGuard guard(lock_);
  g->schedlink = idle_;
  idle_ = g;
}

// Called now and then by sysmon: slots are taken from the front, so the idle ones are behind.
Bytes SlotPool::trim_idle(Nanos before) {
  Bytes gone = 0;
  for (uint32_t p = 0; p < pool_count_.load_acquire(); p++) {
    SlotPool& pool = pools_[p];
    SpinGuard guard(pool.lock_);
    for (G* g = pool.idle_; g; g = g->schedlink) {
      if (!g->waiting_since || g->waiting_since > before) continue;
      const uintptr_t top = align_down(stack_top(g), kOsPageSize);
      if (top > g->stack_low && !sys::is_error(sys::advise(reinterpret_cast<void*>(g->stack_low), top - g->stack_low, MADV_DONTNEED)))
        gone += top - g->stack_low;
      g->waiting_since = 0;  // done
    }
  }
  return gone;
}

// The other threads' slots are given up: whatever state they were in, most children exec before they make a thread.
void SlotPool::after_fork_in_child() {
  for (uint32_t p = 0; p < pool_count_.load_acquire(); p++) {
    pools_[p].lock_.reset_in_child();
    pools_[p].idle_ = nullptr;
    pools_[p].chunks_.store_relaxed(0);
  }
}

}  // namespace gamelan
