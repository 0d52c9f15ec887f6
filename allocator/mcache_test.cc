#include "allocator/mcache.h"

#include <set>
#include <vector>

#include "tests/unit/heap.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::As;
using test::remote_of;
using test::span_of;
using test::spans_in_use;

namespace {
constexpr Bytes kSize = 1024;  // 64 to a span

std::vector<void*> take(Bytes size, size_t n) {
  std::vector<void*> p(n);
  for (void*& q : p) cr_assert(q = heap_malloc(size));
  return p;
}

void give(const std::vector<void*>& p) {
  for (void* q : p) heap_free(q, "free");
}

size_t objects_per_span(Bytes size) { return kSizeTable.info[size_class_of(size)].objects; }

// As many objects as fill `spans` spans of a cache that has none of this class.
uint64_t most_spares() { return MCache::most_spare_bytes() / kBlock; }
std::vector<void*> fill_spans(Bytes size, size_t spans) { return take(size, spans * objects_per_span(size)); }

std::set<MSpan*> spans_of(const std::vector<void*>& p) {
  std::set<MSpan*> s;
  for (void* q : p) s.insert(span_of(q));
  return s;
}

size_t visible_remote_frees(const std::set<MSpan*>& spans) {
  size_t n = 0;
  for (MSpan* s : spans) n += remote_of(s).count();
  return n;
}

// The spans that a cache holds; each once, and each knows it.
std::multiset<MSpan*> held_by(MCache* c) {
  std::multiset<MSpan*> all;
  Guard g(c->lock);
  c->for_each_span_locked([&](MSpan* s) {
    all.insert(s);
    cr_assert_eq(s->cache.load_relaxed(), c);
  });
  for (MSpan* s : all) cr_assert_eq(all.count(s), 1u);
  return all;
}
}  // namespace

// ---- allocating -------------------------------------------------------------------------------------------------

Test(mcache, the_fallback_has_no_span_and_sends_every_call_to_the_slow_path) {
  cr_assert_eq(tls_mcache, &fallback_mcache);
  for (Bytes n = 0; n <= kMaxMapped; n++) cr_assert_null(pop(fallback_mcache.span[fallback_mcache.class_of[n]]));
}

Test(mcache, objects_come_in_address_order_from_a_fresh_span) {
  test::start_heap();
  for (SizeClass k = 1; k < kSizeClasses; k++) {
    const Bytes size = kSizeTable.info[k].size;
    auto* first = static_cast<char*>(heap_malloc(size));
    cr_assert_eq(first, reinterpret_cast<char*>(span_of(first)->base));
    for (size_t i = 1; i < objects_per_span(size); i++) cr_assert_eq(heap_malloc(size), first + i * size);
    cr_assert_neq(span_of(heap_malloc(size)), span_of(first));
  }
  test::verify(tls_mcache);
}

Test(mcache, carving_touches_about_one_kernel_page_at_a_time) {
  test::start_heap();
  for (SizeClass k = 1; k < kSizeClasses; k++) {
    const Bytes size = kSizeTable.info[k].size;
    MSpan* s = span_of(heap_malloc(size));
    cr_assert_leq(s->carved * size, max_of(size, kOsPageSize), "class %u", k);
    // The link and mark of every object carved, and nothing behind.
    cr_assert_leq(test::resident_bytes(s), 2 * kOsPageSize, "class %u", k);
    while (s->free != &s->sentinel) heap_malloc(size);
    const unsigned before = s->carved;
    if (before == s->nelems) continue;
    heap_malloc(size);
    cr_assert_gt(s->carved, before);
    cr_assert_leq((s->carved - before) * size, max_of(4 * size, kOsPageSize), "class %u", k);
  }
}

Test(mcache, a_span_that_ran_out_is_full_and_the_next_one_current) {
  test::start_heap();
  const auto p = fill_spans(kSize, 1);
  MSpan* s = span_of(p[0]);
  cr_assert_eq(test::spans_in_use(), 1u);
  void* next = heap_malloc(kSize);
  cr_assert_eq(s->state, SpanState::full);
  cr_assert_eq(s->credit, 0u);
  cr_assert_eq(span_of(next)->state, SpanState::current);
  cr_assert_eq(tls_mcache->current(size_class_of(kSize)), span_of(next));
  cr_assert_eq(held_by(tls_mcache).size(), 2u);
}

Test(mcache, the_hook_hears_of_every_refill_with_a_new_span) {
  test::start_heap();
  const uint64_t before = test::hook_calls.before_refill.load_seq();
  fill_spans(kSize, 5);
  cr_assert_geq(test::hook_calls.before_refill.load_seq() - before, 5u);
}

