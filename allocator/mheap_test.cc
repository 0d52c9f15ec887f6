#include "allocator/mheap.h"

#include <string.h>
#include <sys/mman.h>

#include <vector>

#include "allocator/base/options.h"
#include "tests/unit/heap.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::spans_in_use;

namespace {
bool is_consistent() {
  Guard g(mheap.lock);
  return mheap.is_consistent_locked();
}

MSpan* large(Bytes size, Bytes align = kPageSize) {
  MSpan* s = mheap.alloc_large(size, align);
  cr_assert(s, "%zu bytes", size);
  return s;
}

void* memory_of(MSpan* s) { return reinterpret_cast<void*>(s->base); }

bool is_zero(const void* p, Bytes n) {
  auto* b = static_cast<const char*>(p);
  return n == 0 || (b[0] == 0 && !memcmp(b, b + 1, n - 1));
}
}  // namespace

Test(mheap, touches_nothing_before_the_first_span) {
  mheap.init(1);
  cr_assert_eq(HeapWindow::pages, 0u);
  cr_assert_eq(metric_read(Metric::heap_mapped), 0u);
  for (uintptr_t p : {uintptr_t{0}, uintptr_t{4096}, ~uintptr_t{0}}) cr_assert_not(HeapWindow::holds(p));
}

Test(mheap, the_page_table_names_the_span_of_every_page) {
  test::start_heap();
  for (SizeClass k = 1; k < kSizeClasses; k++) {
    MSpan* s = mheap.alloc_span(k);
    cr_assert(s);
    cr_assert_eq(s->state, SpanState::partial);
    cr_assert_eq(s->npages, kSizeTable.info[k].pages);
    cr_assert_eq(s->nelems, kSizeTable.info[k].objects);
    cr_assert_eq(s->carved, 0);
    cr_assert(s->is_empty_list());
    if (s->npages == kBlockPages) cr_assert_eq(s->base % kBlock, 0u);
    for (uintptr_t p = s->base; p < s->end(); p += kPageSize) cr_assert_eq(HeapWindow::span_of(p), s);
  }
}

Test(mheap, a_freed_spans_pages_belong_to_nobody_and_come_back) {
  test::start_heap();
  MSpan* s = large(MiB);
  const uintptr_t base = s->base;
  const uint64_t before = spans_in_use();
  mheap.free_span(s);
  cr_assert_eq(spans_in_use(), before - 1);
  for (uintptr_t p = base; p < base + MiB; p += kPageSize) cr_assert_eq(HeapWindow::span_of(p), &dummy_span);
  cr_assert_eq(large(MiB)->base, base);
  cr_assert(is_consistent());
}

Test(mheap, fresh_memory_is_known_to_be_zero_and_used_memory_not) {
  test::start_heap();
  MSpan* s = large(MiB);
  cr_assert_not(s->needzero);
  cr_assert(is_zero(memory_of(s), MiB));
  memset(memory_of(s), 1, MiB);
  mheap.free_span(s);
  cr_assert(large(MiB)->needzero);
}

Test(mheap, memory_that_went_home_is_known_to_be_zero) {
  test::start_heap();
  MSpan* s = large(8 * MiB);
  memset(memory_of(s), 1, 8 * MiB);
  mheap.free_span(s);
  while (mheap.scavenge(0, 512)) continue;
  cr_assert_eq(mheap.scavengable(), 0u);
  s = large(8 * MiB);
  cr_assert_not(s->needzero);
  cr_assert(is_zero(memory_of(s), 8 * MiB));
}

Test(mheap, aligns_to_any_power_of_two) {
  test::start_heap();
  for (Bytes align = kPageSize; align <= GiB; align *= 2) {
    MSpan* a = large(kPageSize, align);
    MSpan* b = large(3 * kPageSize, align);
    cr_assert_eq(a->base % align, 0u, "to %zu", align);
    cr_assert_eq(b->base % align, 0u, "to %zu", align);
    cr_assert(is_consistent());
  }
}

Test(mheap, refuses_what_the_zone_cannot_hold) {
  test::start_heap();
  for (Bytes size : {kZoneSize + 1, Bytes{1} << 62, Bytes{PTRDIFF_MAX}}) cr_assert_null(mheap.alloc_large(size, kPageSize));
  for (Bytes align : {2 * kZoneSize, Bytes{1} << 62}) cr_assert_null(mheap.alloc_large(kPageSize, align));
  cr_assert_eq(spans_in_use(), 0u);
  large(kPageSize);
}

