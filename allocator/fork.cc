// allocator/fork.cc: all the locks, in rank order.
#include "allocator/fork.h"

#include <new>

#include "allocator/base/metrics.h"
#include "allocator/malloc.h"
#include "allocator/mallocgc.h"
#include "allocator/mcentral.h"
#include "allocator/mheap.h"
#include "allocator/sys_memory.h"

namespace gamelan {

namespace {
constinit Lock registry_lock{LockRank::threads};
constinit MCache* registered = nullptr;

template <class F> void for_all_locks(F f) {
  f(registry_lock);
  for (MCache* c = registered; c; c = c->next_registered) f(c->lock);
  f(late_cache_lock());
  for (MCentral& m : mcentral) f(m.lock);
  f(mheap.lock);
  f(mallocgc_pool_lock());
  f(sys_alloc_lock());
}
}  // namespace

MCache* first_registered_cache() { return registered; }

namespace {
// The first cache's, in .bss: a program with one thread pays no system call and no page-table page for it.
alignas(64) OwnSpans first_table;
constinit Atomic<OwnSpans*> unused_first{&first_table};

OwnSpans* new_table() {
  if (path_mode.uses_slow_paths_only()) return nullptr;  // there nobody's free() looks anything up
  if (OwnSpans* first = unused_first.exchange(nullptr)) return first;
  return static_cast<OwnSpans*>(sys_map_sparse(sizeof(OwnSpans)));
}
}  // namespace

MCache* new_cache() {
  auto* c = static_cast<MCache*>(sys_alloc(sizeof(MCache), 64));
  if (!c) return nullptr;
  new (c) MCache;
  c->init(new_table());
  Guard g(registry_lock);
  c->next_registered = registered;
  registered = c;
  metric_add(Metric::caches, 1);
  return c;
}

void heap_before_fork() { for_all_locks([](Lock& l) { l.lock(); }); }
void heap_after_fork_in_parent() { for_all_locks([](Lock& l) { l.unlock(); }); }
void heap_after_fork_in_child() { for_all_locks([](Lock& l) { l.unlock(); }); }

}  // namespace gamelan
