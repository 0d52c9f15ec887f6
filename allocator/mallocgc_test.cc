#include "allocator/mallocgc.h"

#include <string.h>

#include <set>
#include <vector>

#include "allocator/mcentral.h"
#include "tests/unit/death.h"
#include "tests/unit/heap.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::As;
using test::span_of;
using test::spans_in_use;

namespace {
bool is_zero(const void* p, Bytes n) {
  auto* b = static_cast<const char*>(p);
  return b[0] == 0 && !memcmp(b, b + 1, n - 1);
}

// The bits of every span that `c` holds say what `live` says.
void compare(MCache* c, const std::set<void*>& live) {
  size_t seen = 0;
  Guard g(c->lock);
  c->for_each_span_locked([&](MSpan* s) {
    if (s->state == SpanState::spare) return;
    for (size_t i = 0; i < s->nelems; i++) {
      const bool is_live = live.count(reinterpret_cast<void*>(s->object(i)));
      if (is_allocated(s, i) != is_live) cr_assert_fail("object %zu of a span of %u bytes", i, s->elem_size);
      seen += is_live;
    }
  });
  cr_assert_eq(seen, live.size());
}
}  // namespace

Test(mallocgc, bits_say_exactly_what_lives) {
  test::start_heap(true);
  test::Random random(1);
  std::set<void*> live;
  std::vector<void*> order;
  for (int i = 0; i < 20'000; i++) {
    if (order.empty() || random.below(100) < (i / 4000 % 2 ? 40u : 60u)) {
      void* p = heap_malloc(16 << random.below(12));
      cr_assert(live.insert(p).second, "given out twice");
      order.push_back(p);
    } else {
      const size_t k = random.below(order.size());
      heap_free(order[k], "free");
      live.erase(order[k]);
      order[k] = order.back();
      order.pop_back();
    }
    if (i % 1000 == 0) compare(tls_mcache, live);
  }
  compare(tls_mcache, live);
  test::verify_all();
}

Test(mallocgc, memory_is_zero_when_given_out_and_once_freed) {
  test::start_heap(true);
  for (int round = 0; round < 4; round++)
    for (SizeClass k = 1; k < kSizeClasses; k++) {
      const Bytes n = kSizeTable.info[k].size;
      std::vector<void*> p;
      for (int i = 0; i < 40; i++) {
        p.push_back(heap_malloc(n));
        cr_assert(is_zero(p.back(), n), "%zu bytes", n);
        memset(p.back(), 0xdd, n);
      }
      for (size_t i = 0; i < p.size(); i += 2) heap_free(p[i], "free");
      for (size_t i = 0; i < p.size(); i += 2) cr_assert(is_zero(p[i], n), "stale words hide leaks");
      for (size_t i = 1; i < p.size(); i += 2) heap_free(p[i], "free");
    }
  test::verify_all();
}

Test(mallocgc, the_lowest_free_object_is_next) {
  test::start_heap(true);
  std::vector<char*> p;
  for (int i = 0; i < 60; i++) p.push_back(static_cast<char*>(heap_malloc(1024)));
  for (int i : {40, 7, 23, 8}) heap_free(p[static_cast<size_t>(i)], "free");
  for (int i : {7, 8, 23, 40, 59}) {
    auto* q = static_cast<char*>(heap_malloc(1024));
    cr_assert_eq(q, i == 59 ? p[59] + 1024 : p[static_cast<size_t>(i)]);
  }
}

Test(mallocgc, no_holder_pushes_to_a_list) {
  test::start_heap(true);
  for (Bytes n : {16ul, 1000ul, 8000ul, 32'000ul}) {
    MSpan* s = span_of(heap_malloc(n));
    cr_assert_neq(tls_mcache->own->at(s->base), s);
    cr_assert(s->is_empty_list());
  }
}

Test(mallocgc, another_caches_free_is_seen_at_once) {
  test::start_heap(true);
  MCache* other = new_cache();
  std::vector<void*> p;
  for (int i = 0; i < 30; i++) p.push_back(heap_malloc(1024));
  MSpan* s = span_of(p[0]);
  As them(other);
  for (size_t i = 0; i < p.size(); i++) {
    heap_free(p[i], "free");
    cr_assert_not(is_allocated(s, i));
    cr_assert_eq(s->alloc_count, p.size() - i - 1);
  }
}

Test(mallocgc, frees_in_a_central_find_its_lock_and_send_the_span_home) {
  test::start_heap(true);
  std::vector<void*> p;
  for (int i = 0; i < 64 * 3; i++) p.push_back(heap_malloc(1024));
  tls_mcache->abandon();
  cr_assert_eq(spans_in_use(), 3u);
  for (size_t i = 0; i < 64; i++) heap_free(p[i], "free");
  cr_assert_eq(spans_in_use(), 2u);
  heap_free(p[64], "free");
  cr_assert_eq(span_of(p[65])->state, SpanState::partial);
  cr_assert_eq(heap_malloc(1024), p[64], "adopted, with its bits");
  for (size_t i = 64; i < p.size(); i++) heap_free(p[i], "free");
  test::abandon_all();
  cr_assert_eq(spans_in_use(), 0u);
}

Test(mallocgc, bitmaps_are_used_again) {
  test::start_heap(true);
  std::vector<void*> p;
  uint64_t metadata = 0;
  for (int round = 0; round < 30; round++) {
    for (int i = 0; i < 20'000; i++) p.push_back(heap_malloc(16));
    for (void* q : p) heap_free(q, "free");
    p.clear();
    tls_mcache->abandon();
    if (round == 0) metadata = metric_read(Metric::metadata);
  }
  cr_assert_eq(metric_read(Metric::metadata), metadata);
}

Test(mallocgc, many_threads_allocate_and_free_each_others_objects, .timeout = 20) {
  test::start_heap(true);
  constexpr unsigned kThreads = 4, kSlots = 512;
  static Atomic<void*> slot[kSlots];
  test::in_threads(kThreads, [](unsigned id) {
    test::Random random(id);
    for (int i = 0; i < 40'000; i++) {
      const Bytes n = random.between(16, 600);
      void* p = heap_malloc(n);
      if (!is_zero(p, n)) cr_assert_fail("not zero");
      memset(p, 0x77, n);
      if (void* q = slot[random.below(kSlots)].exchange(p)) heap_free(q, "free");
    }
  });
  std::set<void*> live;
  for (auto& s : slot)
    if (void* p = s.load_seq()) {
      cr_assert(live.insert(p).second);
      heap_free(p, "free");
    }
  test::verify_all();
  test::abandon_all();
  cr_assert_eq(spans_in_use(), 0u);
}
