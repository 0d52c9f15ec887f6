// allocator/page_alloc.h: which pages of the heap are taken: first fit by address, in logarithmic time.
//
// Owns     a bitmap per 4 MiB chunk (taken; scavenged), a radix tree of free-run summaries over the chunks, 64 to a
//          node, and an index of the chunks that hold a free aligned 64 KiB block, for small-object spans.
// Threads  the caller's lock (MHeap).  Memory  the caller's: `ChunkMeta` grows with the heap, tree levels are static.
// Height   a heap of up to 64 chunks (256 MiB) has no tree at all: its chunk summaries are scanned.
// Go       mpagealloc.go, mpagealloc_64bit.go.  Differs: 64-ary nodes, and the block index, which Go has no need of.
#pragma once
#include "allocator/page_bits.h"

namespace gamelan {

struct ChunkMeta {
  PageBits taken;
  PageBits scavenged;       // free and known zero, with no memory behind it
  PageSummary summary;      // of taken
  uint32_t freed_at;        // ms: when pages were last freed here, for the scavenger
  uint32_t huge;            // bit per half (2 MiB): huge pages were asked for
};

inline constexpr Pages kHalfPages = kChunkPages / 2;  // 2 MiB: what one huge page covers

struct PageRun {
  size_t first;
  Pages n;
};

class PageAlloc {
 public:
  static constexpr size_t kFanOut = 64;
  static constexpr int kLevels = 4;  // 0: chunks; 3: sixteen nodes for 16 TiB
  static constexpr size_t kMaxChunks = size_t{1} << 22;

  // `chunks`: room for all chunks ever added, the part in use being mapped by the caller before `grow`.
  // `levels`: arrays of kMaxChunks/64, /64^2 and /64^3 summaries; `blocks`: kMaxChunks/64 words.
  void init(ChunkMeta* chunks, PageSummary* level1, PageSummary* level2, PageSummary* level3, uint64_t* blocks);

  // Pages [first, first+n) become free and scavenged. Chunks appear in order; gaps between calls stay taken.
  void grow(size_t first, Pages n);

  // All return the first page, or kNone. `*scavenged`: how many of the pages have no memory behind them.
  size_t alloc(Pages n, Pages* scavenged);
  size_t alloc_with_room(Pages n, Pages room, Pages* scavenged);  // behind them `room` more are free, and stay so for now
  size_t alloc_block(Pages* scavenged);                          // kBlockPages, so aligned
  // `align`: power of two. What it aligns is the address: the heap's page 0 is page `base` of the address space.
  size_t alloc_aligned(Pages n, Pages align, size_t base, Pages* scavenged);
  bool alloc_at(size_t first, Pages n, Pages* scavenged);        // exactly there

  void free(size_t first, Pages n, uint32_t now_ms);
  void free_scavenged(size_t first, Pages n);  // pages that were emptied while taken

  // Takes a run of free pages the last of which still has memory, from the highest chunk not touched for `age_ms`;
  // nothing where there is none. The caller empties it, then calls free_scavenged. Pages without memory in between
  // come along: patchy memory would otherwise go home 64 KiB at a time.
  bool take_unscavenged(uint32_t now_ms, uint32_t age_ms, Pages at_most, PageRun* run);

  // Whether the half chunk (2 MiB) around `page` has no memory behind it but for `taken` pages just taken.
  bool half_is_fresh(size_t page, Pages taken) const;
  bool is_huge(size_t page) const { return chunks_[page / kChunkPages].huge >> (page / kHalfPages % 2) & 1; }
  void set_huge(size_t page, bool on);

  Pages free_pages() const { return free_; }
  Pages scavenged_pages() const { return scavenged_; }
  size_t chunks() const { return count_; }
  const ChunkMeta& chunk(size_t i) const { return chunks_[i]; }
  bool is_consistent() const;  // every summary recomputed and compared: the verifier's and the tests'

 private:
  size_t nodes(int level) const;
  PageSummary& node(int level, size_t i) const;
  PageSummary merged(int level, size_t i) const;
  int top_level() const;
  void make_level(int level);
  void update(size_t first, Pages n);
  void update_chunk(size_t c);
  size_t find(Pages n) const;
  size_t find_in(int level, size_t lo, size_t hi, Pages n) const;
  bool is_free(size_t first, Pages n) const;
  void take(size_t first, Pages n, Pages* scavenged);
  template <class F> void for_chunks(size_t first, Pages n, F f) const;

  ChunkMeta* chunks_ = nullptr;
  PageSummary* level_[kLevels] = {};  // [0] unused: chunk summaries live in ChunkMeta
  uint64_t* blocks_ = nullptr;
  size_t count_ = 0;       // chunks that exist
  size_t block_hint_ = 0;  // no block bit is set in words below this
  Pages free_ = 0, scavenged_ = 0;
};

}  // namespace gamelan
