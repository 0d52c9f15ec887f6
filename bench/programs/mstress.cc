// mstress THREADS WORK: objects of mixed age, some of which change hands.
//
// After     the idea of mimalloc's stress test (Leijen, Zorn, de Moura, MSR-TR-2019-18).
// Shows     a heap where most objects die young, some stay for the whole of a phase, and some are taken and freed by
//           whoever comes along; phases end with threads and begin with new ones.
// Work      allocations in all, in 8 phases.
#include <atomic>

#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kPhases = 8, kShared = 1024, kYoung = 64;

std::atomic<Block*> shared[kShared];

uint64_t live_a_phase(uint64_t seed, uint64_t count) {
  Random random(seed);
  std::vector<Block*> young(kYoung), kept;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; ++i) {
    Block* made = Block::make(random.size(16, i % 256 ? 1024 : 64 * 1024));
    const uint64_t fate = random.below(100);
    if (fate < 80)
      std::swap(made, young[random.below(kYoung)]);
    else if (fate < 90)
      made = shared[random.below(kShared)].exchange(made);
    else
      kept.push_back(std::exchange(made, nullptr));
    sum += end(made);
  }
  for (Block* block : young) sum += end(block);
  for (Block* block : kept) sum += end(block);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t threads = argument(argc, argv, 1, 1), work = argument(argc, argv, 2, 1'000'000);
  uint64_t sum = 0;
  for (uint64_t phase = 0; phase < kPhases; ++phase)
    sum += on_threads(threads, [&](uint64_t i) { return live_a_phase(phase * 1000 + i, work / kPhases / threads); });
  for (auto& place : shared) sum += end(place.load());
  return finish(sum);
}
