#include "allocator/page_alloc.h"

#include <criterion/criterion.h>
#include <sys/mman.h>

#include <map>
#include <vector>

#include "allocator/size_classes.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::Random;

namespace {
template <class T>
T* zeroed(size_t n) {
  void* p = mmap(nullptr, n * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  cr_assert_neq(p, MAP_FAILED);
  return static_cast<T*>(p);
}

// What a page allocator must do, in the simplest words: free runs in a map, a flag and a date per page or chunk.
class Model {
 public:
  void grow(size_t first, Pages n) {
    scavenged_.resize(first + n, false);
    freed_at_.resize((first + n + kChunkPages - 1) / kChunkPages, 0);
    join(first, n);
    mark(first, n, true);
  }
  size_t first_fit(Pages n) const {
    for (const auto& [first, length] : runs_)
      if (length >= n) return first;
    return kNone;
  }
  // The lowest aligned free block of eight.
  size_t first_block() const {
    for (const auto& [first, length] : runs_)
      if (align_up(first, kBlockPages) + kBlockPages <= first + length) return align_up(first, kBlockPages);
    return kNone;
  }
  bool is_free(size_t first, Pages n) const {
    auto run = runs_.upper_bound(first);
    if (run == runs_.begin()) return false;
    --run;
    return first + n <= run->first + run->second;
  }
  // Returns how many of them were scavenged.
  Pages take(size_t first, Pages n) {
    auto run = std::prev(runs_.upper_bound(first));
    const size_t start = run->first, end = run->first + run->second;
    runs_.erase(run);
    if (start < first) runs_[start] = first - start;
    if (first + n < end) runs_[first + n] = end - first - n;
    free_ -= n;
    return mark(first, n, false);
  }
  void free(size_t first, Pages n, uint32_t now) {
    join(first, n);
    for (size_t c = first / kChunkPages; c <= (first + n - 1) / kChunkPages; c++) freed_at_[c] = now;
  }
  void free_scavenged(size_t first, Pages n) {
    join(first, n);
    mark(first, n, true);
  }
  bool is_scavenged(size_t page) const { return scavenged_[page]; }
  // The highest chunk with free pages that hold memory and that nobody gave pages to for `age`.
  size_t chunk_to_scavenge(uint32_t now, uint32_t age) const {
    for (auto run = runs_.rbegin(); run != runs_.rend(); ++run)
      for (size_t page = run->first + run->second; page-- > run->first;)
        if (!scavenged_[page] && now - freed_at_[page / kChunkPages] >= age) return page / kChunkPages;
    return kNone;
  }
  Pages free_pages() const { return free_; }
  Pages scavenged_pages() const { return count_; }
  size_t end() const { return scavenged_.size(); }

 private:
  void join(size_t first, Pages n) {
    free_ += n;
    auto next = runs_.lower_bound(first);
    if (next != runs_.end() && first + n == next->first) {
      n += next->second;
      next = runs_.erase(next);
    }
    if (next != runs_.begin() && std::prev(next)->first + std::prev(next)->second == first) std::prev(next)->second += n;
    else runs_[first] = n;
  }
  Pages mark(size_t first, Pages n, bool scavenged) {
    Pages changed = 0;
    for (size_t i = first; i < first + n; i++) {
      changed += scavenged_[i] != scavenged;
      scavenged_[i] = scavenged;
    }
    count_ += scavenged ? changed : -changed;
    return changed;
  }

  std::map<size_t, Pages> runs_;
  std::vector<bool> scavenged_;
  std::vector<uint32_t> freed_at_;
  Pages free_ = 0, count_ = 0;
};

// A page allocator of `chunks` chunks at most, its model, and what is taken.
class Pair {
 public:
  Pair(uint64_t seed, size_t chunks) : random(seed) {
    pages.init(zeroed<ChunkMeta>(chunks), zeroed<PageSummary>(PageAlloc::kMaxChunks / 64),
               zeroed<PageSummary>(PageAlloc::kMaxChunks / 64 / 64), zeroed<PageSummary>(PageAlloc::kMaxChunks / 64 / 64 / 64),
               zeroed<uint64_t>(PageAlloc::kMaxChunks / 64));
  }

  // `gap`: pages that stay taken for ever, between the last growth and this one.
  void grow(Pages n, Pages gap = 0) {
    const size_t first = model.end() + gap;
    pages.grow(first, n);
    model.grow(first, n);
  }

  void took(size_t got, size_t want, Pages n, Pages scavenged) {
    cr_assert_eq(got, want, "%zu pages: got %zu, want %zu", n, got, want);
    if (got == kNone) return;
    cr_assert_eq(model.take(got, n), scavenged);
    taken.push_back({got, n});
  }
  void alloc(Pages n) {
    Pages scavenged = 0;
    const size_t got = pages.alloc(n, &scavenged);
    took(got, model.first_fit(n), n, scavenged);
  }
  void alloc_block() {
    Pages scavenged = 0;
    const size_t got = pages.alloc_block(&scavenged);
    took(got, model.first_block(), kBlockPages, scavenged);
  }
  // Promised: aligned and free; found wherever there is room for the worst alignment.
  void alloc_aligned(Pages n, Pages align) {
    Pages scavenged = 0;
    const size_t base = random.below(1 << 20) * 8;
    const size_t got = pages.alloc_aligned(n, align, base, &scavenged);
    if (got == kNone) {
      cr_assert_eq(model.first_fit(n + align - 1), kNone);
      return;
    }
    cr_assert_eq((base + got) % align, 0u);
    cr_assert(model.is_free(got, n));
    took(got, got, n, scavenged);
  }
  void alloc_at(size_t first, Pages n) {
    Pages scavenged = 0;
    const bool want = model.is_free(first, n);
    cr_assert_eq(pages.alloc_at(first, n, &scavenged), want);
    if (want) took(first, first, n, scavenged);
  }
  void free_one() {
    if (taken.empty()) return;
    const size_t i = random.below(taken.size());
    PageRun run = taken[i];
    taken[i] = taken.back();
    taken.pop_back();
    // Now and then in two parts: the heap shrinks large objects.
    if (run.n > 1 && random.once_in(8)) {
      const Pages kept = random.between(1, run.n - 1);
      taken.push_back({run.first, kept});
      run = {run.first + kept, run.n - kept};
    }
    give(run, random.once_in(10));
  }
  void give(PageRun run, bool scavenged) {
    if (scavenged) {
      pages.free_scavenged(run.first, run.n);
      model.free_scavenged(run.first, run.n);
    } else {
      pages.free(run.first, run.n, now);
      model.free(run.first, run.n, now);
    }
  }
  void scavenge(uint32_t age, Pages at_most) {
    PageRun run{kNone, 0};
    const bool found = pages.take_unscavenged(now, age, at_most, &run);
    const size_t chunk = model.chunk_to_scavenge(now, age);
    cr_assert_eq(found, chunk != kNone);
    if (!found) return;
    cr_assert_eq(run.first / kChunkPages, chunk);
    cr_assert_eq((run.first + run.n - 1) / kChunkPages, chunk);
    cr_assert(run.n >= 1 && run.n <= at_most);
    cr_assert(model.is_free(run.first, run.n));
    cr_assert_not(model.is_scavenged(run.first + run.n - 1));
    model.take(run.first, run.n);
    check_counts();
    give(run, !random.once_in(10));
  }
  void one_operation(Pages longest) {
    now += static_cast<uint32_t>(random.below(50));
    const Pages n = random.once_in(20) ? random.between(1, longest) : random.between(1, 40);
    switch (random.below(12)) {
      case 0: case 1: case 2: return alloc(n);
      case 3: case 4: return alloc_block();
      case 5: return alloc_aligned(n, Pages{1} << random.below(10));
      case 6: return alloc_at(random.below(model.end() + 20), n);
      case 7: return scavenge(static_cast<uint32_t>(random.below(4000)), random.between(1, 600));
      default: return free_one();
    }
  }
  void check_counts() {
    cr_assert_eq(pages.free_pages(), model.free_pages());
    cr_assert_eq(pages.scavenged_pages(), model.scavenged_pages());
  }
  void check() {
    check_counts();
    cr_assert(pages.is_consistent());
  }

  PageAlloc pages;
  Model model;
  Random random;
  std::vector<PageRun> taken;
  uint32_t now = 1000;
};
}  // namespace

Test(page_alloc, one_chunk_agrees_with_a_naive_model, .timeout = 10) {
  for (uint64_t seed = 0; seed < 20; seed++) {
    Pair p(seed, 1);
    p.grow(kChunkPages);
    for (int i = 0; i < 2000; i++) {
      p.one_operation(kChunkPages);
      p.check();
    }
  }
}

Test(page_alloc, agrees_with_a_naive_model_while_it_grows_past_64_chunks, .timeout = 10) {
  for (uint64_t seed = 100; seed < 104; seed++) {
    Pair p(seed, 200);
    p.grow(p.random.between(1, 3 * kChunkPages));
    for (int i = 0; i < 6000; i++) {
      if (p.random.once_in(30) && p.model.end() < 130 * kChunkPages)
        p.grow(8 * p.random.between(1, 64), p.random.once_in(4) ? 8 * p.random.below(200) : 0);
      p.one_operation(20 * kChunkPages);
      p.check();
    }
    cr_assert_gt(p.pages.chunks(), 64u);
  }
}

Test(page_alloc, agrees_with_a_naive_model_while_it_grows_past_4096_chunks, .timeout = 10) {
  Pair p(200, 4300);
  p.grow(4090 * kChunkPages);
  p.alloc(4000 * kChunkPages);  // the naive model would look at two million free pages otherwise
  p.taken.clear();
  for (int i = 0; i < 4000; i++) {
    if (p.random.once_in(20) && p.model.end() < 4200 * kChunkPages) p.grow(8 * p.random.between(1, 64));
    p.one_operation(10 * kChunkPages);
    p.check_counts();
    if (i % 100 == 0) cr_assert(p.pages.is_consistent());
  }
  cr_assert_gt(p.pages.chunks(), 4096u);
  p.check();
}

Test(page_alloc, level_3_is_born_and_finds_what_lies_on_both_sides, .timeout = 10) {
  constexpr size_t kBorder = 64 * 64 * 64;
  Pair p(1, kBorder + 100);
  p.pages.grow(0, kBorder * kChunkPages);
  p.pages.grow(kBorder * kChunkPages, 3 * kChunkPages);
  Pages scavenged = 0;
  cr_assert_eq(p.pages.alloc((kBorder - 1) * kChunkPages, &scavenged), 0u);
  cr_assert_eq(p.pages.alloc(2 * kChunkPages, &scavenged), (kBorder - 1) * kChunkPages);
  cr_assert_eq(p.pages.alloc(2 * kChunkPages, &scavenged), (kBorder + 1) * kChunkPages);
  cr_assert_eq(p.pages.alloc(1, &scavenged), kNone);
  p.pages.free(5, 1, 0);
  cr_assert_eq(p.pages.alloc(1, &scavenged), 5u);
  cr_assert(p.pages.is_consistent());
}

// The tree's levels appear in one step however far the step goes, and know what was free before it.
Test(page_alloc, one_growth_across_a_level_forgets_nothing, .timeout = 10) {
  for (size_t before : {1, 63, 64, 65, 100, 127, 128, 4095, 4096, 4097})
    for (size_t more : {1, 63, 64, 65, 129, 4100}) {
      Pair p(1, before + more);
      p.pages.grow(0, before * kChunkPages);
      p.pages.grow(before * kChunkPages, more * kChunkPages);
      cr_assert(p.pages.is_consistent(), "%zu chunks, then %zu", before, more);
      Pages scavenged = 0;
      cr_assert_eq(p.pages.alloc((before + more) * kChunkPages, &scavenged), 0u, "%zu chunks, then %zu", before, more);
    }
}

Test(page_alloc, a_growth_behind_a_hole_forgets_nothing, .timeout = 10) {
  for (size_t hole : {1, 60, 200, 4100}) {
    Pair p(1, 3 + hole + 200);
    p.pages.grow(0, 3 * kChunkPages);
    p.pages.grow((3 + hole) * kChunkPages, 200 * kChunkPages);
    cr_assert(p.pages.is_consistent(), "a hole of %zu chunks", hole);
    Pages scavenged = 0;
    cr_assert_eq(p.pages.alloc(3 * kChunkPages, &scavenged), 0u, "a hole of %zu chunks", hole);
    cr_assert_eq(p.pages.alloc(200 * kChunkPages, &scavenged), (3 + hole) * kChunkPages);
    cr_assert_not(p.pages.alloc_at(4 * kChunkPages, 1, &scavenged), "the hole stays taken");
  }
}

Test(page_alloc, a_run_may_cross_chunks_and_nodes) {
  Pair p(1, 200);
  p.grow(200 * kChunkPages);
  p.alloc(64 * kChunkPages - 3);
  p.alloc(6);  // three pages on either side of the border between two nodes
  p.check();
  p.alloc(136 * kChunkPages - 3);
  p.alloc(1);
  cr_assert_eq(p.pages.free_pages(), 0u);
  p.check();
}

Test(page_alloc, is_exhausted_when_nothing_fits_and_not_before, .timeout = 10) {
  Pair p(3, 70);
  p.grow(70 * kChunkPages);
  while (p.pages.free_pages()) p.alloc(min_of<Pages>(p.random.between(1, 300), p.pages.free_pages()));
  p.check();
  p.alloc(1);
  p.alloc_block();
  p.alloc_aligned(1, 2);
  // Every other page: nothing of two fits, everything of one.
  for (size_t i = 0; i < 70 * kChunkPages; i += 2) p.give({i, 1}, false);
  p.alloc(2);
  p.alloc_block();
  p.alloc(1);
  p.check();
}

Test(page_alloc, asks_for_more_than_there_is_are_refused) {
  Pair p(4, 2);
  Pages scavenged = 0;
  cr_assert_eq(p.pages.alloc(1, &scavenged), kNone);
  cr_assert_eq(p.pages.alloc_block(&scavenged), kNone);
  p.grow(kChunkPages);
  for (Pages n : {kChunkPages + 1, Pages{1} << 40, Pages{1} << 50}) {
    cr_assert_eq(p.pages.alloc(n, &scavenged), kNone);
    cr_assert_eq(p.pages.alloc_aligned(n, 8, 0, &scavenged), kNone);
    cr_assert_not(p.pages.alloc_at(0, n, &scavenged));
  }
  cr_assert_eq(p.pages.alloc_aligned(1, Pages{1} << 30, 0, &scavenged), kNone);
  p.check();
}

Test(page_alloc, fresh_pages_count_as_scavenged_until_they_are_used) {
  Pair p(5, 4);
  p.grow(4 * kChunkPages);
  cr_assert_eq(p.pages.scavenged_pages(), 4 * kChunkPages);
  Pages scavenged = 0;
  cr_assert_eq(p.pages.alloc(10, &scavenged), 0u);
  cr_assert_eq(scavenged, 10u);
  p.pages.free(0, 10, 1);
  cr_assert_eq(p.pages.alloc(15, &scavenged), 0u);
  cr_assert_eq(scavenged, 5u);
  p.pages.free_scavenged(0, 15);
  cr_assert_eq(p.pages.scavenged_pages(), 4 * kChunkPages);
  cr_assert(p.pages.is_consistent());
}

Test(scavenging, waits_until_nobody_freed_in_the_chunk_for_the_age) {
  Pair p(6, 2);
  p.grow(2 * kChunkPages);
  Pages scavenged = 0;
  p.pages.alloc(100, &scavenged);
  p.pages.free(0, 50, 10'000);
  PageRun run;
  cr_assert_not(p.pages.take_unscavenged(10'000, 1, 512, &run));
  cr_assert_not(p.pages.take_unscavenged(10'999, 1000, 512, &run));
  p.pages.free(50, 10, 10'999);
  cr_assert_not(p.pages.take_unscavenged(11'000, 1000, 512, &run), "it was used again");
  cr_assert(p.pages.take_unscavenged(11'999, 1000, 512, &run));
  cr_assert_eq(run.first, 0u);
  cr_assert_eq(run.n, 60u);
}

Test(scavenging, an_age_of_0_takes_at_once) {
  Pair p(7, 1);
  p.grow(kChunkPages);
  Pages scavenged = 0;
  p.pages.alloc(7, &scavenged);
  p.pages.free(0, 7, 500);
  PageRun run;
  cr_assert(p.pages.take_unscavenged(500, 0, 512, &run));
  cr_assert_eq(run.n, 7u);
}

Test(scavenging, survives_the_wrap_of_the_millisecond_clock) {
  Pair p(8, 1);
  p.grow(kChunkPages);
  Pages scavenged = 0;
  p.pages.alloc(7, &scavenged);
  p.pages.free(0, 7, 0xffff'ff00);
  PageRun run;
  cr_assert_not(p.pages.take_unscavenged(0x10, 1000, 512, &run));
  cr_assert(p.pages.take_unscavenged(1000, 1000, 512, &run));
}

Test(scavenging, goes_from_the_highest_chunk_down_in_steps) {
  Pair p(9, 5);
  p.grow(5 * kChunkPages);
  Pages scavenged = 0;
  p.pages.alloc(5 * kChunkPages, &scavenged);
  p.pages.free(0, 5 * kChunkPages, 0);
  for (size_t end = 5 * kChunkPages; end > 0; end -= 128) {
    PageRun run;
    cr_assert(p.pages.take_unscavenged(100, 100, 128, &run));
    cr_assert_eq(run.first, end - 128);
    cr_assert_eq(run.n, 128u);
    p.pages.free_scavenged(run.first, run.n);
  }
  PageRun run;
  cr_assert_not(p.pages.take_unscavenged(100, 100, 128, &run));
  cr_assert_eq(p.pages.scavenged_pages(), 5 * kChunkPages);
  cr_assert(p.pages.is_consistent());
}

Test(scavenging, skips_a_chunk_in_use_for_an_older_one_below) {
  Pair p(10, 3);
  p.grow(3 * kChunkPages);
  Pages scavenged = 0;
  p.pages.alloc(3 * kChunkPages, &scavenged);
  p.pages.free(10, 5, 1000);
  p.pages.free(2 * kChunkPages, 5, 1900);
  PageRun run;
  cr_assert(p.pages.take_unscavenged(2000, 1000, 512, &run));
  cr_assert_eq(run.first, 10u);
}

Test(page_alloc, an_inconsistent_tree_is_noticed) {
  Pair p(11, 70);
  p.grow(70 * kChunkPages);
  p.alloc(100);
  auto& chunk = const_cast<ChunkMeta&>(p.pages.chunk(3));
  const ChunkMeta before = chunk;
  chunk.taken.set(5, 1);
  cr_assert_not(p.pages.is_consistent());
  chunk = before;
  chunk.summary.max--;
  cr_assert_not(p.pages.is_consistent());
  chunk = before;
  const_cast<ChunkMeta&>(p.pages.chunk(0)).scavenged.set(0, 1);  // taken
  cr_assert_not(p.pages.is_consistent());
  const_cast<ChunkMeta&>(p.pages.chunk(0)).scavenged.clear(0, 1);
  cr_assert(p.pages.is_consistent());
  chunk.scavenged.clear(7, 1);
  cr_assert_not(p.pages.is_consistent());
}
