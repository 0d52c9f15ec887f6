// cache_thrash THREADS WORK: active false sharing.
//
// After     Berger, McKinley, Blumofe, Wilson, "Hoard" (ASPLOS 2000).
// Shows     whether an allocator gives parts of one cache line to several threads that ask at the same time.
// Work      writes in all, 1000 to a block; every thread holds two blocks at a time.
#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kSize = 8, kWrites = 1000;

uint64_t use(volatile char* one, volatile char* other) {
  for (uint64_t i = 0; i < kWrites; i += 2) {
    one[i % kSize] = static_cast<char>(one[i % kSize] + 1);
    other[i % kSize] = static_cast<char>(other[i % kSize] + 3);
  }
  return static_cast<unsigned char>(one[0]) + static_cast<unsigned char>(other[2]);
}

uint64_t thrash(uint64_t count) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; i += kWrites) {
    char* one = static_cast<char*>(malloc(kSize));
    char* other = static_cast<char*>(malloc(kSize));
    memset(one, 0, kSize);
    memset(other, 0, kSize);
    sum += use(one, other);
    free(one);
    free(other);
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t threads = argument(argc, argv, 1, 1), work = argument(argc, argv, 2, 10'000'000);
  return finish(on_threads(threads, [&](uint64_t) { return thrash(work / threads); }));
}
