// allocator/page_bits.h: 512 bits, one per page of a 4 MiB chunk.
//
// Owns     nothing; pure functions over eight words. Bit set: the page is taken.
// Go       mpallocbits.go.
#pragma once
#include "allocator/base/words.h"

namespace gamelan {

inline constexpr Pages kChunkPages = 512;
inline constexpr Bytes kChunkSize = kChunkPages << kPageShift;
inline constexpr size_t kNone = ~size_t{0};

// The free pages at a range's start, the longest free run in it, and those at its end.
struct PageSummary {
  uint32_t start, max, end;
  friend bool operator==(const PageSummary&, const PageSummary&) = default;
};

class PageBits {
 public:
  void set(size_t first, Pages n);
  void clear(size_t first, Pages n);
  bool get(size_t i) const { return word_[i / 64] >> (i % 64) & 1; }
  bool none_set(size_t first, Pages n) const { return count(first, n) == 0; }
  Pages count(size_t first, Pages n) const;
  uint64_t word(size_t i) const { return word_[i]; }

  size_t find_clear_run(Pages n) const;     // first index of n clear bits in a row, or kNone
  size_t find_clear_block() const;          // same for eight, aligned to eight
  PageSummary summarize() const;

 private:
  template <class F> void for_words(size_t first, Pages n, F f);
  uint64_t word_[8];
};

}  // namespace gamelan
