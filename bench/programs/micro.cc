// micro PATTERN REPEATS: nanoseconds of one operation, for sizes from 16 B to 1 MiB.
//
// Patterns  pair     malloc and free at once
//           batch    100 blocks, then 100 frees in the same order
//           random   random ones of up to 1000 live blocks are replaced
//           calloc   pair, zeroed
//           realloc  malloc of half, realloc to the whole, free; and "step64k": one of many +64 KiB steps of an array
//           cross    batches of 100 that another thread frees
// Figures   the best of REPEATS within this process: the allocator's cost, without what else the machine did.
#include <algorithm>
#include <atomic>
#include <string>

#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kSizes[] = {16, 64, 256, 1024, 4096, 32768, 262144, 1048576};
constexpr uint64_t kBatch = 100;

uint64_t checksum = 0;

// Keeps the compiler from seeing that a block is never used.
void* used(void* block) {
  *static_cast<volatile char*>(block) = 1;
  asm volatile("" : : "r"(block) : "memory");
  return block;
}

// Some milliseconds' worth.
uint64_t operations(uint64_t size) { return size <= 1024 ? 50'000 : std::max<uint64_t>(300, 50'000'000 / size); }

void pair(uint64_t size, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) free(used(malloc(size)));
}

void batch(uint64_t size, uint64_t count) {
  void* blocks[kBatch];
  for (uint64_t done = 0; done < count; done += kBatch) {
    for (void*& block : blocks) block = used(malloc(size));
    for (void* block : blocks) free(block);
  }
}

void replace_at_random(uint64_t size, uint64_t count) {
  std::vector<void*> live(std::clamp<uint64_t>((16 << 20) / size, 16, 1000));
  Random random(size);
  for (uint64_t i = 0; i < count; ++i) {
    void*& place = live[random.below(live.size())];
    free(place);
    place = used(malloc(size));
  }
  for (void* block : live) free(block);
}

void zeroed_pair(uint64_t size, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) free(used(calloc(1, size)));
}

void double_once(uint64_t size, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) free(used(realloc(used(malloc(size / 2)), size)));
}

void grow_by_64k(uint64_t, uint64_t count) {
  constexpr uint64_t kStep = 64 << 10, kSteps = 128;
  for (uint64_t done = 0; done < count; done += kSteps) {
    void* array = nullptr;
    for (uint64_t i = 1; i <= kSteps; ++i) array = used(realloc(array, i * kStep));
    free(array);
  }
}

// One batch at a time changes hands; both threads yield, so that one processor is enough.
void cross(uint64_t size, uint64_t count) {
  std::atomic<void**> box{nullptr};
  std::thread consumer([&] {
    for (uint64_t done = 0; done < count; done += kBatch) {
      void** blocks;
      while (!(blocks = box.exchange(nullptr))) std::this_thread::yield();
      for (uint64_t i = 0; i < kBatch; ++i) free(blocks[i]);
      free(blocks);
    }
  });
  for (uint64_t done = 0; done < count; done += kBatch) {
    void** blocks = static_cast<void**>(malloc(kBatch * sizeof(void*)));
    for (uint64_t i = 0; i < kBatch; ++i) blocks[i] = used(malloc(size));
    void** empty = nullptr;
    while (!box.compare_exchange_weak(empty, blocks)) {
      empty = nullptr;
      std::this_thread::yield();
    }
  }
  consumer.join();
}

using Pattern = void (*)(uint64_t size, uint64_t count);

void measure(const std::string& name, Pattern pattern, uint64_t size, uint64_t count, uint64_t repeats) {
  double best = 1e99;
  for (uint64_t i = 0; i < repeats; ++i) {
    const double start = now();
    pattern(size, count);
    best = std::min(best, now() - start);
  }
  figure(name.c_str(), best / static_cast<double>(count) * 1e9, "ns");
  checksum += size * count;
}

struct Named {
  const char* name;
  Pattern pattern;
};

constexpr Named kPatterns[] = {{"pair", pair},          {"batch", batch},         {"random", replace_at_random},
                               {"calloc", zeroed_pair}, {"realloc", double_once}, {"cross", cross}};

}  // namespace

int main(int argc, char** argv) {
  const std::string wanted = argc > 1 ? argv[1] : "pair";
  const uint64_t repeats = argument(argc, argv, 2, 5);
  for (const Named& named : kPatterns) {
    if (wanted != named.name) continue;
    for (const uint64_t size : kSizes) {
      // whole batches, so that every pattern does what it is divided by
      const uint64_t count = (operations(size) + kBatch - 1) / kBatch * kBatch;
      measure(std::to_string(size), named.pattern, size, count, repeats);
    }
  }
  if (wanted == "realloc") measure("step64k", grow_by_64k, 64 << 10, 1024, repeats);
  return finish(checksum);
}