// ---- credit -----------------------------------------------------------------------------------------------------

Test(mcache, the_first_free_of_a_full_span_makes_it_partial) {
  test::start_heap();
  const auto p = fill_spans(kSize, 1);
  MSpan* s = span_of(p[0]);
  heap_malloc(kSize);
  heap_free(p[7], "free");
  cr_assert_eq(s->state, SpanState::partial);
  cr_assert_eq(s->local_live(), s->nelems - 1u);
  test::verify(tls_mcache);
}

Test(mcache, the_last_free_of_a_partial_span_gives_it_up) {
  test::start_heap();
  test::Random random(1);
  for (Bytes size : {Bytes{16}, Bytes{48}, kSize, 8 * KiB, 32 * KiB}) {
    auto p = fill_spans(size, 1);
    MSpan* s = span_of(p[0]);
    void* other = heap_malloc(size);
    for (size_t i = p.size(); i > 1; i--) std::swap(p[i - 1], p[random.below(i)]);
    for (size_t i = 0; i + 1 < p.size(); i++) heap_free(p[i], "free");
    cr_assert_eq(s->state, SpanState::partial);
    cr_assert_eq(s->local_live(), 1u);
    heap_free(p.back(), "free");
    cr_assert(s->state == SpanState::spare || s->state == SpanState::dead);
    heap_free(other, "free");
    test::verify(tls_mcache);
  }
}

Test(mcache, partial_spans_are_filled_again_before_new_ones_are_made) {
  test::start_heap();
  const auto p = fill_spans(kSize, 4);
  const uint64_t before = spans_in_use();
  for (size_t i = 0; i < p.size(); i += 2) heap_free(p[i], "free");
  const auto again = take(kSize, p.size() / 2);
  cr_assert_eq(spans_in_use(), before);
  cr_assert(spans_of(again) == spans_of(p));
  cr_assert_eq(std::set<void*>(again.begin(), again.end()).size(), again.size());
  test::verify(tls_mcache);
}

Test(mcache, a_current_spans_credit_never_ends) {
  test::start_heap();
  void* p = heap_malloc(kSize);
  MSpan* s = span_of(p);
  cr_assert_eq(s->credit, kNever);
  s->credit = 0;
  heap_free(p, "free");
  cr_assert_eq(s->state, SpanState::current);
  cr_assert_eq(s->credit, kNever);
  cr_assert_eq(span_of(heap_malloc(kSize)), s);
}

// ---- spares -----------------------------------------------------------------------------------------------------

Test(mcache, keeps_a_few_empty_spans_and_sends_the_rest_home) {
  test::start_heap();
  const auto p = fill_spans(kSize, 3 * most_spares());
  const uint64_t full = spans_in_use();
  give(p);
  cr_assert_lt(spans_in_use(), full);
  cr_assert_leq(spans_in_use(), most_spares() + 1u);
  test::verify(tls_mcache);
}

Test(mcache, a_spare_serves_any_other_class_of_its_size) {
  test::start_heap();
  give(fill_spans(16, 3));
  give(fill_spans(16, 3));
  const uint64_t before = spans_in_use();
  cr_assert_geq(before, 2u);
  for (Bytes size : {Bytes{2048}, Bytes{96}}) {
    auto p = fill_spans(size, 1);
    cr_assert_eq(spans_in_use(), before, "class of %zu", size);
    for (void* q : p) test::fill(q, size, reinterpret_cast<uint64_t>(q));
    for (void* q : p) cr_assert(test::is_filled(q, size, reinterpret_cast<uint64_t>(q)));
  }
  test::verify(tls_mcache);
}

Test(mcache, a_spare_of_the_same_class_comes_back_with_its_objects) {
  test::start_heap();
  MCache* other = new_cache();
  for (Bytes size : {Bytes{96}, Bytes{8192}, Bytes{32768}}) {
    auto p = fill_spans(size, 1);
    MSpan* s = span_of(p[0]);
    void* next = heap_malloc(size);
    const std::set<void*> objects(p.begin(), p.end());
    {
      As a(other);  // half of them are another's to free, and stay on the span's own stack
      for (size_t i = 0; i < p.size(); i += 2) heap_free(p[i], "free");
      other->flush_batches();
    }
    tls_mcache->collect_inbox(MCache::Patience::waits);
    for (size_t i = 1; i < p.size(); i += 2) heap_free(p[i], "free");
    tls_mcache->collect_inbox(MCache::Patience::waits);
    cr_assert_eq(s->state, SpanState::spare, "%zu", size);
    // The rest of the current span, then the spare.
    std::set<void*> again;
    while (again.size() < objects.size()) {
      void* q = heap_malloc(size);
      if (span_of(q) == s) again.insert(q);
    }
    cr_assert(again == objects);
    heap_free(next, "free");
    test::verify(tls_mcache);
  }
}

