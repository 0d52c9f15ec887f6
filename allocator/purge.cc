// allocator/purge.cc: which kernel pages of a span hold nothing.
#include "allocator/purge.h"

#include "allocator/mallocgc.h"
#include "allocator/mheap.h"
#include "allocator/mcache.h"
#include "allocator/sys_memory.h"

namespace gamelan {

namespace {
constexpr unsigned kMostObjects = 4096;

Bytes give_back(uintptr_t from, uintptr_t to) {
  from = align_up(from, kOsPageSize);
  to = align_down(to, kOsPageSize);
  return from < to && sys_unused(from, to - from) ? to - from : 0;
}

// Takes the free objects behind the last one in use off the list: the span looks as it did before it carved them.
Bytes uncarve_tail(MSpan* s) {
  uint64_t free[kMostObjects / 64] = {};
  for (const FreeObject* p = s->free; p != &s->sentinel; p = p->next) {
    const size_t i = s->index_exact(reinterpret_cast<uintptr_t>(p));
    free[i / 64] |= uint64_t{1} << (i % 64);
  }
  unsigned end = s->carved;
  while (end > 0 && (free[(end - 1) / 64] >> ((end - 1) % 64) & 1)) end--;
  if (end == s->carved) return 0;
  FreeObject** link = &s->free;
  for (FreeObject* p = s->free; p != &s->sentinel; p = p->next)
    if (reinterpret_cast<uintptr_t>(p) < s->object(end)) {
      *link = p;
      link = &p->next;
    }
  *link = &s->sentinel;
  if (s->carved == s->nelems) mheap.no_longer_dense(s);
  s->carved = static_cast<uint16_t>(end);
  s->needzero = 1;  // the page that `end` lies in keeps its bytes
  return give_back(s->object(end), s->end());
}

Bytes purge_lists(MSpan* s) {
  s->live -= MCache::absorb_remote(s, ~uint64_t{0});
  Bytes gone = uncarve_tail(s);
  if (s->elem_size < 2 * kOsPageSize) return gone;
  for (const FreeObject* p = s->free; p != &s->sentinel; p = p->next) {
    const uintptr_t at = reinterpret_cast<uintptr_t>(p);
    gone += give_back(at + sizeof *p, at + s->elem_size);
  }
  return gone;
}

Bytes purge_bitmap(MSpan* s) {
  Bytes gone = 0;
  uintptr_t from = s->base;  // no allocated object lies in [from, the current one)
  for (size_t i = 0; i < s->nelems; i++) {
    if (!is_allocated(s, i)) continue;
    gone += give_back(from, s->object(i));
    from = s->object(i + 1);
  }
  return gone + give_back(from, s->end());
}
}  // namespace

Bytes purge_span(MSpan* s) { return path_mode.bitmap ? purge_bitmap(s) : purge_lists(s); }

}  // namespace gamelan
