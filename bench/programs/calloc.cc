// calloc WORK: zeroed blocks of all sizes, looked through and soiled.
//
// Shows     whether memory that is known to be zero is zeroed again, and how fast the rest is.
// Work      blocks in all: mostly 16 B to 4 KiB, one in 256 to 1 MiB. A byte that is not zero ends the program.
#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kHeld = 256;

struct Zeroed {
  unsigned char* bytes = nullptr;
  uint64_t size = 0;

  void make(uint64_t n) {
    bytes = static_cast<unsigned char*>(calloc(1, size = n));
    if (!bytes || bytes[0] || bytes[n / 2] || bytes[n - 1]) abort();
    bytes[0] = bytes[n / 2] = bytes[n - 1] = 0xff;
  }
};

}  // namespace

int main(int argc, char** argv) {
  const uint64_t work = argument(argc, argv, 1, 1'000'000);
  Random random(9);
  std::vector<Zeroed> held(kHeld);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < work; ++i) {
    Zeroed& place = held[random.below(kHeld)];
    sum += place.size;
    free(place.bytes);
    place.make(i % 256 ? random.size(16, 4096) : random.size(4096, 1 << 20));
  }
  for (Zeroed& place : held) free(place.bytes);
  return finish(sum);
}
