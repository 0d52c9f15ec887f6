// espresso WORK: covers of cubes, as a minimizer of two-level logic keeps them.
//
// After     the allocation behaviour of espresso (Brayton and others, 1984), a classic since Zorn and Grunwald (1992).
// Shows     small objects of a few sizes: bit vectors of 16 to 80 bytes, lists that are grown and copied, nested lives.
// Work      rounds of expanding, merging and copying covers; each makes and drops some 500 cubes.
#include "kit.h"

using namespace bench;

namespace {

struct Cube {
  uint32_t words;
  uint32_t bit[];

  static Cube* make(uint32_t words) {
    Cube* cube = static_cast<Cube*>(malloc(sizeof(Cube) + words * sizeof(uint32_t)));
    cube->words = words;
    return cube;
  }
};

Cube* random_cube(Random& random, uint32_t words) {
  Cube* cube = Cube::make(words);
  for (uint32_t i = 0; i < words; ++i) cube->bit[i] = static_cast<uint32_t>(random.next() | random.next());
  return cube;
}

Cube* intersection(const Cube* a, const Cube* b) {
  Cube* cube = Cube::make(a->words);
  for (uint32_t i = 0; i < a->words; ++i) cube->bit[i] = a->bit[i] & b->bit[i];
  return cube;
}

uint32_t bits_of(const Cube* cube) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < cube->words; ++i) count += static_cast<uint32_t>(__builtin_popcount(cube->bit[i]));
  return count;
}

// A list that grows as C programs grow theirs.
struct Cover {
  Cube** cube = nullptr;
  uint32_t count = 0, room = 0;

  void add(Cube* one) {
    if (count == room) cube = static_cast<Cube**>(realloc(cube, (room = room * 2 + 4) * sizeof(Cube*)));
    cube[count++] = one;
  }

  void drop() {
    for (uint32_t i = 0; i < count; ++i) free(cube[i]);
    free(cube);
  }
};

// All pairs of neighbours that have enough in common.
Cover merge(const Cover& cover) {
  Cover merged;
  for (uint32_t i = 0; i + 1 < cover.count; ++i) {
    Cube* common = intersection(cover.cube[i], cover.cube[i + 1]);
    if (bits_of(common) * 3 >= bits_of(cover.cube[i]) * 2)
      merged.add(common);
    else
      free(common);
  }
  return merged;
}

uint64_t minimize(Random& random) {
  const uint32_t words = static_cast<uint32_t>(random.between(2, 18));
  Cover cover;
  for (int i = 0; i < 160; ++i) cover.add(random_cube(random, words));
  uint64_t sum = 0;
  while (cover.count > 1) {
    Cover smaller = merge(cover);
    sum += smaller.count;
    cover.drop();
    cover = smaller;
  }
  cover.drop();
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  Random random(3);
  uint64_t sum = 0;
  for (uint64_t i = argument(argc, argv, 1, 1000); i > 0; --i) sum = sum * 31 + minimize(random);
  return finish(sum);
}
