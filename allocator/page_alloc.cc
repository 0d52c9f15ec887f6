// allocator/page_alloc.cc: the radix tree over the chunk bitmaps.
#include "allocator/page_alloc.h"

#include "allocator/base/fatal.h"
#include "allocator/size_classes.h"

namespace gamelan {

namespace {
constexpr Pages coverage(int level) {
  Pages n = kChunkPages;
  while (level--) n *= PageAlloc::kFanOut;
  return n;
}
}  // namespace

void PageAlloc::init(ChunkMeta* chunks, PageSummary* level1, PageSummary* level2, PageSummary* level3, uint64_t* blocks) {
  chunks_ = chunks;
  level_[0] = nullptr;
  level_[1] = level1;
  level_[2] = level2;
  level_[3] = level3;
  blocks_ = blocks;
  count_ = block_hint_ = 0;
  free_ = scavenged_ = 0;
}

template <class F>
void PageAlloc::for_chunks(size_t first, Pages n, F f) const {
  while (n) {
    const size_t in = first % kChunkPages;
    const Pages here = min_of<Pages>(n, kChunkPages - in);
    f(chunks_[first / kChunkPages], in, here);
    first += here;
    n -= here;
  }
}

void PageAlloc::grow(size_t first, Pages n) {
  const size_t end = (first + n + kChunkPages - 1) / kChunkPages;
  int level = top_level();  // the tree gains levels as the heap outgrows them
  for (; count_ < end; count_++) {
    chunks_[count_].taken.set(0, kChunkPages);
    chunks_[count_].scavenged.clear(0, kChunkPages);
    chunks_[count_].summary = {0, 0, 0};
    chunks_[count_].huge = 0;
  }
  for_chunks(first, n, [](ChunkMeta& c, size_t in, Pages here) {
    c.taken.clear(in, here);
    c.scavenged.set(in, here);
  });
  free_ += n;
  scavenged_ += n;
  update(first, n);
  while (level < top_level()) make_level(++level);
}

// The level whose nodes `find` scans: the lowest with few enough of them.
int PageAlloc::top_level() const {
  int top = 0;
  while (top < kLevels - 1 && nodes(top) > kFanOut) top++;
  return top;
}

void PageAlloc::make_level(int level) {
  for (size_t i = 0; i < nodes(level); i++) level_[level][i] = merged(level, i);
}

size_t PageAlloc::nodes(int level) const {
  size_t n = count_;
  while (level--) n = (n + kFanOut - 1) / kFanOut;
  return n;
}

PageSummary& PageAlloc::node(int level, size_t i) const {
  return level == 0 ? chunks_[i].summary : level_[level][i];
}

// What node i of `level` must say, from its children.
PageSummary PageAlloc::merged(int level, size_t i) const {
  const Pages full = coverage(level - 1);
  const size_t lo = i * kFanOut, hi = min_of(lo + kFanOut, nodes(level - 1));
  uint32_t start = 0, max = 0;
  Pages run = 0;
  bool all_free = true;
  for (size_t k = lo; k < hi; k++) {
    const PageSummary& s = node(level - 1, k);
    if (s.start == full) {
      run += full;
      continue;
    }
    run += s.start;
    if (all_free) start = static_cast<uint32_t>(run);
    all_free = false;
    max = max_of(max, max_of(s.max, static_cast<uint32_t>(run)));
    run = s.end;
  }
  if (all_free) start = static_cast<uint32_t>(run);
  max = max_of(max, static_cast<uint32_t>(run));
  // A last node with fewer children ends in pages that do not exist.
  const uint32_t end = hi - lo == kFanOut ? static_cast<uint32_t>(run) : 0;
  return {start, max, end};
}

void PageAlloc::update_chunk(size_t c) {
  chunks_[c].summary = chunks_[c].taken.summarize();
  const uint64_t bit = uint64_t{1} << (c % 64);
  if (chunks_[c].summary.max >= kBlockPages && chunks_[c].taken.find_clear_block() != kNone) {
    blocks_[c / 64] |= bit;
    block_hint_ = min_of(block_hint_, c / 64);
  } else {
    blocks_[c / 64] &= ~bit;
  }
}

void PageAlloc::update(size_t first, Pages n) {
  size_t lo = first / kChunkPages, hi = (first + n - 1) / kChunkPages;
  for (size_t c = lo; c <= hi; c++) update_chunk(c);
  for (int level = 1; level < kLevels && nodes(level - 1) > kFanOut; level++) {
    lo /= kFanOut;
    hi /= kFanOut;
    bool changed = false;
    for (size_t i = lo; i <= hi; i++) {
      const PageSummary now = merged(level, i);
      changed = changed || !(now == level_[level][i]);
      level_[level][i] = now;
    }
    if (!changed) break;
  }
}

size_t PageAlloc::find(Pages n) const {
  const int top = top_level();
  return find_in(top, 0, nodes(top), n);
}

size_t PageAlloc::find_in(int level, size_t lo, size_t hi, Pages n) const {
  const Pages full = coverage(level);
  Pages run = 0;  // free pages that end where node i begins
  for (size_t i = lo; i < hi; i++) {
    const PageSummary& s = node(level, i);
    if (run + s.start >= n) return i * full - run;
    if (s.max >= n)
      return level ? find_in(level - 1, i * kFanOut, min_of((i + 1) * kFanOut, nodes(level - 1)), n)
                   : i * full + chunks_[i].taken.find_clear_run(n);
    run = s.start == full ? run + full : s.end;
  }
  return kNone;
}

void PageAlloc::take(size_t first, Pages n, Pages* scavenged) {
  Pages gone = 0;
  for_chunks(first, n, [&](ChunkMeta& c, size_t in, Pages here) {
    c.taken.set(in, here);
    gone += c.scavenged.count(in, here);
    c.scavenged.clear(in, here);
  });
  free_ -= n;
  scavenged_ -= gone;
  *scavenged = gone;
  update(first, n);
}

size_t PageAlloc::alloc(Pages n, Pages* scavenged) {
  if (n > free_) return kNone;
  const size_t first = find(n);
  if (first != kNone) take(first, n, scavenged);
  return first;
}

size_t PageAlloc::alloc_with_room(Pages n, Pages room, Pages* scavenged) {
  if (n + room > free_) return kNone;
  const size_t first = find(n + room);
  if (first != kNone) take(first, n, scavenged);
  return first;
}

size_t PageAlloc::alloc_block(Pages* scavenged) {
  const size_t words = (count_ + 63) / 64;
  for (size_t w = block_hint_; w < words; w++) {
    if (!blocks_[w]) continue;
    block_hint_ = w;
    const size_t c = w * 64 + static_cast<size_t>(__builtin_ctzll(blocks_[w]));
    const size_t first = c * kChunkPages + chunks_[c].taken.find_clear_block();
    take(first, kBlockPages, scavenged);
    return first;
  }
  block_hint_ = words;
  return kNone;
}

size_t PageAlloc::alloc_aligned(Pages n, Pages align, size_t base, Pages* scavenged) {
  if (align <= 1) return alloc(n, scavenged);
  if (n + align - 1 > free_) return kNone;
  const size_t found = find(n + align - 1);
  if (found == kNone) return kNone;
  const size_t first = align_up(base + found, align) - base;
  take(first, n, scavenged);
  return first;
}

bool PageAlloc::is_free(size_t first, Pages n) const {
  if ((first + n + kChunkPages - 1) / kChunkPages > count_) return false;
  bool free = true;
  for_chunks(first, n, [&](const ChunkMeta& c, size_t in, Pages here) { free = free && c.taken.none_set(in, here); });
  return free;
}

bool PageAlloc::alloc_at(size_t first, Pages n, Pages* scavenged) {
  if (!is_free(first, n)) return false;
  take(first, n, scavenged);
  return true;
}

void PageAlloc::free(size_t first, Pages n, uint32_t now_ms) {
  for_chunks(first, n, [&](ChunkMeta& c, size_t in, Pages here) {
    c.taken.clear(in, here);
    c.freed_at = now_ms;
  });
  free_ += n;
  update(first, n);
}

void PageAlloc::free_scavenged(size_t first, Pages n) {
  for_chunks(first, n, [&](ChunkMeta& c, size_t in, Pages here) {
    c.taken.clear(in, here);
    c.scavenged.set(in, here);
  });
  free_ += n;
  scavenged_ += n;
  update(first, n);
}

bool PageAlloc::half_is_fresh(size_t page, Pages taken) const {
  const ChunkMeta& c = chunks_[page / kChunkPages];
  return c.scavenged.count(align_down(page % kChunkPages, kHalfPages), kHalfPages) == kHalfPages - taken;
}

void PageAlloc::set_huge(size_t page, bool on) {
  const uint32_t bit = 1u << (page / kHalfPages % 2);
  uint32_t& huge = chunks_[page / kChunkPages].huge;
  huge = on ? huge | bit : huge & ~bit;
}

bool PageAlloc::take_unscavenged(uint32_t now_ms, uint32_t age_ms, Pages at_most, PageRun* run) {
  if (free_ == scavenged_) return false;
  for (size_t c = count_; c-- > 0;) {
    ChunkMeta& chunk = chunks_[c];
    if (chunk.summary.max == 0 || now_ms - chunk.freed_at < age_ms) continue;
    for (size_t w = 8; w-- > 0;) {
      const uint64_t idle = ~chunk.taken.word(w) & ~chunk.scavenged.word(w);
      if (!idle) continue;
      size_t last = w * 64 + 63 - static_cast<size_t>(__builtin_clzll(idle)), first = last;
      while (first > 0 && last - first + 1 < at_most && !chunk.taken.get(first - 1)) first--;
      run->first = c * kChunkPages + first;
      run->n = last - first + 1;
      Pages none = 0;
      take(run->first, run->n, &none);
      return true;
    }
  }
  return false;
}

bool PageAlloc::is_consistent() const {
  Pages free = 0, scavenged = 0;
  for (size_t c = 0; c < count_; c++) {
    const ChunkMeta& chunk = chunks_[c];
    if (!(chunk.summary == chunk.taken.summarize())) return false;
    const bool listed = blocks_[c / 64] >> (c % 64) & 1;
    if (listed != (chunk.taken.find_clear_block() != kNone)) return false;
    for (size_t w = 0; w < 8; w++)
      if (chunk.taken.word(w) & chunk.scavenged.word(w)) return false;
    free += kChunkPages - chunk.taken.count(0, kChunkPages);
    scavenged += chunk.scavenged.count(0, kChunkPages);
  }
  for (int level = 1; level < kLevels && nodes(level - 1) > kFanOut; level++)
    for (size_t i = 0; i < nodes(level); i++)
      if (!(merged(level, i) == level_[level][i])) return false;
  return free == free_ && scavenged == scavenged_;
}

}  // namespace gamelan
