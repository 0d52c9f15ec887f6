// allocator/page_bits.cc: searching 512 bits a word at a time.
#include "allocator/page_bits.h"

namespace gamelan {

namespace {
uint64_t mask(size_t first, size_t n) { return (n == 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1) << first; }

// Bit i of the result: bits i .. i+n-1 of `free` are all set. Doubles the proven length each step.
uint64_t runs_of(uint64_t free, Pages n) {
  for (Pages proven = 1; proven < n && free;) {
    const Pages step = min_of(proven, n - proven);
    free &= free >> step;
    proven += step;
  }
  return free;
}

}  // namespace

template <class F>
void PageBits::for_words(size_t first, Pages n, F f) {
  while (n) {
    const size_t bit = first % 64, here = min_of<size_t>(n, 64 - bit);
    f(word_[first / 64], mask(bit, here));
    first += here;
    n -= here;
  }
}

void PageBits::set(size_t first, Pages n) {
  for_words(first, n, [](uint64_t& w, uint64_t m) { w |= m; });
}

void PageBits::clear(size_t first, Pages n) {
  for_words(first, n, [](uint64_t& w, uint64_t m) { w &= ~m; });
}

Pages PageBits::count(size_t first, Pages n) const {
  Pages total = 0;
  while (n) {
    const size_t bit = first % 64, here = min_of<size_t>(n, 64 - bit);
    total += static_cast<Pages>(__builtin_popcountll(word_[first / 64] & mask(bit, here)));
    first += here;
    n -= here;
  }
  return total;
}

size_t PageBits::find_clear_run(Pages n) const {
  Pages run = 0;  // clear bits that end just below the current word
  for (size_t i = 0; i < 8; i++) {
    const uint64_t w = word_[i];
    if (w == 0) {
      run += 64;
      if (run >= n) return i * 64 + 64 - run;
      continue;
    }
    run += static_cast<Pages>(__builtin_ctzll(w));
    if (run >= n) return i * 64 + static_cast<size_t>(__builtin_ctzll(w)) - run;
    if (n < 64)
      if (const uint64_t hits = runs_of(~w, n)) return i * 64 + static_cast<size_t>(__builtin_ctzll(hits));
    run = static_cast<Pages>(__builtin_clzll(w));
  }
  return kNone;
}

size_t PageBits::find_clear_block() const {
  for (size_t i = 0; i < 8; i++) {
    // Classic zero-byte test; the lowest byte it flags is exact.
    const uint64_t w = word_[i];
    const uint64_t zero = (w - 0x0101010101010101) & ~w & 0x8080808080808080;
    if (zero) return i * 64 + (static_cast<size_t>(__builtin_ctzll(zero)) & ~size_t{7});
  }
  return kNone;
}

PageSummary PageBits::summarize() const {
  uint32_t start = 0, max = 0, run = 0;
  bool seen = false;
  for (size_t i = 0; i < 8; i++) {
    const uint64_t w = word_[i];
    if (w == 0) {
      run += 64;
      continue;
    }
    const int low = __builtin_ctzll(w), high = __builtin_clzll(w);
    run += static_cast<uint32_t>(low);
    if (!seen) start = run;
    seen = true;
    max = max_of(max, run);
    // Runs inside the word, which has few: most often what is taken is in one piece.
    const uint64_t inside = ~w >> low << low << high >> high;
    while (inside && max < 64 && runs_of(inside, max + 1)) max++;
    run = static_cast<uint32_t>(high);
  }
  if (!seen) start = run;
  return {start, max_of(max, run), run};
}

}  // namespace gamelan