Test(mcache, memory_of_a_spare_does_not_pass_for_zero) {
  test::start_heap();
  auto p = fill_spans(64, 2);
  for (void* q : p) test::fill(q, 64, 1);
  give(p);
  for (int i = 0; i < 3000; i++) {
    auto* z = static_cast<char*>(heap_calloc_slow(80));
    for (int b = 0; b < 80; b++) cr_assert_eq(z[b], 0);
  }
}

// ---- abandoned caches -------------------------------------------------------------------------------------------

Test(mcache, abandon_leaves_nothing_behind_where_all_was_freed) {
  test::start_heap();
  const uint64_t before = spans_in_use();
  for (SizeClass k = 1; k < kSizeClasses; k++) give(take(kSizeTable.info[k].size, 100));
  give(fill_spans(kSize, 20));
  tls_mcache->abandon();
  cr_assert(held_by(tls_mcache).empty());
  cr_assert_eq(spans_in_use(), before);
}

Test(mcache, abandoned_spans_are_adopted_by_the_next_cache) {
  test::start_heap();
  MCache* first = new_cache();
  MCache* second = new_cache();
  std::vector<void*> p;
  {
    As a(first);
    p = take(kSize, 2 * objects_per_span(kSize) + 10);
    for (size_t i = 0; i < p.size(); i += 4) heap_free(p[i], "free");
    first->abandon();
  }
  cr_assert(held_by(first).empty());
  As b(second);
  const uint64_t before = spans_in_use();
  const auto mine = take(kSize, p.size() / 4);
  cr_assert_eq(spans_in_use(), before);
  for (MSpan* s : spans_of(mine)) cr_assert(spans_of(p).count(s));
  const std::set<void*> live(p.begin(), p.end());
  for (size_t i = 0; i < p.size(); i++)
    if (i % 4) cr_assert_eq(std::count(mine.begin(), mine.end(), p[i]), 0, "a live object was given out");
  test::verify(second);
}

Test(mcache, an_abandoned_cache_can_be_used_again) {
  test::start_heap();
  for (int i = 0; i < 20; i++) {
    const auto p = take(kSize, 100);
    const auto q = take(5000, 30);
    tls_mcache->abandon();
    give(p);
    give(q);
    test::verify(tls_mcache);
  }
  test::abandon_all();
  cr_assert_eq(spans_in_use(), 0u);
}

Test(mcache, an_abandoned_full_span_comes_back_when_others_free_in_it) {
  test::start_heap();
  MCache* first = new_cache();
  MCache* second = new_cache();
  std::vector<void*> p;
  {
    As a(first);
    p = fill_spans(kSize, 1);
    heap_malloc(kSize);
    first->abandon();
  }
  MSpan* s = span_of(p[0]);
  cr_assert_eq(s->state, SpanState::full);
  As b(second);
  heap_free(p[0], "free");
  second->flush_batches();
  cr_assert_eq(s->state, SpanState::partial);
  for (size_t i = 1; i < p.size(); i++) heap_free(p[i], "free");
  second->flush_batches();
  cr_assert_eq(s->state, SpanState::dead);
}

// ---- remote frees -----------------------------------------------------------------------------------------------

Test(remote_free, is_handed_over_a_batch_at_a_time) {
  test::start_heap();
  MCache* owner = new_cache();
  MCache* other = new_cache();
  std::vector<void*> p;
  {
    As a(owner);
    p = take(16, 3 * MCache::kBatchMost);
  }
  MSpan* s = span_of(p[0]);
  As b(other);
  size_t i = 0;
  while (i < MCache::kBatchMost - 1) heap_free(p[i++], "free");
  cr_assert_eq(remote_of(s).count(), 0u);
  while (i < MCache::kBatchMost + 1) heap_free(p[i++], "free");
  cr_assert_geq(remote_of(s).count(), MCache::kBatchMost);
  cr_assert(remote_of(s).queued());
  while (i < p.size()) heap_free(p[i++], "free");
  other->flush_batches();
  cr_assert_eq(remote_of(s).count(), p.size());
}

