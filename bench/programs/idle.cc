// idle SECONDS MIB: a program that needed much memory once, and then waits.
//
// Figures   at_once, after (KiB): what is resident right after four threads have freed all but a twentieth of MIB
//           mebibytes, and SECONDS later without a single call. live: what the blocks that stay take.
#include <unistd.h>

#include <atomic>

#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kThreads = 4, kPage = 4096;

std::atomic<uint64_t> live_bytes{0};

// The first twentieth stays: the data of the program's start, which outlives everything.
uint64_t fill_and_free(uint64_t seed, uint64_t bytes) {
  Random random(seed);
  std::vector<Block*> blocks;
  uint64_t made = 0, kept = 0, sum = 0;
  while (made < bytes) {
    Block* block = Block::make(random.size(16, 64 << 10));
    made += block->size;
    if (made <= bytes / 20)
      kept += block->size;
    else
      blocks.push_back(block);
  }
  for (Block* block : blocks) sum += block->end();
  live_bytes += kept;
  return sum;
}

double resident_kib() {
  unsigned long total = 0, resident = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%lu %lu", &total, &resident) != 2) abort();
  fclose(file);
  return static_cast<double>(resident) * kPage / 1024;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t seconds = argument(argc, argv, 1, 5), mebibytes = argument(argc, argv, 2, 200);
  const uint64_t sum = on_threads(kThreads, [&](uint64_t i) { return fill_and_free(i, (mebibytes << 20) / kThreads); });
  figure("at_once", resident_kib(), "KiB");
  sleep(static_cast<unsigned>(seconds));
  figure("after", resident_kib(), "KiB");
  figure("live", static_cast<double>(live_bytes) / 1024, "KiB");
  return finish(sum);
}
