// Random operations with a model of every byte: what the heap gives out must be the program's alone until it is freed.
#include <stdlib.h>
#include <string.h>

#include <vector>

#include "tests/unit/heap.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::fill;
using test::is_filled;
using test::Random;

namespace {
class Fuzzer {
 public:
  Fuzzer(uint64_t seed, size_t slots) : random_(seed), slot_(slots) {}

  void run(int operations) {
    for (int i = 0; i < operations; i++) {
      one_operation();
      if (i % 4000 == 0) test::verify(tls_mcache);
      if (i % 10'000 == 5000) check_all();
    }
    check_all();
  }
  void free_all() {
    for (Slot& s : slot_) release(s);
  }

 private:
  struct Slot {
    char* p = nullptr;
    Bytes n = 0;
    uint64_t tag = 0;
  };

  // Mostly small, all classes, now and then large.
  Bytes size() {
    switch (random_.below(20)) {
      case 0: return random_.once_in(4) ? random_.between(32'000, 300'000) : 16;
      case 1: case 2: return random_.between(1000, 33'000);
      case 3: return kSizeTable.info[random_.between(1, kSizeClasses - 1)].size - random_.below(2);
      case 4: return random_.once_in(60) ? random_.between(1, 6) * MiB : 0;
      default: return random_.between(0, 600);
    }
  }
  void check(const Slot& s) {
    if (!is_filled(s.p, s.n, s.tag)) cr_assert_fail("the %zu bytes at %p changed", s.n, static_cast<void*>(s.p));
  }
  void check_all() {
    for (const Slot& s : slot_)
      if (s.p) check(s);
  }
  void own(Slot& s, void* p, Bytes n) {
    if (!p) cr_assert_fail("no memory for %zu bytes", n);
    if (heap_usable_size(p, "fuzz") < n) cr_assert_fail("%zu bytes do not fit", n);
    s = {static_cast<char*>(p), n, random_.next()};
    fill(s.p, n, s.tag);
  }
  void release(Slot& s) {
    if (s.p) check(s);
    heap_free(s.p, "fuzz");
    s = {};
  }
  void one_operation() {
    Slot& s = slot_[random_.below(slot_.size())];
    const Bytes n = size();
    if (s.p) {
      if (random_.below(3)) return release(s);
      check(s);
      const Bytes want = max_of(n, Bytes{1});
      void* q = heap_realloc(s.p, want);
      if (!q) cr_assert_fail("no memory for %zu bytes", want);
      s.p = static_cast<char*>(q);
      s.n = min_of(s.n, want);
      check(s);
      return own(s, q, want);
    }
    switch (random_.below(8)) {
      case 0: {
        void* p = heap_calloc_slow(n);
        own(s, p, 0);
        for (Bytes i = 0; i < n; i++)
          if (s.p[i]) cr_assert_fail("byte %zu of %zu from calloc is not zero", i, n);
        return own(s, p, n);
      }
      case 1: {
        const Bytes align = Bytes{16} << random_.below(10);
        void* p = heap_memalign(align, n);
        if (reinterpret_cast<uintptr_t>(p) % align) cr_assert_fail("%p is not aligned to %zu", p, align);
        return own(s, p, n);
      }
      default: return own(s, heap_malloc(n), n);
    }
  }

  Random random_;
  std::vector<Slot> slot_;
};

// A longer run, or another seed, from outside: GAMELAN_FUZZ_SEED, GAMELAN_FUZZ_OPERATIONS.
uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text ? strtoull(text, nullptr, 0) : otherwise;
}
}  // namespace

TEST_ON_BOTH_PATHS(fuzz, one_thread) {
  Fuzzer fuzzer(from_environment("GAMELAN_FUZZ_SEED", 1), 2000);
  fuzzer.run(static_cast<int>(from_environment("GAMELAN_FUZZ_OPERATIONS", 100'000)));
  fuzzer.free_all();
  test::verify_all();
  test::abandon_all();
  cr_assert_eq(test::spans_in_use(), 0u);
}

TEST_ON_BOTH_PATHS(fuzz, four_threads_while_memory_goes_home) {
  test::in_threads(5, [](unsigned id) {
    if (id == 4) {
      for (int i = 0; i < 200; i++) {
        mheap.scavenge(0, kChunkPages);
        sched_yield();
      }
      return;
    }
    Fuzzer fuzzer(10 + id, 500);
    fuzzer.run(25'000);
    fuzzer.free_all();
  });
  test::verify_all();
  test::abandon_all();
  cr_assert_eq(test::spans_in_use(), 0u);
}

Test(fuzz, counting_uses_the_slow_paths_only, .timeout = 20) {
  path_mode.counting = true;
  test::start_heap();
  Fuzzer fuzzer(3, 1000);
  fuzzer.run(30'000);
  fuzzer.free_all();
  test::verify_all();
  cr_assert_gt(metric_read(Metric::counted_allocs), 10'000u);
}

Test(fuzz, few_objects_and_many_spares, .timeout = 20) {
  test::start_heap();
  for (uint64_t seed = 0; seed < 20; seed++) {
    Fuzzer fuzzer(seed, 20);
    fuzzer.run(3000);
    fuzzer.free_all();
  }
  test::abandon_all();
  cr_assert_eq(test::spans_in_use(), 0u);
}