Test(remote_free, a_batch_makes_room_for_another_span) {
  test::start_heap();
  MCache* owner = new_cache();
  MCache* other = new_cache();
  std::vector<void*> p;
  {
    As a(owner);
    p = fill_spans(kSize, 5 * MCache::kBatches);
    heap_malloc(kSize);
  }
  As b(other);
  for (size_t i = 0; i < p.size(); i += objects_per_span(kSize)) heap_free(p[i], "free");
  cr_assert_geq(visible_remote_frees(spans_of(p)), 4 * MCache::kBatches);
  other->flush_batches();
  cr_assert_eq(visible_remote_frees(spans_of(p)), 5 * MCache::kBatches);
}

Test(remote_free, the_owner_reuses_what_others_freed_before_it_asks_for_a_span) {
  test::start_heap();
  MCache* owner = new_cache();
  MCache* other = new_cache();
  std::vector<void*> p;
  {
    As a(owner);
    p = fill_spans(kSize, 3);
  }
  {
    As b(other);
    for (size_t i = 0; i < p.size(); i += 3) heap_free(p[i], "free");
    other->flush_batches();
  }
  As a(owner);
  const uint64_t before = spans_in_use();
  const auto again = take(kSize, p.size() / 3);
  cr_assert_eq(spans_in_use(), before);
  std::set<void*> freed;
  for (size_t i = 0; i < p.size(); i += 3) freed.insert(p[i]);
  for (void* q : again) cr_assert_eq(freed.erase(q), 1u);
  cr_assert(freed.empty());
  test::verify(owner);
}

Test(remote_free, empties_spans_whose_owner_sleeps) {
  test::start_heap();
  MCache* owner = new_cache();
  MCache* other = new_cache();
  const uint64_t before = spans_in_use();
  std::vector<void*> p;
  {
    As a(owner);
    p = fill_spans(kSize, 40 + most_spares());
    p.push_back(heap_malloc(kSize));
  }
  As b(other);
  give(p);
  other->flush_batches();
  cr_assert_leq(spans_in_use(), before + most_spares() + 1);
  test::verify(owner);
}

Test(remote_free, a_visitor_takes_empty_spans_only) {
  test::start_heap();
  MCache* owner = new_cache();
  MCache* other = new_cache();
  std::vector<void*> p;
  {
    As a(owner);
    p = fill_spans(kSize, 2);
    heap_malloc(kSize);
  }
  MSpan* first = span_of(p[0]);
  MSpan* second = span_of(p.back());
  As b(other);
  for (size_t i = 0; i + 1 < p.size(); i++) heap_free(p[i], "free");
  other->flush_batches();
  owner->collect_inbox(MCache::Patience::waits);
  cr_assert(first->state == SpanState::spare || first->state == SpanState::dead);
  cr_assert_eq(second->state, SpanState::full, "only its holder may change it while an object lives");
  heap_free(p.back(), "free");
  other->flush_batches();
  cr_assert(second->state == SpanState::spare || second->state == SpanState::dead);
}

Test(remote_free, is_noticed_by_whoever_frees_the_last_object) {
  test::start_heap();
  MCache* owner = new_cache();
  MCache* other = new_cache();
  std::vector<void*> p;
  {
    As a(owner);
    p = fill_spans(16, 12 + most_spares());  // 4096 objects each: many batches to a span
    p.push_back(heap_malloc(16));
  }
  As b(other);
  give(p);
  other->flush_batches();
  cr_assert_leq(spans_in_use(), most_spares() + 1u);
  test::verify(owner);
}

Test(remote_free, the_owner_empties_a_span_in_which_others_freed_before) {
  test::start_heap();
  MCache* owner = new_cache();
  MCache* other = new_cache();
  std::vector<void*> p;
  {
    As a(owner);
    p = fill_spans(kSize, 3);
    heap_malloc(kSize);
  }
  MSpan* s = span_of(p[0]);
  {
    As b(other);
    for (size_t i = 0; i < 10; i++) heap_free(p[i], "free");
    other->flush_batches();
  }
  As a(owner);
  heap_malloc(64);  // a refill: the owner looks into its inbox
  for (size_t i = 10; i < objects_per_span(kSize); i++) heap_free(p[i], "free");
  cr_assert(s->state == SpanState::spare || s->state == SpanState::dead);
  test::verify(owner);
}

