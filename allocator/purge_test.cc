#include "allocator/purge.h"

#include <string.h>

#include <vector>

#include "allocator/mcentral.h"
#include "tests/unit/heap.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::span_of;

namespace {
// `n` objects of one class, every byte used, of which those with keep(i) stay; then the centrals have their spans.
template <class F>
std::vector<void*> abandoned(Bytes size, size_t n, F keep) {
  std::vector<void*> p(n), kept;
  for (void*& q : p) {
    cr_assert(q = heap_malloc(size));
    test::fill(q, size, reinterpret_cast<uint64_t>(q));
  }
  for (size_t i = 0; i < n; i++) {
    if (keep(i)) kept.push_back(p[i]);
    else heap_free(p[i], "free");
  }
  tls_mcache->abandon();
  return kept;
}

Bytes purge(Bytes size) { return mcentral[size_class_of(size)].purge(); }

bool all_filled(const std::vector<void*>& p, Bytes size) {
  for (void* q : p)
    if (!test::is_filled(q, size, reinterpret_cast<uint64_t>(q))) return false;
  return true;
}
}  // namespace

TEST_ON_BOTH_PATHS(purge, empties_the_pages_behind_the_last_object_in_use) {
  for (Bytes size : {16ul, 48ul, 1024ul, 2048ul}) {
    const auto kept = abandoned(size, kSizeTable.info[size_class_of(size)].objects, [](size_t i) { return i < 3; });
    MSpan* s = span_of(kept[0]);
    cr_assert_eq(test::resident_bytes(s), s->bytes());
    const Bytes gone = purge(size);
    cr_assert_geq(gone, s->bytes() - 3 * kOsPageSize, "class of %zu: %zu", size, gone);
    cr_assert_leq(test::resident_bytes(s), 3 * kOsPageSize);
    cr_assert(all_filled(kept, size));
    for (void* p : kept) heap_free(p, "free");
    test::abandon_all();
  }
}

TEST_ON_BOTH_PATHS(purge, empties_large_free_objects_between_live_ones) {
  for (Bytes size : {8 * KiB, 16 * KiB, 32 * KiB}) {
    const auto kept = abandoned(size, 8, [](size_t i) { return i % 2; });
    MSpan* s = span_of(kept[0]);
    purge(size);
    cr_assert_leq(test::resident_bytes(s), s->bytes() / 2 + 4 * kOsPageSize, "class of %zu", size);
    cr_assert(all_filled(kept, size));
    for (void* p : kept) heap_free(p, "free");
    test::abandon_all();
  }
}

TEST_ON_BOTH_PATHS(purge, does_a_span_once_per_stay) {
  abandoned(1024, 64, [](size_t i) { return i == 0; });
  cr_assert_gt(purge(1024), 0u);
  cr_assert_eq(purge(1024), 0u);
}

TEST_ON_BOTH_PATHS(purge, leaves_a_span_that_can_be_used_again) {
  for (Bytes size : {16ul, 100ul, 1024ul, 5000ul, 16 * KiB, 32 * KiB}) {
    const size_t n = kSizeTable.info[size_class_of(size)].objects;
    const auto kept = abandoned(size, n, [](size_t i) { return i % 5 == 1; });
    purge(size);
    const uint64_t spans = test::spans_in_use();
    std::vector<void*> again;
    for (size_t i = kept.size(); i < n; i++) {
      again.push_back(heap_calloc_slow(size));
      for (Bytes b = 0; b < size; b++)
        if (static_cast<char*>(again.back())[b]) cr_assert_fail("calloc of %zu bytes is not zero", size);
      test::fill(again.back(), size, reinterpret_cast<uint64_t>(again.back()));
    }
    cr_assert_eq(test::spans_in_use(), spans);
    for (void* p : again) cr_assert_eq(span_of(p), span_of(kept[0]));
    test::verify_all();
    cr_assert(all_filled(kept, size) && all_filled(again, size));
    for (void* p : kept) heap_free(p, "free");
    for (void* p : again) heap_free(p, "free");
    test::abandon_all();
  }
  cr_assert_eq(test::spans_in_use(), 0u);
}

Test(purge, takes_what_others_freed_into_account) {
  test::start_heap();
  MCache* other = new_cache();
  const auto kept = abandoned(1024, 64, [](size_t) { return true; });
  MSpan* s = span_of(kept[0]);
  {
    test::As them(other);
    for (size_t i = 4; i < kept.size(); i++) heap_free(kept[i], "free");
    other->flush_batches();
  }
  cr_assert_eq(s->state, SpanState::partial);
  cr_assert_geq(purge(1024), s->bytes() - 3 * kOsPageSize);
  cr_assert_eq(s->live, 4u);
  for (size_t i = 0; i < 4; i++) heap_free(kept[i], "free");
  tls_mcache->flush_batches();
  cr_assert_eq(test::spans_in_use(), 0u, "empty, so it goes home");
}
