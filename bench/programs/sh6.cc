// sh6 WORK: a sliding window of blocks, freed forwards, backwards and at random.
//
// After     the manner of MicroQuill's sh6bench: sizes to 1000 bytes, lives that overlap, frees against the order.
// Shows     how an allocator's free lists stand up to orders that are not its own.
// Work      blocks in all.
#include <algorithm>

#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kWindow = 2000;

using Window = std::vector<Block*>;

void put_into_order(Window& window, uint64_t turn, Random& random) {
  if (turn % 3 == 1) std::reverse(window.begin(), window.end());
  if (turn % 3 == 2)
    for (uint64_t i = kWindow - 1; i > 0; --i) std::swap(window[i], window[random.below(i + 1)]);
}

uint64_t empty_half(Window& window) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < kWindow; i += 2) sum += std::exchange(window[i], nullptr)->end();
  return sum;
}

void fill(Window& window, Random& random) {
  for (Block*& block : window)
    if (!block) block = Block::make(random.between(1, 1000));
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t turns = argument(argc, argv, 1, 1'000'000) / (kWindow / 2);
  Random random(6);
  Window window(kWindow);
  fill(window, random);
  uint64_t sum = 0;
  for (uint64_t turn = 0; turn < turns; ++turn) {
    put_into_order(window, turn, random);
    sum += empty_half(window);
    fill(window, random);
  }
  for (Block* block : window) sum += block->end();
  return finish(sum);
}