Test(remote_free, both_the_owner_and_others_may_empty_a_span) {
  test::start_heap();
  MCache* owner = new_cache();
  MCache* other = new_cache();
  test::Random random(4);
  for (int round = 0; round < 200; round++) {
    std::vector<void*> p;
    {
      As a(owner);
      p = take(kSize, 1 + random.below(200));
    }
    while (!p.empty()) {
      const size_t i = random.below(p.size());
      As whoever(random.once_in(2) ? owner : other);
      heap_free(p[i], "free");
      p[i] = p.back();
      p.pop_back();
      if (random.once_in(50)) other->flush_batches();
      if (random.once_in(50)) owner->collect_inbox(MCache::Patience::waits);
    }
    other->flush_batches();
    test::verify(owner);
  }
  test::abandon_all();
  cr_assert_eq(spans_in_use(), 0u);
}

Test(remote_free, follows_a_span_that_has_moved_to_another_cache) {
  test::start_heap();
  MCache* first = new_cache();
  MCache* second = new_cache();
  MCache* other = new_cache();
  std::vector<void*> p;
  {
    As a(first);
    p = take(kSize, 40);
  }
  {
    As b(other);  // an open batch for a span that moves on twice
    for (int i = 0; i < 10; i++) heap_free(p[static_cast<size_t>(i)], "free");
  }
  first->abandon();
  {
    As c(second);
    while (span_of(heap_malloc(kSize)) != span_of(p[0])) continue;
  }
  other->flush_batches();
  cr_assert_eq(span_of(p[0])->cache.load_seq(), second);
  {
    As b(other);
    for (size_t i = 10; i < p.size(); i++) heap_free(p[i], "free");
  }
  test::abandon_all();
  test::verify_all();
}

Test(remote_free, a_thread_at_its_end_frees_without_a_batch) {
  test::start_heap();
  MCache* owner = new_cache();
  std::vector<void*> p;
  {
    As a(owner);
    p = fill_spans(kSize, 1);
    heap_malloc(kSize);
  }
  MSpan* s = span_of(p[0]);
  for (size_t i = 0; i < p.size(); i++) {
    if (i == 5) cr_assert_eq(remote_of(s).count(), 5u);
    MCache::free_unbatched(static_cast<FreeObject*>(p[i]), s);
  }
  cr_assert(s->state == SpanState::spare || s->state == SpanState::dead);
}

// ---- fork -------------------------------------------------------------------------------------------------------

Test(mcache, mend_in_child_repairs_a_pop_that_was_cut_short) {
  test::start_heap();
  MCache* gone = new_cache();
  {
    As a(gone);
    heap_malloc(kSize);
    heap_malloc(16);
  }
  // malloc had cleared the mark and not yet moved the list on.
  FreeObject* p = gone->current(size_class_of(16))->free;
  p->mark -= kFreeMark;
  gone->mend_in_child();
  cr_assert_eq(p->mark, kFreeMark);
  test::verify(gone);
  gone->abandon();
}

Test(mcache, mend_in_child_counts_again_what_a_cut_short_free_left_uncounted) {
  test::start_heap();
  MCache* gone = new_cache();
  std::vector<void*> p;
  {
    As a(gone);
    p = fill_spans(kSize, 2);
    heap_malloc(kSize);
    heap_free(p[0], "free");  // the first span is partial, the second full
    for (size_t i = 2; span_of(p[i]) == span_of(p[0]); i++) heap_free(p[i], "free");
  }
  // free() had pushed the last object of the first; the credit was still to be written.
  MSpan* s = span_of(p[1]);
  cr_assert_eq(s->local_live(), 1u);
  auto* object = static_cast<FreeObject*>(p[1]);
  *object = {s->free, kFreeMark};
  s->free = object;
  gone->mend_in_child();
  cr_assert_eq(s->state, SpanState::empty);
  test::verify(gone);
  gone->abandon();
  cr_assert_eq(s->state, SpanState::dead, "empty spans go home");
  As b(tls_mcache);
  for (void* q : p)
    if (span_of(q) == span_of(p.back())) heap_free(q, "free");
  tls_mcache->flush_batches();
  cr_assert_eq(span_of(p.back())->state, SpanState::dead, "empty spans go home");
}

Test(mcache, mend_in_child_drops_batches_that_may_be_torn) {
  test::start_heap();
  MCache* owner = new_cache();
  MCache* gone = new_cache();
  std::vector<void*> p;
  {
    As a(owner);
    p = take(kSize, 10);
  }
  {
    As b(gone);
    give(p);
  }
  gone->mend_in_child();
  gone->abandon();
  cr_assert_eq(remote_of(span_of(p[0])).count(), 0u);
  test::verify(owner);
}
