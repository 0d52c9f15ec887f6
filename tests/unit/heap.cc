// tests/unit/heap.cc: the allocator's hook table for tests, and helpers.
#include "tests/unit/heap.h"

#include <string.h>
#include <sys/mman.h>

#include <vector>

#include "allocator/bad_free.h"
#include "allocator/base/lock.h"
#include "allocator/base/output.h"
#include "allocator/base/syscall.h"
#include "allocator/hooks.h"
#include "sched/hooks.h"
#include "sched/threads.h"

namespace gamelan {

namespace test {
HookCalls hook_calls;
void (*pass_on_memory_could_go_home)() = nullptr;
}  // namespace test

namespace {
constinit Lock boot_lock{LockRank::boot};
constinit Atomic<bool> is_booted{false};

// preload/init.cc's steps, without the environment: settings are the test's.
void boot() {
  if (is_booted.load_acquire()) return;
  Guard g(boot_lock);
  if (is_booted.load_relaxed()) return;
  output::remember_stderr();
  gamelan_metrics.path = path_mode.bitmap ? 2 : 1;
  mheap.init(0x9e3779b97f4a7c15);
  if (sys::current_tid() == sys::current_pid()) threads::init_main();
  is_booted.store_release(true);
}

MCache* acquire_cache() {
  boot();
  return threads::acquire_cache();
}

void before_refill(Bytes) { test::hook_calls.before_refill.fetch_add(1); }

void memory_could_go_home() {
  test::hook_calls.memory_could_go_home.fetch_add(1);
  if (test::pass_on_memory_could_go_home) test::pass_on_memory_could_go_home();
}

void foreign_free(void* p, const char* call) { bad_free::foreign(p, call); }
Bytes foreign_usable_size(void* p, const char* call) { bad_free::foreign(p, call); }
bool is_inert() { return false; }
void* inert_malloc(Bytes) { return nullptr; }
}  // namespace

// No goroutines in unit tests: the scheduler's parts are tested one by one, with native threads.
constinit const SchedHooks sched_hooks = {
    .run_thread = nullptr,
    .cancel_self = nullptr,
    .exit_process = nullptr,
    .create_kernel_thread = nullptr,
};

constinit const HeapHooks heap_hooks = {
    .acquire_cache = acquire_cache,
    .allocation_stack = [](Bytes) -> uint32_t { return 0; },
    .before_refill = before_refill,
    .memory_could_go_home = memory_could_go_home,
    .foreign_free = foreign_free,
    .foreign_usable_size = foreign_usable_size,
    .is_inert = is_inert,
    .inert_malloc = inert_malloc,
};

namespace test {

void start_heap(bool bitmap) {
  path_mode.bitmap = bitmap;
  boot();
  cr_assert_neq(cache_or_late(), nullptr);
}

void verify(MCache* c) {
  Guard g(c->lock);
  verify_locked(c);
}

void verify_all() {
  for (MCache* c = first_registered_cache(); c; c = c->next_registered) verify(c);
}

void abandon_all() {
  for (MCache* c = first_registered_cache(); c; c = c->next_registered) c->flush_batches();
  for (MCache* c = first_registered_cache(); c; c = c->next_registered) c->abandon();
}

Bytes resident_bytes(const MSpan* s) {
  std::vector<unsigned char> pages(s->bytes() / kOsPageSize);
  cr_assert_eq(mincore(reinterpret_cast<void*>(s->base), s->bytes(), pages.data()), 0);
  Bytes n = 0;
  for (unsigned char page : pages) n += (page & 1) * kOsPageSize;
  return n;
}

namespace {
uint64_t pattern(uint64_t tag, size_t i) { return (tag ^ i) * 0x9e3779b97f4a7c15; }
}  // namespace

void fill(void* p, Bytes n, uint64_t tag) {
  auto* b = static_cast<char*>(p);
  for (size_t i = 0; i < n; i += 8) {
    const uint64_t word = pattern(tag, i);
    memcpy(b + i, &word, min_of<size_t>(8, n - i));
  }
}

bool is_filled(const void* p, Bytes n, uint64_t tag) {
  auto* b = static_cast<const char*>(p);
  for (size_t i = 0; i < n; i += 8) {
    const uint64_t word = pattern(tag, i);
    if (memcmp(b + i, &word, min_of<size_t>(8, n - i))) return false;
  }
  return true;
}

}  // namespace test
}  // namespace gamelan
