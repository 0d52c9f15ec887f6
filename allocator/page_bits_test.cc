#include "allocator/page_bits.h"

#include <criterion/criterion.h>

#include <bitset>

#include "tests/unit/support.h"

using namespace gamelan;
using test::Random;

namespace {
using Model = std::bitset<kChunkPages>;

size_t first_clear_run(const Model& m, Pages n) {
  Pages run = 0;
  for (size_t i = 0; i < kChunkPages; i++) {
    run = m[i] ? 0 : run + 1;
    if (run == n) return i + 1 - n;
  }
  return kNone;
}

size_t first_clear_block(const Model& m) {
  for (size_t i = 0; i < kChunkPages; i += 8)
    if ((m >> i & Model(0xff)).none()) return i;
  return kNone;
}

PageSummary summary(const Model& m) {
  uint32_t start = 0, end = 0, max = 0, run = 0;
  while (start < kChunkPages && !m[start]) start++;
  while (end < kChunkPages && !m[kChunkPages - 1 - end]) end++;
  for (size_t i = 0; i < kChunkPages; i++) {
    run = m[i] ? 0 : run + 1;
    max = max_of(max, run);
  }
  return {start, max, end};
}

void compare(const PageBits& bits, const Model& m) {
  for (size_t i = 0; i < kChunkPages; i++) cr_assert_eq(bits.get(i), m[i]);
  for (Pages n = 1; n <= kChunkPages; n++) cr_assert_eq(bits.find_clear_run(n), first_clear_run(m, n), "run of %zu", n);
  cr_assert_eq(bits.find_clear_block(), first_clear_block(m));
  cr_assert(bits.summarize() == summary(m));
}
}  // namespace

Test(page_bits, agree_with_a_naive_model_over_random_changes) {
  Random random(1);
  for (int round = 0; round < 60; round++) {
    PageBits bits{};
    Model m;
    const Pages longest = Pages{1} << random.below(8);
    const unsigned clears = static_cast<unsigned>(random.between(1, 6));
    for (int i = 0; i < 100; i++) {
      const size_t first = random.below(kChunkPages);
      const Pages n = random.between(1, min_of(longest, kChunkPages - first));
      const bool set = !random.once_in(clears);
      set ? bits.set(first, n) : bits.clear(first, n);
      for (size_t k = first; k < first + n; k++) m[k] = set;
      if (i % 10 == 0) compare(bits, m);
    }
  }
}

Test(page_bits, every_single_run_is_found) {
  for (size_t first = 0; first < kChunkPages; first += 3)
    for (Pages n = 1; first + n <= kChunkPages; n += 7) {
      PageBits bits{};
      bits.set(0, kChunkPages);
      bits.clear(first, n);
      cr_assert_eq(bits.find_clear_run(n), first, "%zu pages at %zu", n, first);
      cr_assert_eq(bits.find_clear_run(n + 1), kNone);
      const PageSummary want = {first ? 0 : static_cast<uint32_t>(n), static_cast<uint32_t>(n),
                                first + n == kChunkPages ? static_cast<uint32_t>(n) : 0};
      cr_assert(bits.summarize() == want);
    }
}

Test(page_bits, all_free_and_all_taken) {
  PageBits bits{};
  cr_assert(bits.summarize() == (PageSummary{512, 512, 512}));
  cr_assert_eq(bits.find_clear_run(512), 0u);
  cr_assert_eq(bits.find_clear_run(513), kNone);
  bits.set(0, kChunkPages);
  cr_assert(bits.summarize() == (PageSummary{0, 0, 0}));
  cr_assert_eq(bits.find_clear_run(1), kNone);
  cr_assert_eq(bits.find_clear_block(), kNone);
}

Test(page_bits, count_and_none_set_look_at_their_range_only) {
  Random random(2);
  PageBits bits{};
  Model m;
  for (int i = 0; i < 200; i++) {
    const size_t at = random.below(kChunkPages);
    bits.set(at, 1);
    m.set(at);
  }
  for (int i = 0; i < 20'000; i++) {
    const size_t first = random.below(kChunkPages);
    const Pages n = random.below(kChunkPages - first + 1);
    Pages want = 0;
    for (size_t k = first; k < first + n; k++) want += m[k];
    cr_assert_eq(bits.count(first, n), want);
    cr_assert_eq(bits.none_set(first, n), want == 0);
  }
}

Test(page_bits, a_block_is_aligned_to_eight) {
  PageBits bits{};
  bits.set(0, kChunkPages);
  bits.clear(4, 11);  // eleven in a row, but no aligned eight
  cr_assert_eq(bits.find_clear_block(), kNone);
  bits.clear(15, 1);
  cr_assert_eq(bits.find_clear_block(), 8u);
}
