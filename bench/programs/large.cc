// large THREADS WORK: blocks of 64 KiB to 4 MiB come and go.
//
// Shows     what large blocks cost: system calls, page faults, zeroing by the kernel; and how much an allocator keeps.
// Work      blocks in all; each thread holds 16, and one byte of every page is written.
#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kHeld = 16, kPage = 4096;

Block* make_and_touch(uint64_t size) {
  Block* block = Block::make(size);
  for (uint64_t at = kPage; at < size; at += kPage) reinterpret_cast<volatile char*>(block)[at] = 1;
  return block;
}

uint64_t churn(uint64_t seed, uint64_t count) {
  Random random(seed);
  std::vector<Block*> held(kHeld);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; ++i) {
    Block*& place = held[random.below(kHeld)];
    sum += end(place);
    place = make_and_touch(random.size(64 << 10, 4 << 20));
  }
  for (Block* block : held) sum += end(block);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t threads = argument(argc, argv, 1, 1), work = argument(argc, argv, 2, 1000);
  return finish(on_threads(threads, [&](uint64_t i) { return churn(i, work / threads); }));
}
