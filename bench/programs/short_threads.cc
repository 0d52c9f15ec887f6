// short_threads THREADS WORK: threads that come, allocate a little, and go.
//
// Shows     what a thread's cache costs to make and to give back, and whether memory grows with the
//           count of threads that ever were.
// Work      threads in all, THREADS at a time; each makes 300 blocks and frees all but one, which its successor frees.
#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kBlocks = 300;

uint64_t live_briefly(uint64_t seed, Block*& left_behind) {
  Random random(seed);
  Block* blocks[kBlocks];
  uint64_t sum = end(left_behind);
  for (Block*& block : blocks) block = Block::make(random.size(16, 4096));
  for (uint64_t i = 1; i < kBlocks; ++i) sum += blocks[i]->end();
  left_behind = blocks[0];
  return sum;
}

uint64_t one_after_another(uint64_t seed, uint64_t count) {
  Block* left_behind = nullptr;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; ++i) std::thread([&] { sum += live_briefly(seed + i, left_behind); }).join();
  return sum + end(left_behind);
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t threads = argument(argc, argv, 1, 1), work = argument(argc, argv, 2, 1000);
  return finish(on_threads(threads, [&](uint64_t i) { return one_after_another(i * work, work / threads); }));
}
