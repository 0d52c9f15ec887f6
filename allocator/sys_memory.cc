// allocator/sys_memory.cc: mmap, mprotect and madvise, and the metadata bump allocator.
#include "allocator/sys_memory.h"

#include <errno.h>
#include <sys/mman.h>

#include "allocator/base/lock.h"
#include "allocator/base/metrics.h"
#include "allocator/base/own_memory.h"
#include "allocator/base/syscall.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

namespace gamelan {

namespace {
// The first metadata comes from .bss: a small program pays no system call and no separate page-table page for it.
constexpr Bytes kFirstBlock = 32 * KiB;
constexpr Bytes kBlockSize = 256 * KiB;
alignas(4096) constinit char first_block[kFirstBlock] = {};

constinit Lock bump_lock{LockRank::metadata};
constinit uintptr_t bump = 0, bump_end = 0;

constinit Atomic<uint64_t> calls_left{~uint64_t{0}};
constinit Atomic<uint64_t> calls_made{0};

bool refused_by_test() {
  calls_made.fetch_add(1);
  const uint64_t left = calls_left.load_relaxed();
  if (GAMELAN_LIKELY(left == ~uint64_t{0})) return false;
  if (left == 0) return true;
  calls_left.store_relaxed(left - 1);
  return false;
}

bool map_at(uintptr_t at, Bytes n, int prot, bool* taken = nullptr) {
  if (refused_by_test()) return false;
  const long want = static_cast<long>(at);
  const long got = sys::call(SYS_mmap, want, static_cast<long>(n), prot,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (got == want) return own_memory::add_growing(at, n), true;
  // A kernel before 4.17, or an emulator, takes the address for a hint.
  if (!sys::is_error(got)) sys::call(SYS_munmap, got, static_cast<long>(n));
  if (taken) *taken = !sys::is_error(got) || got == -EEXIST;
  return false;
}

bool new_block(Bytes at_least) {
  if (!bump) {
    bump = reinterpret_cast<uintptr_t>(first_block);
    bump_end = bump + kFirstBlock;
    if (at_least <= kFirstBlock) return true;
  }
  const Bytes size = max_of(kBlockSize, align_up(at_least, kOsPageSize));
  if (refused_by_test()) return false;
  const long p = sys::call(SYS_mmap, 0, static_cast<long>(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (sys::is_error(p)) return false;
  own_memory::add_growing(static_cast<uintptr_t>(p), size);
  bump = static_cast<uintptr_t>(p);
  bump_end = bump + size;
  return true;
}
}  // namespace

void* sys_alloc(Bytes n, Bytes align) {
  Guard g(bump_lock);
  uintptr_t at = align_up(bump, align);
  if (!bump || at + n > bump_end) {
    if (!new_block(n + align)) return nullptr;
    at = align_up(bump, align);
  }
  bump = at + n;
  metric_add(Metric::metadata, n);
  return reinterpret_cast<void*>(at);
}

void* sys_map_sparse(Bytes n) {
  return refused_by_test() ? nullptr : sys::map(nullptr, n, PROT_READ | PROT_WRITE, MAP_NORESERVE);
}

Lock& sys_alloc_lock() { return bump_lock; }

bool sys_reserve(uintptr_t at, Bytes n, bool* taken) { return map_at(at, n, PROT_NONE, taken); }

bool sys_map_new(uintptr_t at, Bytes n) { return map_at(at, n, PROT_READ | PROT_WRITE); }

bool sys_could_have(Bytes n) {
  if (n < GiB) return true;
  void* p = sys::map(nullptr, n, PROT_READ | PROT_WRITE, 0);
  if (p) sys::unmap(p, n);
  return p != nullptr;
}

void sys_map_over(uintptr_t at, Bytes n) {
  sys::call(SYS_mmap, static_cast<long>(at), static_cast<long>(n), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

bool sys_map(uintptr_t at, Bytes n) {
  return !refused_by_test() && sys::protect(reinterpret_cast<void*>(at), n, PROT_READ | PROT_WRITE);
}

// MADV_DONTNEED, not MADV_FREE: the memory is gone at once and every tool that shows RSS says so. Refused (EINVAL)
// for locked memory.
bool sys_unused(uintptr_t at, Bytes n) { return sys::advise(reinterpret_cast<void*>(at), n, MADV_DONTNEED) == 0; }

void sys_huge_page(uintptr_t at, Bytes n, bool want) {
  sys::advise(reinterpret_cast<void*>(at), n, want ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

void sys_free(uintptr_t at, Bytes n) { sys::unmap(reinterpret_cast<void*>(at), n); }

void sys_fail_after_test_only(uint64_t n) { calls_left.store_relaxed(n); }
uint64_t sys_calls_test_only() { return calls_made.load_relaxed(); }

}  // namespace gamelan
