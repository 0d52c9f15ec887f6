// glibc_thread THREADS WORK: each thread replaces random ones of its 1024 blocks.
//
// After     the shape of glibc's bench-malloc-thread: sizes from 4 bytes to 32 KiB, small ones far more frequent.
// Shows     threads that share nothing: whatever they wait for is the allocator's.
// Work      replacements in all.
#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kBlocks = 1024;

uint64_t replace(uint64_t seed, uint64_t count) {
  Random random(seed);
  std::vector<Block*> blocks(kBlocks);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; ++i) {
    Block*& place = blocks[random.below(kBlocks)];
    sum += end(place);
    place = Block::make(random.size(4, 32 * 1024));
  }
  for (Block* block : blocks) sum += end(block);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t threads = argument(argc, argv, 1, 1), work = argument(argc, argv, 2, 1'000'000);
  return finish(on_threads(threads, [&](uint64_t i) { return replace(i, work / threads); }));
}
