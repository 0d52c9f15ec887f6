// fragmentation WORK: a long run whose sizes drift while some objects stay.
//
// After     the question of Johnstone and Wilson, "The memory fragmentation problem: solved?" (ISMM 1998).
// Shows     peak RSS above what is live: each of 24 phases has sizes of its own, a twentieth of its objects outlives
//           four more phases, and about 16 MiB are live at any time.
// Work      allocations in all.
#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kPhases = 24, kLive = 16 << 20, kStay = 4;

struct Heap {
  std::vector<Block*> young;
  std::vector<Block*> stay[kStay];
  uint64_t young_bytes = 0, sum = 0;

  void drop_random(Random& random) {
    Block*& place = young[random.below(young.size())];
    young_bytes -= place->size;
    sum += place->end();
    place = young.back();
    young.pop_back();
  }

  void drop(std::vector<Block*>& blocks) {
    for (Block* block : blocks) sum += block->end();
    blocks.clear();
  }
};

void live_a_phase(Heap& heap, uint64_t phase, uint64_t count, Random& random) {
  std::vector<Block*>& stay = heap.stay[phase % kStay];
  heap.drop(stay);
  const uint64_t low = 16ull << (phase * 5 % 8);  // 16 B to 2 KiB, not in order
  for (uint64_t i = 0; i < count; ++i) {
    Block* block = Block::make(random.between(low, 4 * low));
    if (stay.size() * low < kLive / 20 && random.below(20) == 0) {
      stay.push_back(block);
      continue;
    }
    heap.young.push_back(block);
    heap.young_bytes += block->size;
    while (heap.young_bytes > kLive) heap.drop_random(random);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t work = argument(argc, argv, 1, 1'000'000);
  Random random(11);
  Heap heap;
  for (uint64_t phase = 0; phase < kPhases; ++phase) live_a_phase(heap, phase, work / kPhases, random);
  heap.drop(heap.young);
  for (auto& blocks : heap.stay) heap.drop(blocks);
  return finish(heap.sum);
}