Test(mheap, a_large_span_grows_into_free_pages_behind_it) {
  test::start_heap();
  MSpan* s = large(4 * MiB);
  MSpan* wall = large(kPageSize);
  cr_assert_not(mheap.resize_large(s, 5 * MiB), "somebody lives behind it");
  cr_assert_eq(s->bytes(), 4 * MiB);
  mheap.free_span(wall);
  const uint64_t live = metric_read(Metric::heap_live);
  cr_assert(mheap.resize_large(s, 5 * MiB));
  cr_assert_eq(s->bytes(), 5 * MiB + 5 * MiB / 4, "with room for the next steps");
  cr_assert_eq(metric_read(Metric::heap_live), live + s->bytes() - 4 * MiB);
  const Bytes before = s->bytes();
  cr_assert(mheap.resize_large(s, 6 * MiB));
  cr_assert_eq(s->bytes(), before);
  memset(memory_of(s), 1, 5 * MiB);
  cr_assert_eq(HeapWindow::span_of(s->end() - 1), s);
  cr_assert(is_consistent());
}

Test(mheap, a_large_span_grows_at_the_heaps_frontier) {
  test::start_heap();
  MSpan* s = large(MiB);
  for (Bytes size = 2 * MiB; size < 300 * MiB; size += 13 * MiB) {
    cr_assert(mheap.resize_large(s, size), "to %zu", size);
    static_cast<char*>(memory_of(s))[size - 1] = 1;
    cr_assert_eq(HeapWindow::span_of(s->base + size - 1), s);
  }
  cr_assert(is_consistent());
}

Test(mheap, a_large_span_shrinks_always_and_its_tail_is_free) {
  test::start_heap();
  MSpan* s = large(10 * MiB);
  const uintptr_t base = s->base;
  for (Bytes size : {9 * MiB, 9 * MiB - 1, MiB, kPageSize, Bytes{1}}) {
    cr_assert(mheap.resize_large(s, size));
    cr_assert_eq(s->base, base);
    cr_assert_eq(s->bytes(), align_up(size, kPageSize));
    cr_assert_eq(HeapWindow::span_of(s->end()), &dummy_span);
    cr_assert(is_consistent());
  }
}

Test(mheap, moving_keeps_every_byte_and_copies_none) {
  test::start_heap();
  MSpan* s = large(16 * MiB);
  large(kPageSize);
  test::fill(memory_of(s), 16 * MiB, 7);
  const uintptr_t from = s->base;
  const uint64_t before = spans_in_use();
  MSpan* to = mheap.move_large(s, 40 * MiB);
  if (!to) cr_skip_test("this kernel has no MREMAP_DONTUNMAP");
  cr_assert_neq(to->base, from);
  cr_assert_geq(to->bytes(), 40 * MiB);
  cr_assert(test::is_filled(memory_of(to), 16 * MiB, 7));
  static_cast<char*>(memory_of(to))[40 * MiB - 1] = 1;
  cr_assert_eq(spans_in_use(), before);
  cr_assert_eq(HeapWindow::span_of(from), &dummy_span);
  MSpan* again = large(16 * MiB);
  cr_assert_eq(again->base, from, "the old place is free");
  cr_assert(is_zero(memory_of(again), 16 * MiB));
  cr_assert(is_consistent());
}

Test(mheap, random_spans_never_overlap_and_all_come_home, .timeout = 10) {
  test::start_heap();
  test::Random random(1);
  struct Live { MSpan* span; uint64_t tag; };
  std::vector<Live> live;
  for (int i = 0; i < 3000; i++) {
    if (random.once_in(2) || live.empty()) {
      MSpan* s = random.once_in(2) ? mheap.alloc_span(static_cast<SizeClass>(random.between(1, kSizeClasses - 1)))
                                   : large(random.between(1, 3 * MiB), kPageSize << random.below(6));
      cr_assert(s);
      const uint64_t tag = random.next();
      memcpy(memory_of(s), &tag, 8);
      memcpy(reinterpret_cast<void*>(s->end() - 8), &tag, 8);
      live.push_back({s, tag});
    } else {
      const size_t k = random.below(live.size());
      MSpan* s = live[k].span;
      cr_assert(!memcmp(memory_of(s), &live[k].tag, 8) && !memcmp(reinterpret_cast<void*>(s->end() - 8), &live[k].tag, 8));
      mheap.free_span(s);
      live[k] = live.back();
      live.pop_back();
    }
    if (random.once_in(50)) mheap.scavenge(0, random.between(1, 512));
    if (i % 100 == 0) cr_assert(is_consistent());
  }
  for (const Live& l : live) mheap.free_span(l.span);
  cr_assert_eq(spans_in_use(), 0u);
  cr_assert_eq(metric_read(Metric::heap_live), 0u);
  cr_assert(is_consistent());
}

