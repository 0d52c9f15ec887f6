// cache_scratch THREADS WORK: passive false sharing.
//
// After     Berger, McKinley, Blumofe, Wilson, "Hoard" (ASPLOS 2000).
// Shows     whether an allocator hands a thread the freed part of a cache line whose rest another thread uses: the main
//           thread's small blocks lie side by side, each thread frees one of them and then uses what it gets instead.
// Work      writes in all, 1000 to a block.
#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kSize = 8, kWrites = 1000;

uint64_t use(volatile char* block) {
  for (uint64_t i = 0; i < kWrites; ++i) block[i % kSize] = static_cast<char>(block[i % kSize] + 1);
  return static_cast<unsigned char>(block[0]);
}

uint64_t scratch(char* first, uint64_t count) {
  free(first);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; i += kWrites) {
    char* block = static_cast<char*>(malloc(kSize));
    memset(block, 0, kSize);
    sum += use(block);
    free(block);
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t threads = argument(argc, argv, 1, 1), work = argument(argc, argv, 2, 10'000'000);
  std::vector<char*> side_by_side(threads);
  for (char*& block : side_by_side) block = static_cast<char*>(malloc(kSize));
  return finish(on_threads(threads, [&](uint64_t i) { return scratch(side_by_side[i], work / threads); }));
}
