// allocator/verify.cc: walking everything a cache holds.
#include "allocator/verify.h"
#include "allocator/mallocgc.h"

#include "allocator/base/fatal.h"
#include "allocator/base/metrics.h"
#include "allocator/base/options.h"
#include "allocator/mheap.h"

namespace gamelan {

namespace {
constinit Atomic<uint64_t> calls{0};

void must(bool holds, const char* what, const MSpan* s) {
  if (GAMELAN_LIKELY(holds)) return;
  Line line;
  line.text("heap verifier: ").text(what);
  if (s) line.text(", span ").hex(s->base).text(" class ").dec(s->elem_size).text(" state ").dec(static_cast<uint64_t>(s->state));
  fatal(line.c_str());
}

unsigned verify_list(const MSpan* s) {
  unsigned n = 0;
  for (const FreeObject* p = s->free; p != &s->sentinel; p = p->next, n++) {
    const size_t i = s->index_exact(reinterpret_cast<uintptr_t>(p));
    must(i != MSpan::kNotAnObject && i < s->carved, "a free list leaves its span", s);
    must(p->mark == kFreeMark, "a free object lost its mark", s);
    must(n < s->nelems, "a free list has a cycle", s);
  }
  return n;
}

void verify_bits(const MSpan* s) {
  if (!s->alloc_bits) return;
  unsigned live = 0;
  for (unsigned i = 0; i < s->nelems; i++) {
    const bool used = is_allocated(s, i);
    live += used;
    must(used || i >= s->free_index, "a free object lies below the free index", s);
  }
  must(live == s->alloc_count, "the allocation count is wrong", s);
}

void verify_span(MCache* c, const MSpan* s) {
  must(s->cache.load_relaxed() == c, "a span is in the wrong cache", s);
  must(HeapWindow::span_of(s->base) == s && HeapWindow::span_of(s->end() - 1) == s, "the page table is wrong", s);
  must(s->sentinel.next == &s->sentinel && s->sentinel.mark != kFreeMark, "a sentinel was written to", s);
  if (s->state == SpanState::spare) return;
  if (path_mode.bitmap) return verify_bits(s);
  const unsigned listed = verify_list(s);
  if (s->state == SpanState::partial || s->state == SpanState::empty)
    must(s->local_live() == s->carved - listed, "a credit is wrong", s);
  if (s->state == SpanState::full) must(listed == 0 && s->carved == s->nelems, "a full span has free objects", s);
}
}  // namespace

void verify_locked(MCache* c) {
  c->for_each_span_locked([c](const MSpan* s) { verify_span(c, s); });
  if (mheap.lock.try_lock()) {
    const bool ok = mheap.is_consistent_locked();
    mheap.lock.unlock();
    must(ok, "the page tree is wrong", nullptr);
  }
  metric_add(Metric::verified, 1);
}

void verify_now_and_then_locked(MCache* c) {
  const uint64_t every = options().verify;
  if (GAMELAN_LIKELY(every == 0)) return;
  if (calls.fetch_add(1) % every == 0) verify_locked(c);
}

}  // namespace gamelan
