#include "allocator/verify.h"

#include <functional>
#include <vector>

#include "allocator/base/options.h"
#include "tests/unit/death.h"
#include "tests/unit/heap.h"

using namespace gamelan;
using test::end_of;
using test::span_of;

namespace {
constexpr Bytes kSize = 1024;

// A cache with a current, a full, a partial and (given away by the last free) a spare span.
struct Spans {
  MSpan* full;
  MSpan* partial;
  MSpan* spare;
  MSpan* current;
};

Spans make_spans() {
  constexpr size_t n = 64;
  std::vector<void*> p;
  for (size_t i = 0; i < 3 * n + 5; i++) p.push_back(heap_malloc(kSize));
  for (size_t i = 0; i < 20; i++) heap_free(p[n + i], "free");
  for (size_t i = 0; i < n; i++) heap_free(p[2 * n + i], "free");
  return {span_of(p[0]), span_of(p[n]), span_of(p[2 * n]), span_of(p[3 * n])};
}

// A heap that passes, until `harm` was done to it.
void expect_fault(bool bitmap, const char* words, const std::function<void(const Spans&)>& harm) {
  test::start_heap(bitmap);
  const Spans spans = make_spans();
  test::verify(tls_mcache);
  const auto end = end_of([&] {
    harm(spans);
    test::verify(tls_mcache);
  });
  cr_assert(end.aborted_saying((std::string("fatal: heap verifier: ") + words).c_str()), "said: %d %d %s", end.signal, end.exit_code, end.words.c_str());
}
}  // namespace

Test(verify, a_sound_heap_passes_and_is_counted) {
  test::start_heap();
  const Spans s = make_spans();
  cr_assert_eq(s.full->state, SpanState::full);
  cr_assert_eq(s.partial->state, SpanState::partial);
  cr_assert_eq(s.spare->state, SpanState::spare);
  cr_assert_eq(s.current->state, SpanState::current);
  test::verify(tls_mcache);
  cr_assert_eq(metric_read(Metric::verified), 1u);
}

Test(verify, finds_a_list_that_leaves_its_span) {
  static FreeObject stray{nullptr, kFreeMark};
  expect_fault(false, "a free list leaves its span", [](const Spans& s) { s.partial->free->next = &stray; });
}

Test(verify, finds_a_list_that_points_into_an_object) {
  expect_fault(false, "a free list leaves its span", [](const Spans& s) {
    s.partial->free->next = reinterpret_cast<FreeObject*>(reinterpret_cast<uintptr_t>(s.partial->free) + 16);
  });
}

Test(verify, finds_a_list_that_reaches_what_was_never_carved) {
  expect_fault(false, "a free list leaves its span", [](const Spans& s) {
    cr_assert_lt(s.current->carved, s.current->nelems);
    auto* p = reinterpret_cast<FreeObject*>(s.current->object(s.current->carved));
    *p = {s.current->free, kFreeMark};
    s.current->free = p;
  });
}

Test(verify, finds_a_lost_mark) {
  expect_fault(false, "a free object lost its mark", [](const Spans& s) { s.partial->free->next->mark = 1; });
}

Test(verify, finds_a_cycle) {
  expect_fault(false, "a free list has a cycle", [](const Spans& s) { s.partial->free->next->next = s.partial->free; });
}

Test(verify, finds_a_wrong_credit) {
  expect_fault(false, "a credit is wrong", [](const Spans& s) { s.partial->credit += kCreditUnit; });
}

Test(verify, finds_a_full_span_with_a_free_object) {
  expect_fault(false, "a full span has free objects", [](const Spans& s) {
    auto* p = reinterpret_cast<FreeObject*>(s.full->base);
    *p = {&s.full->sentinel, kFreeMark};
    s.full->free = p;
  });
}

Test(verify, finds_a_span_that_belongs_to_another_cache) {
  expect_fault(false, "a span is in the wrong cache", [](const Spans& s) { s.full->cache.store_seq(&fallback_mcache); });
}

Test(verify, finds_a_page_that_names_another_span) {
  expect_fault(false, "the page table is wrong", [](const Spans& s) { HeapWindow::spans[HeapWindow::page_of(s.full->base)] = s.partial; });
}

Test(verify, finds_a_last_page_that_names_another_span) {
  expect_fault(false, "the page table is wrong",
               [](const Spans& s) { HeapWindow::spans[HeapWindow::page_of(s.spare->end() - 1)] = &dummy_span; });
}

Test(verify, finds_a_sentinel_that_was_written_to) {
  expect_fault(false, "a sentinel was written to", [](const Spans& s) { s.current->sentinel.next = s.current->free; });
}

Test(verify, finds_a_sentinel_marked_free) {
  expect_fault(false, "a sentinel was written to", [](const Spans& s) { s.full->sentinel.mark = kFreeMark; });
}

Test(verify, finds_a_wrong_page_tree) {
  expect_fault(false, "the page tree is wrong", [](const Spans&) {
    const_cast<ChunkMeta&>(mheap.pages_test_only().chunk(0)).summary.max++;
  });
}

Test(verify, finds_a_free_object_below_the_free_index) {
  expect_fault(true, "a free object lies below the free index", [](const Spans& s) {
    s.full->alloc_bits[0] &= ~uint64_t{4};
    s.full->alloc_count--;
  });
}

Test(verify, finds_a_wrong_allocation_count) {
  expect_fault(true, "the allocation count is wrong", [](const Spans& s) { s.partial->alloc_count++; });
}

Test(verify, runs_each_nth_slow_path_where_asked_to) {
  mutable_options_test_only().verify = 3;
  test::start_heap();
  const uint64_t refills = metric_read(Metric::refills);
  make_spans();
  const uint64_t slow = metric_read(Metric::refills) - refills;
  cr_assert_geq(metric_read(Metric::verified), slow / 3);
  cr_assert_leq(metric_read(Metric::verified), slow / 3 + 1);
  cr_assert_gt(slow, 3u);
}
