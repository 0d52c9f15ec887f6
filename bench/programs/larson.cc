// larson THREADS WORK: a server's threads that end and leave their memory to successors.
//
// After     Larson and Krishnan, "Memory allocation for long-running server applications" (ISMM 1998).
// Shows     memory that outlives its thread, and blocks freed by another thread than the one that made them.
// Work      replacements in all. Each of THREADS chains holds 1000 blocks of 10 to 1000 bytes; a thread replaces random
//           ones 10 000 times, then a fresh thread takes its blocks over.
#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kHeld = 1000, kShift = 10'000;

using Held = std::vector<Block*>;

uint64_t replace_some(Held& held, uint64_t count, uint64_t seed) {
  Random random(seed);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; ++i) {
    Block*& place = held[random.below(kHeld)];
    sum += place->end();
    place = Block::make(random.between(10, 1000));
  }
  return sum;
}

uint64_t serve(uint64_t chain, uint64_t work) {
  Held held;
  for (uint64_t i = 0; i < kHeld; ++i) held.push_back(Block::make(10 + i % 990));
  uint64_t sum = 0;
  for (uint64_t done = 0; done < work; done += kShift)
    std::thread([&] { sum += replace_some(held, kShift, chain * work + done); }).join();
  for (Block* block : held) sum += block->end();
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t threads = argument(argc, argv, 1, 1), work = argument(argc, argv, 2, 1'000'000);
  return finish(on_threads(threads, [&](uint64_t chain) { return serve(chain, work / threads); }));
}
