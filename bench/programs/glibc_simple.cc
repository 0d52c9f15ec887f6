// glibc_simple WORK: runs of blocks of one size, freed in the order in which they came.
//
// After     the shape of glibc's bench-malloc-simple: few blocks (what a thread cache holds), then many.
// Shows     the plain pair of malloc and free, sizes from 8 bytes to 4 KiB.
// Work      blocks in all.
#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kSizes = 10;  // 8, 16, ..., 4096

uint64_t run(uint64_t size, uint64_t length, uint64_t count) {
  std::vector<Block*> blocks(length);
  uint64_t sum = 0;
  for (uint64_t done = 0; done < count; done += length) {
    for (Block*& block : blocks) block = Block::make(size);
    for (Block* block : blocks) sum += block->end();
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t work = argument(argc, argv, 1, 1'000'000);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < kSizes; ++i)
    for (const uint64_t length : {25, 100, 400, 1600}) sum += run(8ull << i, length, work / kSizes / 4);
  return finish(sum);
}
