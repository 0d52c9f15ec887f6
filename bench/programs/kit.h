// bench/programs/kit.h: what the suite's programs share: seeded random numbers, threads, blocks in real use.
//
// Contract  a program does a fixed amount of work for its arguments and prints one checksum on stdout, which depends
//           on the arguments alone: not on the allocator, not on how threads were scheduled. What it measures itself
//           goes to the descriptor in $BENCH_FIGURES, a line "NAME VALUE UNIT" each.
#pragma once
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

// splitmix64: a few instructions, so that it does not hide the allocator.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // 0 to n - 1
  uint64_t below(uint64_t n) { return (static_cast<unsigned __int128>(next()) * n) >> 64; }

  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }

  // Sizes as programs have them: every power of two is half as frequent as the one before.
  uint64_t size(uint64_t low, uint64_t high) {
    uint64_t limit = low * 2;
    while (limit < high && (next() & 1)) limit *= 2;
    return between(low, limit < high ? limit : high);
  }

 private:
  uint64_t state_;
};

// The nth argument as a number.
inline uint64_t argument(int argc, char** argv, int n, uint64_t otherwise) {
  return argc > n ? strtoull(argv[n], nullptr, 10) : otherwise;
}

// A block whose first word holds its size and whose last byte is written, so that every page at either end is touched.
// Small blocks as large as a word at least.
struct Block {
  uint64_t size;

  static Block* make(uint64_t size) {
    if (size < sizeof(Block)) size = sizeof(Block);
    return check(static_cast<Block*>(malloc(size)))->fill(size);
  }

  Block* fill(uint64_t n) {
    reinterpret_cast<volatile char*>(this)[n - 1] = 1;
    size = n;
    return this;
  }

  static Block* check(Block* block) {
    if (!block) abort();
    return block;
  }

  // Frees the block and returns its size, for the checksum.
  uint64_t end() {
    const uint64_t n = size;
    free(this);
    return n;
  }
};

// Frees a block that may be none.
inline uint64_t end(Block* block) { return block ? block->end() : 0; }

// Runs body(0) to body(count - 1), each on a thread of its own when there are several. Returns the sum of
// what they return.
template <class Body>
uint64_t on_threads(uint64_t count, Body body) {
  if (count == 1) return body(uint64_t{0});
  std::vector<uint64_t> sums(count);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < count; ++i) threads.emplace_back([&, i] { sums[i] = body(i); });
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; ++i) {
    threads[i].join();
    sum += sums[i];
  }
  return sum;
}

inline int finish(uint64_t checksum) {
  printf("%016llx\n", static_cast<unsigned long long>(checksum));
  return 0;
}

inline void figure(const char* name, double value, const char* unit) {
  const char* fd = getenv("BENCH_FIGURES");
  if (fd)
    dprintf(atoi(fd), "%s %.6g %s\n", name, value, unit);
  else
    fprintf(stderr, "%s %.6g %s\n", name, value, unit);
}

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace bench
