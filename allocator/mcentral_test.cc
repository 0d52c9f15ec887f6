#include "allocator/mcentral.h"

#include <vector>

#include "tests/unit/heap.h"

using namespace gamelan;
using test::span_of;
using test::spans_in_use;

namespace {
constexpr SizeClass kClass = 20;

MCentral& central() { return mcentral[kClass]; }

// A span of `live` objects in use and the rest on its list, which `c` holds but has in none of its own lists.
MSpan* made_up_span(MCache* c, unsigned live) {
  MSpan* s = mheap.alloc_span(kClass);
  cr_assert(s);
  s->cache.store_seq(c);
  for (unsigned i = s->nelems; i-- > live;) {
    auto* p = reinterpret_cast<FreeObject*>(s->object(i));
    *p = {s->free, kFreeMark};
    s->free = p;
  }
  s->carved = s->nelems;
  s->live = live;
  s->state = live == s->nelems ? SpanState::full : SpanState::partial;
  return s;
}

size_t spans_here() {
  size_t n = 0;
  Guard g(central().lock);
  central().for_each_locked([&](MSpan*) { n++; });
  return n;
}

void free_remotely(MSpan* s, unsigned i) { MCache::free_unbatched(reinterpret_cast<FreeObject*>(s->object(i)), s); }
}  // namespace

Test(mcentral, has_nothing_at_first) {
  test::start_heap();
  cr_assert_null(central().take_partial(tls_mcache));
}

Test(mcentral, a_partial_span_goes_to_the_next_cache_that_asks) {
  test::start_heap();
  MCache* giver = new_cache();
  MCache* taker = new_cache();
  MSpan* s = made_up_span(giver, 3);
  central().put(s);
  cr_assert_null(s->cache.load_seq());
  cr_assert_eq(spans_here(), 1u);
  cr_assert_eq(central().take_partial(taker), s);
  cr_assert_eq(s->cache.load_seq(), taker);
  cr_assert_eq(s->state, SpanState::partial);
  cr_assert_eq(spans_here(), 0u);
  cr_assert_null(central().take_partial(taker));
}

Test(mcentral, first_come_first_served) {
  test::start_heap();
  MCache* c = new_cache();
  std::vector<MSpan*> spans;
  for (unsigned i = 1; i < 6; i++) spans.push_back(made_up_span(c, i));
  for (MSpan* s : spans) central().put(s);
  for (MSpan* s : spans) cr_assert_eq(central().take_partial(c), s);
}

Test(mcentral, a_full_span_is_not_given_out) {
  test::start_heap();
  MSpan* s = made_up_span(tls_mcache, kSizeTable.info[kClass].objects);
  central().put(s);
  cr_assert_eq(s->state, SpanState::full);
  cr_assert_eq(spans_here(), 1u);
  cr_assert_null(central().take_partial(tls_mcache));
}

Test(mcentral, an_empty_span_goes_home) {
  test::start_heap();
  const uint64_t before = spans_in_use();
  MSpan* s = made_up_span(tls_mcache, 0);
  cr_assert_eq(spans_in_use(), before + 1);
  central().put(s);
  cr_assert_eq(spans_in_use(), before);
  cr_assert_eq(spans_here(), 0u);
}

Test(mcentral, a_span_whose_live_objects_were_all_freed_by_others_goes_home) {
  test::start_heap();
  const uint64_t before = spans_in_use();
  MSpan* s = made_up_span(nullptr, 2);
  central().put(s);
  free_remotely(s, 0);
  cr_assert_eq(spans_in_use(), before + 1);
  cr_assert_eq(s->state, SpanState::partial);
  free_remotely(s, 1);
  cr_assert_eq(spans_in_use(), before);
  cr_assert_eq(spans_here(), 0u);
}

Test(mcentral, a_full_span_is_partial_after_the_first_remote_free) {
  test::start_heap();
  MSpan* s = made_up_span(nullptr, kSizeTable.info[kClass].objects);
  central().put(s);
  free_remotely(s, 5);
  cr_assert_eq(s->state, SpanState::partial);
  cr_assert_not(test::remote_of(s).queued());
  cr_assert_eq(central().take_partial(tls_mcache), s);
  cr_assert_eq(test::remote_of(s).count(), 1u);
}

Test(mcentral, a_put_span_with_remote_frees_alone_is_partial) {
  test::start_heap();
  MCache* c = new_cache();
  MSpan* s = made_up_span(c, kSizeTable.info[kClass].objects);
  s->remote.store_seq(RemoteWord(reinterpret_cast<FreeObject*>(s->object(0)), 1, false).word());
  central().put(s);
  cr_assert_eq(s->state, SpanState::partial);
}

Test(mcentral, settle_tells_that_a_cache_has_the_span) {
  test::start_heap();
  MCache* c = new_cache();
  MSpan* s = made_up_span(c, 3);
  cr_assert_not(central().settle(s));
  cr_assert_eq(s->cache.load_seq(), c);
}

Test(mcentral, a_span_on_its_way_to_an_inbox_stays) {
  test::start_heap();
  const uint64_t before = spans_in_use();
  MSpan* s = made_up_span(new_cache(), 0);
  s->remote.store_seq(RemoteWord::kQueued);
  central().put(s);
  cr_assert_eq(spans_in_use(), before + 1, "somebody is about to tell of it");
  cr_assert(central().settle(s));
  cr_assert_eq(spans_in_use(), before);
}

Test(mcentral, swept_spans_are_taken_before_unswept_ones) {
  test::start_heap();
  MSpan* unswept = made_up_span(nullptr, 1);
  MSpan* swept = made_up_span(nullptr, 2);
  unswept->sweepgen = mheap.sweepgen() + 2;
  swept->sweepgen = mheap.sweepgen();
  central().put(unswept);
  central().put(swept);
  cr_assert_eq(spans_here(), 2u);
  cr_assert_eq(central().take_partial(tls_mcache), swept);
  cr_assert_eq(central().take_partial(tls_mcache), unswept);
}
