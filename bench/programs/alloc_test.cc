// alloc_test THREADS WORK: random sizes into a large table, every byte written.
//
// After     Olivier Goffart's and Dmytro Ivanchykhin's alloc-test: a table of slots, each filled or emptied when hit.
// Shows     many live objects (more than caches hold) and sizes that spread over all classes.
// Work      hits in all. 2^18 slots, shared out to the threads; sizes from 32 B to 4 KiB, small ones more frequent.
#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kSlots = 1 << 18;

Block* make_and_write(uint64_t size, int byte) {
  if (size < sizeof(Block)) size = sizeof(Block);
  Block* block = Block::check(static_cast<Block*>(malloc(size)));
  memset(static_cast<void*>(block), byte, size);
  return block->fill(size);
}

uint64_t hit(uint64_t seed, uint64_t slots, uint64_t count) {
  Random random(seed);
  std::vector<Block*> table(slots);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; ++i) {
    Block*& slot = table[random.below(slots)];
    if (slot)
      sum += std::exchange(slot, nullptr)->end();
    else
      slot = make_and_write(random.size(32, 4096), static_cast<int>(i & 0xff));
  }
  for (Block* block : table) sum += end(block);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t threads = argument(argc, argv, 1, 1), work = argument(argc, argv, 2, 1'000'000);
  return finish(on_threads(threads, [&](uint64_t i) { return hit(i, kSlots / threads, work / threads); }));
}
