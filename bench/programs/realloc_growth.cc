// realloc_growth WORK: arrays that grow, many at a time.
//
// Shows     realloc: small steps within a size class, growth by half as vectors do it, and large arrays in steps of
//           64 KiB, which cost a copy each time where pages cannot be moved.
// Work      steps in all.
#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kArrays = 64, kLargeArrays = 8, kSmallLimit = 8 << 10, kMiddleLimit = 1 << 20,
                   kLargeLimit = 16 << 20, kStep = 64 << 10;

struct Array {
  char* bytes = nullptr;
  uint64_t size = 0;

  uint64_t resize(uint64_t to) {
    bytes = static_cast<char*>(realloc(bytes, to));
    if (!bytes) abort();
    for (uint64_t at = size; at < to; at += 4096) bytes[at] = static_cast<char>(at);
    bytes[to - 1] = 1;
    size = to;
    return static_cast<unsigned char>(bytes[0]) + size;
  }

  void drop() {
    free(bytes);
    *this = {};
  }
};

template <class Next>
uint64_t grow(uint64_t count, uint64_t steps, uint64_t limit, Next next) {
  std::vector<Array> arrays(count);
  Random random(5);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < steps; ++i) {
    Array& array = arrays[random.below(count)];
    if (next(array.size) > limit) array.drop();
    sum += array.resize(next(array.size));
  }
  for (Array& array : arrays) array.drop();
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t work = argument(argc, argv, 1, 100'000);
  uint64_t sum = grow(kArrays, work, kSmallLimit, [](uint64_t size) { return size + 24; });
  sum += grow(kArrays, work / 10, kMiddleLimit, [](uint64_t size) { return size + size / 2 + 64; });
  sum += grow(kLargeArrays, work / 100, kLargeLimit, [](uint64_t size) { return size + kStep; });
  return finish(sum);
}
