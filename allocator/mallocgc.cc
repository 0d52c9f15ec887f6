// allocator/mallocgc.cc: bits, and nothing in the objects.
#include "allocator/mallocgc.h"

#include "allocator/bad_free.h"
#include "allocator/base/mem.h"
#include "allocator/base/metrics.h"
#include "allocator/hooks.h"
#include "allocator/mcentral.h"
#include "allocator/sys_memory.h"
#include "allocator/verify.h"

namespace gamelan {

namespace {
// Bitmaps of 8, 16, 32 and 64 words: 4096 objects need 64.
constexpr unsigned kPools = 4;
struct FreeBits { FreeBits* next; };
constinit Lock pool_lock{LockRank::metadata};
constinit FreeBits* pool[kPools] = {};

unsigned pool_of(unsigned nelems) {
  unsigned p = 0;
  while ((512u << p) < nelems) p++;
  return p;
}

// Where notes are taken they lie behind the bits.
Bytes bits_of(unsigned p) { return Bytes{64} << p; }
Bytes notes_of(unsigned p) { return path_mode.stacks ? (Bytes{512} << p) * sizeof(uint32_t) : 0; }

bool make_bits(MSpan* s) {
  const unsigned p = pool_of(s->nelems);
  const Bytes size = bits_of(p);
  {
    Guard g(pool_lock);
    if (FreeBits* b = pool[p]) {
      pool[p] = b->next;
      s->alloc_bits = reinterpret_cast<uint64_t*>(b);
    }
  }
  if (!s->alloc_bits) s->alloc_bits = static_cast<uint64_t*>(sys_alloc(size + notes_of(p), 64));
  if (!s->alloc_bits) return false;
  mem::zero(s->alloc_bits, size);
  if (path_mode.stacks) s->stack_ids = reinterpret_cast<uint32_t*>(reinterpret_cast<char*>(s->alloc_bits) + size);
  s->free_index = s->alloc_count = 0;
  return true;
}

// The first clear bit from free_index on, or kNotAnObject. Go's nextFreeIndex.
size_t next_free(MSpan* s) {
  for (size_t i = s->free_index; i < s->nelems; i = (i | 63) + 1) {
    const uint64_t free = ~s->alloc_bits[i / 64] >> (i % 64);
    if (!free) continue;
    i += static_cast<size_t>(__builtin_ctzll(free));
    return i < s->nelems ? i : MSpan::kNotAnObject;
  }
  return MSpan::kNotAnObject;
}

void* take(MSpan* s, Bytes n, uint32_t stack) {
  const size_t i = next_free(s);
  if (i == MSpan::kNotAnObject) {
    s->free_index = s->nelems;
    return nullptr;
  }
  __atomic_fetch_or(&s->alloc_bits[i / 64], uint64_t{1} << (i % 64), __ATOMIC_RELAXED);
  s->free_index = static_cast<uint16_t>(i + 1);
  s->alloc_count++;
  if (path_mode.stacks) note_allocation(s, i, n, stack);
  return reinterpret_cast<void*>(s->object(i));
}

// Locks whoever holds `s`, which a live object keeps in use. Returns the cache, or nullptr: the central is locked.
MCache* lock_holder(MSpan* s) {
  for (;;) {
    MCache* c = s->cache.load_seq();
    Lock& l = c ? c->lock : mcentral[s->size_class].lock;
    l.lock();
    if (s->cache.load_seq() == c) return c;
    l.unlock();
  }
}
}  // namespace

Lock& mallocgc_pool_lock() { return pool_lock; }

bool is_allocated(const MSpan* s, size_t index) {
  if (s->state == SpanState::large) return true;
  return s->alloc_bits && (__atomic_load_n(&s->alloc_bits[index / 64], __ATOMIC_RELAXED) >> (index % 64) & 1);
}

void note_allocation(MSpan* s, size_t index, Bytes n, uint32_t stack) {
  if (s->state == SpanState::large) {
    s->live = stack;  // `requested` has the bytes
    return;
  }
  const uint32_t slack = (s->elem_size - static_cast<uint32_t>(n)) / note_unit(s->elem_size);
  s->stack_ids[index] = AllocationNote{stack, slack}.packed();
}

void mallocgc_release_bits(MSpan* s) {
  auto* b = reinterpret_cast<FreeBits*>(s->alloc_bits);
  s->alloc_bits = nullptr;
  s->stack_ids = nullptr;
  if (!b) return;
  Guard g(pool_lock);
  b->next = pool[pool_of(s->nelems)];
  pool[pool_of(s->nelems)] = b;
}

void* mallocgc(MCache* c, SizeClass k, Bytes n) {
  const uint32_t stack = path_mode.stacks ? heap_hooks.allocation_stack(n) : 0;
  const MSpan* now = c->current(k);
  if (!now || now->free_index == now->nelems) heap_hooks.before_refill(kSizeTable.info[k].size);
  Guard g(c->lock);
  for (;;) {
    if (MSpan* s = c->current(k)) {
      if (void* p = take(s, n, stack)) {
        // A span with a past was zeroed object by object at each free, but for what lay there before this class.
        if (s->needzero) mem::zero(p, s->elem_size);
        return p;
      }
      c->retire_full_locked(k);
    }
    metric_add(Metric::refills, 1);
    verify_now_and_then_locked(c);
    MSpan* s = c->next_span_locked(k);
    if (!s || (!s->alloc_bits && !make_bits(s))) return nullptr;
    c->make_current_locked(k, s);
  }
}

void freegc(void* p, MSpan* s, const char* call) {
  const size_t i = s->index_exact(reinterpret_cast<uintptr_t>(p));
  if (i == MSpan::kNotAnObject) bad_free::interior(p, s, call);
  if (!is_allocated(s, i)) bad_free::double_free(p, s, call);
  MCache* c = lock_holder(s);
  const uint64_t bit = uint64_t{1} << (i % 64);
  if (!(s->alloc_bits[i / 64] & bit)) bad_free::double_free(p, s, call);
  mem::zero(p, s->elem_size);
  __atomic_fetch_and(&s->alloc_bits[i / 64], ~bit, __ATOMIC_RELAXED);
  s->alloc_count--;
  s->free_index = min_of(s->free_index, static_cast<uint16_t>(i));
  if (!c) return mcentral[s->size_class].freed_one_and_unlock(s);
  if (s->state == SpanState::full) c->unfill_locked(s);
  if (s->state == SpanState::partial && s->alloc_count == 0) c->release_locked(s);
  c->lock.unlock();
}

}  // namespace gamelan
