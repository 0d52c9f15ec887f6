#include "allocator/malloc.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <set>
#include <vector>

#include "tests/unit/death.h"
#include "tests/unit/heap.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::end_of;
using test::fill;
using test::is_filled;
using test::span_of;

namespace {
void* take(Bytes n) {
  void* p = heap_malloc(n);
  cr_assert(p, "%zu bytes", n);
  return p;
}

void give(void* p) { heap_free(p, "free"); }

Bytes usable(void* p) { return heap_usable_size(p, "malloc_usable_size"); }

std::vector<Bytes> sizes() {
  std::vector<Bytes> all;
  for (Bytes n = 0; n <= 2100; n++) all.push_back(n);
  for (unsigned k = 1; k < kSizeClasses; k++)
    for (Bytes n : {kSizeTable.info[k].size - 1, kSizeTable.info[k].size, kSizeTable.info[k].size + 1}) all.push_back(n);
  for (Bytes n : {64 * KiB - 1, 64 * KiB, 65 * KiB, 100'000ul, MiB, MiB + 1, 5 * MiB, 70 * MiB}) all.push_back(n);
  return all;
}

bool is_zero(const void* p, Bytes n) {
  auto* b = static_cast<const char*>(p);
  return n == 0 || (b[0] == 0 && !memcmp(b, b + 1, n - 1));
}
}  // namespace

// ---- malloc, free, calloc ---------------------------------------------------------------------------------------

TEST_ON_BOTH_PATHS(malloc, gives_aligned_room_of_its_own_for_every_size) {
  struct Object { char* p; Bytes n; };
  std::vector<Object> objects;
  for (Bytes n : sizes()) {
    auto* p = static_cast<char*>(take(n));
    cr_assert_eq(reinterpret_cast<uintptr_t>(p) % 16, 0u);
    cr_assert_geq(usable(p), n);
    objects.push_back({p, min_of(usable(p), 2 * MiB)});
    fill(p, objects.back().n, n);
  }
  for (size_t i = 0; i < objects.size(); i++) cr_assert(is_filled(objects[i].p, objects[i].n, sizes()[i]), "%zu bytes", sizes()[i]);
  for (const Object& o : objects) give(o.p);
  test::verify_all();
  test::abandon_all();
  cr_assert_eq(test::spans_in_use(), 0u);
}

TEST_ON_BOTH_PATHS(malloc, of_nothing_is_an_object_too) {
  std::set<void*> seen;
  for (int i = 0; i < 1000; i++) cr_assert(seen.insert(take(0)).second);
  for (void* p : seen) give(p);
}

TEST_ON_BOTH_PATHS(malloc, refuses_what_no_machine_has) {
  const uint64_t before = metric_read(Metric::out_of_memory);
  for (Bytes n : {Bytes{PTRDIFF_MAX}, Bytes{PTRDIFF_MAX} + 1, ~Bytes{0}, ~Bytes{0} - 4096, kZoneSize + 1}) cr_assert_null(heap_malloc(n));
  cr_assert_null(heap_calloc_slow(~Bytes{0}));
  cr_assert_eq(metric_read(Metric::out_of_memory), before + 6);
  give(take(1));
}

TEST_ON_BOTH_PATHS(malloc, free_of_null_does_nothing) { heap_free(nullptr, "free"); }

TEST_ON_BOTH_PATHS(malloc, leaves_errno_alone) {
  errno = 77;
  for (Bytes n : {16ul, 5000ul, MiB, 70 * MiB}) give(heap_realloc(take(n), 2 * n));
  cr_assert_eq(errno, 77);
}

TEST_ON_BOTH_PATHS(malloc, calloc_is_zero_whatever_was_there_before) {
  for (int round = 0; round < 3; round++)
    for (Bytes n : {1ul, 16ul, 17ul, 500ul, 1024ul, 1025ul, 9000ul, 32768ul, 32769ul, 100'000ul, MiB, 9 * MiB}) {
      std::vector<void*> p;
      for (Bytes total = 0; total < 2 * MiB || p.size() < 2; total += n) p.push_back(take(n));
      for (void* q : p) memset(q, 0xee, n);
      for (void* q : p) give(q);
      for (size_t i = 0; i < p.size(); i++) {
        p[i] = heap_calloc_slow(n);
        cr_assert(p[i] && is_zero(p[i], n), "%zu bytes", n);
      }
      for (void* q : p) give(q);
    }
  test::verify_all();
}

TEST_ON_BOTH_PATHS(malloc, calloc_is_zero_where_a_large_object_was_just_freed) {
  for (Bytes n : {40'000ul, 100'000ul, 900'000ul, 3 * MiB}) {
    void* p = take(n);  // fresh memory, known to be zero: once
    memset(p, 0xee, n);
    give(p);
    void* q = heap_calloc_slow(n);
    cr_assert(is_zero(q, n), "%zu bytes", n);
  }
}

TEST_ON_BOTH_PATHS(malloc, a_freed_object_is_soon_used_again) {
  std::set<void*> seen;
  for (int i = 0; i < 100'000; i++) {
    void* p = take(100);
    seen.insert(p);
    give(p);
  }
  cr_assert_lt(seen.size(), 100u);
}

Test(malloc, the_fast_path_knows_every_start_in_a_span) {
  test::start_heap();
  for (SizeClass k = 1; k < kSizeClasses; k++) {
    MSpan* s = mheap.alloc_span(k);
    cr_assert_eq(s->base % kBlock, 0u);
    cr_assert_not(s->may_free(s->base));
    for (uint64_t credit : {kCreditUnit, kNever, (s->nelems - 1) * kCreditUnit}) {
      s->credit = credit;
      for (uintptr_t p = s->base; p < s->end(); p++)
        if (s->may_free(p) != ((p - s->base) % s->elem_size == 0)) cr_assert_fail("class %u, byte %lu", k, p - s->base);
    }
  }
  for (uintptr_t p = 0; p < kBlock; p += 16) cr_assert_not(no_own_spans.at(p)->may_free(p));
}

// Without a table, or where another block has the slot, every free takes the slow path and finds all the same.
Test(malloc, a_span_that_the_table_does_not_know_is_freed_all_the_same) {
  test::start_heap();
  std::vector<void*> p;
  for (unsigned i = 0; i <= kSizeTable.info[size_class_of(112)].objects; i++) p.push_back(heap_malloc(112));
  MSpan* s = HeapWindow::span_of(reinterpret_cast<uintptr_t>(p[0]));
  tls_mcache->own->remove(s);
  cr_assert_neq(tls_mcache->own->at(s->base), s);
  for (void* q : p) heap_free(q, "free");
  test::verify(tls_mcache);
  cr_assert_neq(s->state, SpanState::full);
}

Test(malloc, counting_knows_every_call) {
  path_mode.counting = true;
  test::start_heap();
  std::vector<void*> p;
  uint64_t bytes = 0, calls = 0;
  for (Bytes n : sizes()) {
    p.push_back(take(n));
    bytes += n;
    calls++;
  }
  cr_assert_eq(metric_read(Metric::counted_allocs), calls);
  cr_assert_eq(metric_read(Metric::counted_bytes), bytes);
  for (void* q : p) give(q);
  cr_assert_eq(metric_read(Metric::counted_frees), calls);
  test::verify_all();
}

// ---- realloc ----------------------------------------------------------------------------------------------------

TEST_ON_BOTH_PATHS(realloc, keeps_the_bytes_from_any_size_to_any_other) {
  const Bytes ends[] = {1, 15, 16, 17, 100, 1000, 1024, 1025, 5000, 32768, 32769, 65536, 200'000, MiB, 3 * MiB};
  for (Bytes from : ends)
    for (Bytes to : ends) {
      void* p = take(from);
      fill(p, from, from ^ to);
      void* q = heap_realloc(p, to);
      cr_assert(q);
      cr_assert_geq(usable(q), to);
      cr_assert(is_filled(q, min_of(from, to), from ^ to), "%zu to %zu", from, to);
      memset(q, 1, to);
      give(q);
    }
  test::verify_all();
  test::abandon_all();
  cr_assert_eq(test::spans_in_use(), 0u);
}

TEST_ON_BOTH_PATHS(realloc, stays_while_it_fits_and_half_is_used) {
  for (Bytes n : {16ul, 100ul, 1000ul, 5000ul, 30'000ul}) {
    void* p = take(n);
    const Bytes room = usable(p);
    cr_assert_eq(heap_realloc(p, room), p);
    cr_assert_eq(heap_realloc(p, room / 2), p);
    cr_assert_eq(heap_realloc(p, room), p);
    give(p);
  }
}

TEST_ON_BOTH_PATHS(realloc, gives_up_room_that_is_no_longer_used) {
  void* p = take(30'000);
  p = heap_realloc(p, 10);
  cr_assert_leq(usable(p), 32u);
  void* q = take(10 * MiB);
  q = heap_realloc(q, 100'000);
  cr_assert_leq(usable(q), 100'000 + kPageSize);
  q = heap_realloc(q, 10);
  cr_assert_leq(usable(q), 32u);
  give(p);
  give(q);
}

TEST_ON_BOTH_PATHS(realloc, of_a_large_object_grows_where_it_is_if_nobody_is_behind_it) {
  void* p = take(2 * MiB);
  fill(p, 2 * MiB, 1);
  for (Bytes n = 2 * MiB; n < 100 * MiB; n += 3 * MiB) cr_assert_eq(heap_realloc(p, n), p);
  cr_assert(is_filled(p, 2 * MiB, 1));
  give(p);
}

TEST_ON_BOTH_PATHS(realloc, of_a_large_object_moves_with_all_its_bytes_if_somebody_is) {
  for (Bytes n : {40'000ul, 100'000ul, 200'000ul, MiB, 20 * MiB}) {
    void* p = take(n);
    void* wall = take(n);
    fill(p, n, n);
    fill(wall, n, n + 1);
    void* q = heap_realloc(p, 3 * n);
    cr_assert(q && q != p);
    cr_assert(is_filled(q, n, n));
    memset(static_cast<char*>(q) + n, 1, 2 * n);
    cr_assert(is_filled(wall, n, n + 1));
    void* again = heap_realloc(q, 9 * n);
    cr_assert(is_filled(again, n, n));
    give(again);
    cr_assert(is_filled(wall, n, n + 1));
    give(wall);
  }
  test::verify_all();
}

TEST_ON_BOTH_PATHS(realloc, leaves_the_object_alone_where_it_cannot_grow) {
  for (Bytes n : {100ul, 5000ul, 100'000ul, 5 * MiB}) {
    void* p = take(n);
    fill(p, n, 3);
    for (Bytes too_much : {~Bytes{0}, Bytes{PTRDIFF_MAX} + 1, Bytes{PTRDIFF_MAX}, kZoneSize + 1}) cr_assert_null(heap_realloc(p, too_much));
    cr_assert(is_filled(p, n, 3));
    give(p);
  }
  test::verify_all();
}

TEST_ON_BOTH_PATHS(realloc, grows_a_byte_at_a_time_and_back) {
  char* p = static_cast<char*>(take(1));
  for (Bytes n = 1; n < 70'000; n += 1 + n / 50) {
    p = static_cast<char*>(heap_realloc(p, n));
    p[n - 1] = static_cast<char>(n);
  }
  for (Bytes n = 70'000; n > 1; n -= 1 + n / 50) cr_assert(p = static_cast<char*>(heap_realloc(p, n)));
  cr_assert_eq(p[0], 1);
  give(p);
  test::verify_all();
}

// ---- memalign ---------------------------------------------------------------------------------------------------

TEST_ON_BOTH_PATHS(memalign, aligns_every_size_to_every_power_of_two) {
  struct Object { void* p; Bytes n; };
  std::vector<Object> objects;
  for (Bytes align = 1; align <= 4 * MiB; align *= 2)
    for (Bytes n : {0ul, 1ul, 16ul, 100ul, 1024ul, 1500ul, 4096ul, 20'000ul, 32'768ul, 40'000ul, 300'000ul}) {
      void* p = heap_memalign(align, n);
      cr_assert(p, "%zu to %zu", n, align);
      cr_assert_eq(reinterpret_cast<uintptr_t>(p) % max_of(align, Bytes{16}), 0u, "%zu to %zu", n, align);
      cr_assert_geq(usable(p), n);
      objects.push_back({p, n});
      fill(p, n, reinterpret_cast<uint64_t>(p));
    }
  for (const Object& o : objects) cr_assert(is_filled(o.p, o.n, reinterpret_cast<uint64_t>(o.p)));
  for (const Object& o : objects) give(o.p);
  test::verify_all();
  test::abandon_all();
  cr_assert_eq(test::spans_in_use(), 0u);
}

TEST_ON_BOTH_PATHS(memalign, takes_alignments_above_an_arena_and_refuses_absurd_ones) {
  for (Bytes align : {64 * MiB, 128 * MiB, GiB, 8 * GiB}) {
    void* p = heap_memalign(align, 10);
    cr_assert(p);
    cr_assert_eq(reinterpret_cast<uintptr_t>(p) % align, 0u, "to %zu", align);
    give(p);
  }
  for (Bytes align : {Bytes{1} << 62, Bytes{1} << 63}) cr_assert_null(heap_memalign(align, 10));
  for (Bytes n : {~Bytes{0}, Bytes{PTRDIFF_MAX}}) cr_assert_null(heap_memalign(4096, n));
}

TEST_ON_BOTH_PATHS(memalign, of_a_small_object_is_small) {
  void* p = heap_memalign(64, 64);
  cr_assert_leq(usable(p), 128u);
  void* q = heap_memalign(4096, 4096);
  cr_assert_eq(usable(q), 4096u);
  give(p);
  give(q);
}

TEST_ON_BOTH_PATHS(usable_size, is_all_the_programs) {
  for (Bytes n : {1ul, 100ul, 3000ul, 33'000ul, MiB}) {
    void* p = take(n);
    void* q = take(n);
    fill(q, usable(q), 5);
    memset(p, 0xff, usable(p));
    cr_assert(is_filled(q, usable(q), 5));
    give(p);
    give(q);
  }
  test::verify_all();
}

// ---- bad frees --------------------------------------------------------------------------------------------------

TEST_ON_BOTH_PATHS(bad_free, of_a_freed_object_is_named) {
  for (Bytes n : {1ul, 16ul, 100ul, 1024ul, 1025ul, 5000ul, 30'000ul}) {
    void* p = take(n);
    take(n);
    const auto end = end_of([&] {
      give(p);
      give(p);
    });
    cr_assert(end.aborted_saying("double free of 0x"), "%zu bytes: %s", n, end.words.c_str());
    cr_assert(end.aborted_saying(("(size class " + std::to_string(usable(p)) + ") in free()").c_str()));
  }
}

TEST_ON_BOTH_PATHS(bad_free, of_a_freed_object_is_named_however_many_were_freed_since) {
  std::vector<void*> p;
  for (int i = 0; i < 10'000; i++) p.push_back(take(48));
  for (size_t first : {0, 1, 5000, 9999})
    cr_assert(end_of([&] {
      for (size_t i = 0; i < p.size(); i += 3) give(p[i]);
      for (size_t i = 1; i < p.size(); i += 3) give(p[i]);
      if (first % 3 == 2) give(p[first]);
      give(p[first]);
    }).aborted_saying("double free of 0x"));
}

TEST_ON_BOTH_PATHS(bad_free, of_an_object_whose_whole_span_was_given_up_is_named) {
  for (Bytes n : {16ul, 1024ul, 20'000ul})
    cr_assert(end_of([&] {
      std::vector<void*> p;
      for (int i = 0; i < 9000; i++) p.push_back(take(n));
      for (void* q : p) give(q);
      give(p[0]);
    }).aborted_saying("double free of 0x"));
}

TEST_ON_BOTH_PATHS(bad_free, of_a_freed_large_object_is_named) {
  for (Bytes n : {33'000ul, MiB, 100 * MiB})
    cr_assert(end_of([&] {
      void* p = take(n);
      give(p);
      give(p);
    }).aborted_saying("double free of 0x"));
}

TEST_ON_BOTH_PATHS(bad_free, of_an_object_that_another_cache_freed_is_named) {
  MCache* other = new_cache();
  for (Bytes n : {16ul, 1024ul, 5000ul}) {
    void* p = take(n);
    take(n);
    auto first_free = [&] {
      test::As them(other);
      give(p);
    };
    cr_assert(end_of([&] { first_free(); give(p); }).aborted_saying("double free of 0x"), "in a batch");
    cr_assert(end_of([&] { first_free(); first_free(); }).aborted_saying("double free of 0x"), "twice in a batch");
    cr_assert(end_of([&] { first_free(); other->flush_batches(); give(p); }).aborted_saying("double free of 0x"), "handed over");
  }
}

TEST_ON_BOTH_PATHS(bad_free, of_an_interior_pointer_is_named_with_its_object) {
  for (Bytes n : {100ul, 1024ul, 1025ul, 5000ul, 30'000ul}) {
    auto* p = static_cast<char*>(take(n));
    for (Bytes inside : {1ul, 8ul, 16ul, n - 1})
      cr_assert(end_of([&] { give(p + inside); }).aborted_saying((") in free(): " + std::to_string(inside) + " bytes into the object at 0x").c_str()));
  }
  auto* large = static_cast<char*>(take(MiB));
  for (Bytes inside : {1ul, 16ul, 8192ul, MiB - 1})
    cr_assert(end_of([&] { give(large + inside); }).aborted_saying("(large object of 1048576 bytes) in free(): "));
}

TEST_ON_BOTH_PATHS(bad_free, behind_the_last_object_of_a_span_is_named) {
  MSpan* s = span_of(take(960));  // 68 fit, 256 bytes are left
  cr_assert(end_of([&] { give(reinterpret_cast<void*>(s->end() - 16)); }).aborted_saying("behind the last object of its span"));
}

TEST_ON_BOTH_PATHS(bad_free, of_foreign_memory_goes_to_the_hook) {
  static int global;
  int local;
  for (void* p : {static_cast<void*>(&global), static_cast<void*>(&local), reinterpret_cast<void*>(16), reinterpret_cast<void*>(~uintptr_t{15}),
                  reinterpret_cast<void*>(uintptr_t{1} << 63)})
    cr_assert(end_of([&] { give(p); }).aborted_saying("foreign pointer 0x"));
  cr_assert(end_of([] { usable(&global); }).aborted_saying("in malloc_usable_size(): no allocator in this process owns it"));
}

TEST_ON_BOTH_PATHS(bad_free, realloc_and_usable_size_look_as_well) {
  auto* p = static_cast<char*>(take(100));
  cr_assert(end_of([&] { (void)heap_realloc(p + 16, 10); }).aborted_saying("interior pointer"));
  cr_assert(end_of([&] { usable(p + 16); }).aborted_saying("in malloc_usable_size()"));
  for (Bytes n : {100ul, 90ul, 5000ul})  // in place, and moving
    cr_assert(end_of([&] {
      give(p);
      (void)heap_realloc(p, n);
    }).aborted_saying("in realloc()"));
  cr_assert(end_of([&] {
    void* large = take(MiB);
    give(large);
    (void)heap_realloc(large, 5000);
  }).aborted_saying("in realloc()"));
}

Test(bad_free, a_write_to_a_freed_objects_mark_is_found_by_malloc) {
  test::start_heap();
  for (Bytes n : {32ul, 1024ul, 5000ul})
    cr_assert(end_of([&] {
      auto* p = static_cast<char*>(take(n));
      give(p);
      p[8] = static_cast<char>(p[8] + 1);
      take(n);
    }).aborted_saying("was written to after free(), or freed twice"));
}

Test(bad_free, a_live_object_may_hold_any_bytes) {
  test::start_heap();
  MCache* other = new_cache();
  std::vector<FreeObject*> p;
  for (int i = 0; i < 2000; i++) p.push_back(static_cast<FreeObject*>(take(64)));
  for (FreeObject* q : p) *q = {reinterpret_cast<FreeObject*>(0x1234), kFreeMark};
  for (size_t i = 0; i < p.size(); i += 2) give(p[i]);
  test::As them(other);
  for (size_t i = 1; i < p.size(); i += 2) give(p[i]);
}
