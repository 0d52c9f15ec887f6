// sh8 THREADS WORK: threads that allocate runs of blocks and swap them with one another.
//
// After     the manner of MicroQuill's sh8bench: sh6's sizes, many threads, most blocks freed where they were not made.
// Shows     remote frees in runs, without a lock or a queue in between that would be slower than the allocator.
// Work      blocks in all, in runs of 200.
#include <atomic>

#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kRun = 200, kBoxes = 64;

struct Run {
  Block* block[kRun];
};

std::atomic<Run*> boxes[kBoxes];

Run* make_run(Random& random) {
  Run* run = static_cast<Run*>(malloc(sizeof(Run)));
  for (Block*& block : run->block) block = Block::make(random.between(1, 1000));
  return run;
}

uint64_t end_run(Run* run) {
  if (!run) return 0;
  uint64_t sum = 0;
  for (Block* block : run->block) sum += block->end();
  free(run);
  return sum;
}

uint64_t swap_runs(uint64_t seed, uint64_t count) {
  Random random(seed);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; i += kRun) sum += end_run(boxes[random.below(kBoxes)].exchange(make_run(random)));
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t threads = argument(argc, argv, 1, 1), work = argument(argc, argv, 2, 1'000'000);
  uint64_t sum = on_threads(threads, [&](uint64_t i) { return swap_runs(i, work / threads); });
  for (auto& box : boxes) sum += end_run(box.load());
  return finish(sum);
}