Test(mheap, walks_every_span_once_in_address_order) {
  test::start_heap();
  std::vector<MSpan*> spans;
  for (int i = 1; i < 40; i++) spans.push_back(i % 3 ? mheap.alloc_span(static_cast<SizeClass>(i)) : large(static_cast<Bytes>(i) * 100'000));
  for (size_t i = 0; i < spans.size(); i += 5) {
    mheap.free_span(spans[i]);
    spans[i] = nullptr;
  }
  std::erase(spans, nullptr);
  std::vector<MSpan*> seen;
  {
    Guard g(mheap.lock);
    mheap.for_each_span_locked([&](MSpan* s) { seen.push_back(s); });
  }
  for (size_t i = 1; i < seen.size(); i++) cr_assert_lt(seen[i - 1]->base, seen[i]->base);
  cr_assert_eq(seen.size(), spans.size());
}

Test(mheap, steps_over_memory_that_others_mapped_in_its_way, .timeout = 10) {
  test::start_heap();
  large(MiB);
  // The third arena is taken by somebody else.
  const uintptr_t wall = HeapWindow::base + 2 * kArenaSize + 5 * kPageSize;
  void* p = mmap(reinterpret_cast<void*>(wall), kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  cr_assert_eq(p, reinterpret_cast<void*>(wall));
  memset(p, 0x55, kPageSize);
  for (int i = 0; i < 40; i++) {
    MSpan* s = large(10 * MiB);
    memset(memory_of(s), 1, 10 * MiB);
    cr_assert(s->end() <= wall || s->base > wall);
  }
  for (Bytes i = 0; i < kPageSize; i++) cr_assert_eq(static_cast<char*>(p)[i], 0x55);
  cr_assert_eq(HeapWindow::span_of(wall), &dummy_span);
  cr_assert(is_consistent());
}

Test(mheap, works_in_one_reservation_where_hints_are_not_granted, .timeout = 10) {
  mutable_options_test_only().zone = static_cast<uint64_t>(ZoneOption::reserve);
  test::start_heap();
  std::vector<MSpan*> spans;
  for (int i = 0; i < 30; i++) {
    spans.push_back(large(7 * MiB));
    test::fill(memory_of(spans.back()), 7 * MiB, static_cast<uint64_t>(i));
    cr_assert(mheap.alloc_span(static_cast<SizeClass>(i + 1)));
  }
  for (int i = 0; i < 30; i++) cr_assert(test::is_filled(memory_of(spans[static_cast<size_t>(i)]), 7 * MiB, static_cast<uint64_t>(i)));
  cr_assert(is_consistent());
}

// ---- memory that goes home --------------------------------------------------------------------------------------

Test(mheap, tells_when_enough_memory_lies_idle) {
  test::start_heap();
  MSpan* s = large(kScavengeFrom / 2);
  MSpan* t = large(kScavengeFrom / 2);
  memset(memory_of(s), 1, s->bytes());
  memset(memory_of(t), 1, t->bytes());
  mheap.free_span(s);
  cr_assert_eq(test::hook_calls.memory_could_go_home.load_seq(), 0u);
  mheap.free_span(t);
  cr_assert_eq(test::hook_calls.memory_could_go_home.load_seq(), 1u);
}

Test(mheap, scavenging_respects_age_and_step) {
  test::start_heap();
  MSpan* s = large(12 * MiB);
  memset(memory_of(s), 1, s->bytes());
  mheap.free_span(s);
  cr_assert_eq(mheap.scavengable(), 12 * MiB);
  cr_assert_eq(mheap.scavenge(3'600'000, 512), 0u);
  Bytes gone = 0, step;
  while ((step = mheap.scavenge(0, 100))) {
    cr_assert_leq(step, 100 * kPageSize);
    gone += step;
  }
  cr_assert_eq(gone, 12 * MiB);
  cr_assert_eq(mheap.scavengable(), 0u);
  cr_assert_eq(metric_read(Metric::scavenged), 12 * MiB);
  cr_assert(is_consistent());
}

Test(mheap, memory_that_is_locked_stays_and_is_offered_again) {
  test::start_heap();
  MSpan* s = large(MiB);
  const uintptr_t base = s->base;
  if (mlock(reinterpret_cast<void*>(base), 64 * KiB)) cr_skip_test("not allowed to lock memory");
  memset(memory_of(s), 1, MiB);
  mheap.free_span(s);
  // The kernel refuses the locked part; nothing may be lost or taken for zero.
  for (int i = 0; i < 40; i++) mheap.scavenge(0, 8);
  cr_assert(is_consistent());
  s = large(MiB);
  cr_assert_eq(s->base, base);
  cr_assert(s->needzero);
}

Test(mheap, a_memory_limit_sends_free_memory_home_before_the_heap_grows) {
  mutable_options_test_only().memory_limit = 40 * MiB;
  test::start_heap();
  std::vector<MSpan*> spans;
  for (int i = 0; i < 30; i++) {
    spans.push_back(large(MiB));
    memset(memory_of(spans.back()), 1, MiB);
  }
  for (size_t i = 0; i < spans.size(); i += 2) mheap.free_span(spans[i]);
  cr_assert_eq(mheap.scavengable(), 15 * MiB);
  large(20 * MiB);  // fits in no gap
  cr_assert_leq(metric_read(Metric::heap_live) + mheap.scavengable(), 40 * MiB);
  cr_assert_geq(metric_read(Metric::scavenged), 10 * MiB);
  // Soft: what is in use may pass it.
  large(100 * MiB);
}
