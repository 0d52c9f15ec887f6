#include "allocator/find_object.h"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/heap.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::Random;

namespace {
struct Object {
  uintptr_t base;
  Bytes size;
};

Object make(Bytes n) {
  void* p = heap_malloc(n);
  cr_assert(p);
  return {reinterpret_cast<uintptr_t>(p), heap_usable_size(p, "test")};
}

void expect(uint64_t word, const Object& o) {
  const ObjectRef found = find_object(word);
  if (!found || found.base() != o.base || found.size() != o.size)
    cr_assert_fail("%lx is in the object at %lx of %zu bytes", word, o.base, o.size);
}

// Any word at all: nothing, or an object that holds it.
void ask(uint64_t word) {
  const ObjectRef found = find_object(word);
  if (found) cr_assert(HeapWindow::holds(word));
}

uint64_t random_word(Random& random) {
  switch (random.below(6)) {
    case 0: return random.next();
    case 1: return random.next() >> random.below(64);
    case 2: return HeapWindow::base + random.below(HeapWindow::pages << kPageShift);
    case 3: return HeapWindow::base - random.below(1 << 20);
    case 4: return HeapWindow::base + (HeapWindow::pages << kPageShift) + random.below(1 << 20);
    default: return uint64_t{0xffff'8000'0000'0000} + random.below(uint64_t{1} << 47);  // the kernel's half
  }
}
}  // namespace

Test(find_object, finds_nothing_before_there_is_a_heap) {
  Random random(1);
  for (int i = 0; i < 100'000; i++) cr_assert_not(find_object(random.next() >> random.below(64)));
  for (uint64_t word : {uint64_t{0}, uint64_t{1} << 63, ~uint64_t{0}}) cr_assert_not(find_object(word));
}

TEST_ON_BOTH_PATHS(find_object, finds_every_byte_of_every_object) {
  std::vector<Object> objects;
  for (SizeClass k = 1; k < kSizeClasses; k++)
    for (int i = 0; i < 5; i++) objects.push_back(make(kSizeTable.info[k].size));
  for (Bytes n : {33'000ul, 100'000ul, MiB}) objects.push_back(make(n));
  for (const Object& o : objects)
    for (uintptr_t p = o.base; p < o.base + o.size; p++) expect(p, o);
}

TEST_ON_BOTH_PATHS(find_object, finds_nothing_where_no_object_is) {
  const Object o = make(960);  // 256 bytes are left behind the last of its span
  MSpan* s = test::span_of(reinterpret_cast<void*>(o.base));
  for (uintptr_t p = s->end() - 256; p < s->end(); p++) cr_assert_not(find_object(p));
  const Object large = make(5 * MiB);
  expect(large.base + large.size - 1, large);
  cr_assert_neq(find_object(large.base + large.size).span, find_object(large.base).span);
  heap_free(reinterpret_cast<void*>(large.base), "free");
  for (uintptr_t p = large.base; p < large.base + large.size; p += 1000) cr_assert_not(find_object(p), "it was freed");
  cr_assert_not(find_object(HeapWindow::base - 1));
  cr_assert_not(find_object(HeapWindow::base + (HeapWindow::pages << kPageShift)));
}

TEST_ON_BOTH_PATHS(find_object, finds_no_freed_large_object_that_is_kept_for_reuse) {
  for (Bytes n : {40'000ul, 100'000ul, MiB}) {
    const Object o = make(n);
    heap_free(reinterpret_cast<void*>(o.base), "free");
    for (uintptr_t p = o.base; p < o.base + o.size; p += 100) cr_assert_not(find_object(p));
  }
}

TEST_ON_BOTH_PATHS(find_object, answers_any_word_while_others_allocate_and_free) {
  std::vector<Object> held;
  for (int i = 0; i < 300; i++) held.push_back(make(16 + static_cast<Bytes>(i) * i));
  std::atomic<bool> done{false};
  auto churn = [&](uint64_t seed) {
    Random random(seed);
    std::vector<void*> mine(200);
    while (!done) {
      void*& p = mine[random.below(mine.size())];
      if (p && random.once_in(3)) {
        if (void* q = heap_realloc(p, random.between(1, 300'000))) p = q;
        continue;
      }
      heap_free(p, "free");
      p = heap_malloc(random.once_in(4) ? random.between(33'000, 2'000'000) : random.between(1, 4000));
    }
    for (void* p : mine) heap_free(p, "free");
  };
  std::thread a(churn, 1), b(churn, 2);
  Random random(3);
  for (int i = 0; i < 400'000; i++) {
    ask(random_word(random));
    const Object& o = held[random.below(held.size())];
    expect(o.base + random.below(o.size), o);
  }
  done = true;
  a.join();
  b.join();
  for (const Object& o : held) heap_free(reinterpret_cast<void*>(o.base), "free");
  test::verify_all();
}
