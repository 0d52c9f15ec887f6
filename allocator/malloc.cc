// allocator/malloc.cc: every call that the two fast paths pass on.
#include "allocator/malloc.h"

#include <string.h>

#include "allocator/bad_free.h"
#include "allocator/base/metrics.h"
#include "allocator/base/options.h"
#include "allocator/caller.h"
#include "allocator/hooks.h"
#include "allocator/mallocgc.h"

namespace gamelan {

namespace {
// Serves threads that have no cache: past their end, or when memory for one could not be had. Nobody's fast path
// ever uses it, so its lock is all the protection it needs.
constinit MCache late_cache;

// Above this a growing object that cannot stay where it is has its pages moved instead of its bytes. A move is two system
// calls and, later, a fault per page of the place that was left: from 128 KiB on it took realloc-growth 6 times as long.
constexpr Bytes kMoveFrom = 1 * MiB;

void count_alloc(Bytes n) {
  if (GAMELAN_LIKELY(!path_mode.counting)) return;
  metric_add(Metric::counted_allocs, 1);
  metric_add(Metric::counted_bytes, n);
}

void* malloc_large(Bytes n, Bytes align = kPageSize) {
  const uint32_t stack = path_mode.stacks ? heap_hooks.allocation_stack(n) : 0;
  heap_hooks.before_refill(n);
  MSpan* s = mheap.alloc_large(n + path_mode.guard, align);
  if (s && path_mode.stacks) note_allocation(s, 0, n, stack);
  return s ? reinterpret_cast<void*>(s->base) : nullptr;
}

void* out_of_memory() {
  metric_add(Metric::out_of_memory, 1);
  return nullptr;
}

void* malloc_small(Bytes n) {
  const SizeClass k = size_class_of(n + path_mode.guard);
  MCache* c = cache_or_late();
  if (path_mode.bitmap) return mallocgc(c, k, n);
  // Sizes above 1 KiB come here each time; late_cache's slots are not to be used.
  if (c != &late_cache)
    if (FreeObject* p = pop(c->span[k])) return p;
  return c->alloc_slow(k);
}

[[noreturn]] void no_object_here(void* p, MSpan* s, const char* call) {
  // Pages of ours that hold nothing: what was there has been freed, or was never given out.
  bad_free::double_free(p, s->state == SpanState::spare ? s : nullptr, call);
}

void free_large(void* p, MSpan* s, const char* call) {
  if (reinterpret_cast<uintptr_t>(p) != s->base) bad_free::interior(p, s, call);
  // Two threads may free the same large object at once: the state says who was first.
  SpanState large = SpanState::large;
  if (!__atomic_compare_exchange_n(&s->state, &large, SpanState::dead, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    bad_free::double_free(p, s, call);
  metric_add(Metric::large_frees, 1);
  mheap.free_large(s);
}

// A live object's second word may hold anything; that it holds our mark and its first word a link into the same span
// is no accident.
bool is_on_a_free_list(const FreeObject* p, const MSpan* s) {
  if (p->mark != kFreeMark) return false;
  return p->next == &s->sentinel || s->index_exact(reinterpret_cast<uintptr_t>(p->next)) != MSpan::kNotAnObject;
}

void free_small(void* ptr, MSpan* s, const char* call) {
  auto* p = static_cast<FreeObject*>(ptr);
  const size_t i = s->index_exact(reinterpret_cast<uintptr_t>(ptr));
  if (i == MSpan::kNotAnObject) bad_free::interior(ptr, s, call);
  if (is_on_a_free_list(p, s)) bad_free::double_free(ptr, s, call);
  MCache* c = cache_or_late();
  if (c == &late_cache) return MCache::free_unbatched(p, s);
  if (s->cache.load_relaxed() != c) return c->free_remote(p, s);
  if (s->credit < kCreditUnit) return c->free_without_credit(p, s);
  p->mark = kFreeMark;
  p->next = s->free;
  s->free = p;
  __asm__ volatile("" ::: "memory");  // as in heap_free
  s->credit -= kCreditUnit;
}
}  // namespace

__thread Caller allocation_caller = {};

Lock& late_cache_lock() { return late_cache.lock; }

MCache* cache_or_late() {
  MCache* c = tls_mcache;
  if (GAMELAN_LIKELY(c != &fallback_mcache)) return c;
  c = heap_hooks.acquire_cache();
  return c ? c : &late_cache;
}

GAMELAN_NOINLINE void* malloc_slow(Bytes n) {
  if (GAMELAN_UNLIKELY(tls_mcache == &fallback_mcache) && heap_hooks.is_inert()) return heap_hooks.inert_malloc(n);
  if (GAMELAN_UNLIKELY(n > kMaxSmall - path_mode.guard)) {
    cache_or_late();  // boots the runtime
    if (n > PTRDIFF_MAX) return out_of_memory();
    count_alloc(n);
    void* p = malloc_large(n);
    return p ? p : out_of_memory();
  }
  void* p = malloc_small(n);
  count_alloc(n);
  return p ? p : out_of_memory();
}

GAMELAN_NOINLINE void free_slow(void* p, const char* call) {
  if (!p) return;
  const uintptr_t a = reinterpret_cast<uintptr_t>(p);
  if (!HeapWindow::holds(a)) return heap_hooks.foreign_free(p, call);
  if (GAMELAN_UNLIKELY(path_mode.counting)) metric_add(Metric::counted_frees, 1);
  MSpan* s = HeapWindow::span_of(a);
  if (s->state == SpanState::large) return free_large(p, s, call);
  if (s->state == SpanState::dead || s->state == SpanState::spare) no_object_here(p, s, call);
  if (path_mode.bitmap) return freegc(p, s, call);
  free_small(p, s, call);
}

void* heap_calloc_slow(Bytes n) {
  void* p = heap_malloc(n);
  if (!p) return nullptr;
  MSpan* s = HeapWindow::span_of(reinterpret_cast<uintptr_t>(p));
  const bool zero_already = s->state == SpanState::large ? !s->needzero : path_mode.bitmap;
  if (!zero_already) memset(p, 0, n);
  return p;
}

Bytes heap_usable_size(void* p, const char* call) {
  const uintptr_t a = reinterpret_cast<uintptr_t>(p);
  if (!HeapWindow::holds(a)) return heap_hooks.foreign_usable_size(p, call);
  MSpan* s = HeapWindow::span_of(a);
  if (s->state == SpanState::dead || s->state == SpanState::spare) no_object_here(p, s, call);
  if (s->index_exact(a) == MSpan::kNotAnObject) bad_free::interior(p, s, call);
  return (s->state == SpanState::large ? s->bytes() : s->elem_size) - path_mode.guard;
}

namespace {
// realloc in place would hand a freed object out again.
void refuse_free_object(void* p, const char* call) {
  const uintptr_t a = reinterpret_cast<uintptr_t>(p);
  if (!HeapWindow::holds(a)) return;
  MSpan* s = HeapWindow::span_of(a);
  if (s->state == SpanState::large) return;
  const bool is_free = path_mode.bitmap ? !is_allocated(s, s->index_exact(a)) : is_on_a_free_list(static_cast<FreeObject*>(p), s);
  if (is_free) bad_free::double_free(p, s, call);
}

void* copy_to_new(void* p, Bytes have, Bytes n) {
  void* to = heap_malloc(n);
  if (!to) return nullptr;
  memcpy(to, p, min_of(have, n));  // libc's: the program's bytes may be many
  heap_free(p, "realloc");
  return to;
}

void* realloc_large(void* p, MSpan* s, Bytes wanted) {
  const Bytes n = wanted + path_mode.guard;
  const uint32_t stack = path_mode.stacks ? heap_hooks.allocation_stack(wanted) : 0;
  if (mheap.resize_large(s, n)) {
    if (path_mode.stacks) note_allocation(s, 0, wanted, stack);
    return p;
  }
  if (s->bytes() >= kMoveFrom)
    if (MSpan* to = mheap.move_large(s, n)) {
      if (path_mode.stacks) note_allocation(to, 0, wanted, stack);
      return reinterpret_cast<void*>(to->base);
    }
  heap_hooks.before_refill(n);
  MSpan* to = mheap.alloc_growing(n);
  if (!to) return out_of_memory();
  if (path_mode.stacks) note_allocation(to, 0, wanted, stack);
  memcpy(reinterpret_cast<void*>(to->base), p, min_of(s->bytes(), n));
  heap_free(p, "realloc");
  return reinterpret_cast<void*>(to->base);
}
}  // namespace

void* heap_realloc(void* p, Bytes n) {
  if (n > PTRDIFF_MAX) return out_of_memory();
  const Bytes have = heap_usable_size(p, "realloc");
  refuse_free_object(p, "realloc");
  const uintptr_t a = reinterpret_cast<uintptr_t>(p);
  MSpan* s = HeapWindow::holds(a) ? HeapWindow::span_of(a) : nullptr;
  // Stays where it is while it fits and at least half of it is used, or a new one would be no smaller.
  if (s && s->state != SpanState::large && n <= have && (n >= have / 2 || size_class_of(n + path_mode.guard) == s->size_class)) {
    count_alloc(n);
    if (path_mode.stacks) note_allocation(s, s->index_exact(a), n, heap_hooks.allocation_stack(n));
    return p;
  }
  if (s && s->state == SpanState::large && n > kMaxSmall - path_mode.guard) {
    count_alloc(n);
    return realloc_large(p, s, n);
  }
  return copy_to_new(p, have, n);
}

void* heap_memalign(Bytes align, Bytes n) {
  if (align <= 16) return heap_malloc(n);
  if (n > PTRDIFF_MAX - align) return out_of_memory();
  cache_or_late();  // boots the runtime
  // A class whose size is a multiple of the alignment has all its objects aligned, up to its span's own alignment.
  const Bytes want = max_of(n, Bytes{1});
  if (align <= kOsPageSize && want + path_mode.guard <= kMaxSmall)
    for (SizeClass k = size_class_of(max_of(want + path_mode.guard, align)); k < kSizeClasses; k++)
      if (kSizeTable.info[k].size % align == 0) return heap_malloc(kSizeTable.info[k].size - path_mode.guard);
  count_alloc(n);
  void* p = malloc_large(max_of(want, kMaxSmall + 1), max_of(align, kPageSize));
  return p ? p : out_of_memory();
}

}  // namespace gamelan
