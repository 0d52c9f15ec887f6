#include "allocator/sys_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <vector>

#include "allocator/base/options.h"
#include "tests/unit/death.h"
#include "tests/unit/heap.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::End;
using test::end_of;
using test::fill;
using test::is_filled;

namespace {
// A place where nothing is mapped.
uintptr_t free_place(Bytes n) {
  void* p = mmap(nullptr, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  cr_assert_neq(p, MAP_FAILED);
  munmap(p, n);
  return reinterpret_cast<uintptr_t>(p);
}

bool is_zero(uintptr_t at, Bytes n) {
  auto* b = reinterpret_cast<const char*>(at);
  return b[0] == 0 && !memcmp(b, b + 1, n - 1);
}

// ---- the script that runs under every refusal ----

// An object with its first and last bytes filled: large ones would take all the test's time.
struct Held {
  char* p;
  Bytes n;
  Bytes ends() const { return min_of(n, kOsPageSize); }
  uint64_t tag() const { return reinterpret_cast<uint64_t>(p); }
  void fill_ends() const {
    fill(p, ends(), tag());
    if (n > 2 * kOsPageSize) fill(p + n - ends(), ends(), tag() + 1);
  }
  bool is_sound() const { return is_filled(p, ends(), tag()) && (n <= 2 * kOsPageSize || is_filled(p + n - ends(), ends(), tag() + 1)); }
};

// Every kind of call, so that each kind of mapping is asked for: tables, descriptors, arenas, caches. What was refused
// is left out; what was given is the program's. Returns false where a byte changed.
bool run_script() {
  std::vector<Held> held;
  bool sound = true;
  auto keep = [&](void* p, Bytes n) {
    if (!p) return;
    held.push_back({static_cast<char*>(p), n});
    held.back().fill_ends();
  };
  auto check = [&](const Held& h) { sound = sound && h.is_sound(); };
  for (SizeClass k = 1; k < kSizeClasses; k += 3)
    for (int i = 0; i < 12; i++) keep(heap_malloc(kSizeTable.info[k].size), kSizeTable.info[k].size);
  for (Bytes n : {40'000ul, 200'000ul, 3 * MiB, 30 * MiB, 70 * MiB}) keep(heap_malloc(n), n);
  for (Bytes align : {4096ul, 64 * KiB, 4 * MiB}) keep(heap_memalign(align, 10'000), 10'000);
  for (size_t i = 0; i < held.size(); i += 4) {
    Held& h = held[i];
    check(h);
    const Bytes n = 3 * h.n;
    if (void* q = heap_realloc(h.p, n)) {
      sound = sound && is_filled(q, h.ends(), h.tag());
      h = {static_cast<char*>(q), n};
      h.fill_ends();
    }
  }
  for (int i = 0; i < 1000; i++) keep(heap_calloc_slow(500), 500);
  for (const Held& h : held) check(h);
  for (const Held& h : held) heap_free(h.p, "free");
  return sound;
}

void must(bool holds, const char* what) {
  if (holds) return;
  (void)!write(2, what, strlen(what));
  _exit(1);
}

// In a process of its own: the script with the k-th and every later request refused, then once more with all granted.
void run_with_refusals(uint64_t k) {
  sys_fail_after_test_only(k);
  must(run_script(), "an object's bytes changed while memory was short");
  sys_fail_after_test_only(~uint64_t{0});
  must(run_script(), "an object's bytes changed afterwards");
  must(metric_read(Metric::out_of_memory) == 0 || k != ~uint64_t{0}, "refused without a reason");
  const uint64_t refused = metric_read(Metric::out_of_memory);
  must(run_script(), "an object's bytes changed at last");
  must(metric_read(Metric::out_of_memory) == refused, "memory is there again, and was refused");
  test::verify_all();
  test::abandon_all();
  must(test::spans_in_use() == 0, "spans were lost");
  Guard g(mheap.lock);
  must(mheap.is_consistent_locked(), "the page tree is wrong");
}

uint64_t calls_of_the_script(bool bitmap) {
  uint64_t calls = 0;
  int ends[2];
  cr_assert_eq(pipe(ends), 0);
  cr_assert_eq(end_of([&] {
    path_mode.bitmap = bitmap;
    run_with_refusals(~uint64_t{0});
    calls = sys_calls_test_only();
    (void)!write(ends[1], &calls, sizeof calls);
  }).exit_code, 0);
  cr_assert_eq(read(ends[0], &calls, sizeof calls), static_cast<ssize_t>(sizeof calls));
  return calls;
}

void every_request_refused_in_turn(bool bitmap) {
  const uint64_t calls = calls_of_the_script(bitmap);
  cr_assert_gt(calls, 10u);
  for (uint64_t k = 0; k < calls; k++) {
    const End end = end_of([&] {
      path_mode.bitmap = bitmap;
      run_with_refusals(k);
    });
    cr_assert(end.signal == 0 && end.exit_code == 0, "request %lu of %lu: signal %d, %s", k, calls, end.signal, end.words.c_str());
  }
}
}  // namespace

Test(sys_memory, every_request_refused_in_turn_on_lists, .timeout = 30) { every_request_refused_in_turn(false); }
Test(sys_memory, every_request_refused_in_turn_on_bitmap, .timeout = 30) { every_request_refused_in_turn(true); }

Test(sys_memory, every_request_refused_in_turn_in_one_reservation, .timeout = 30) {
  mutable_options_test_only().zone = static_cast<uint64_t>(ZoneOption::reserve);
  every_request_refused_in_turn(false);
}

Test(sys_memory, an_address_space_limit_is_an_ordinary_refusal, .timeout = 20) {
  for (Bytes limit : {40 * MiB, 100 * MiB, 170 * MiB}) {
    const End end = end_of([&] {
      struct { unsigned long size; } statm;
      FILE* f = fopen("/proc/self/statm", "r");
      must(f && fscanf(f, "%lu", &statm.size) == 1, "no statm");
      const rlimit most{statm.size * 4096 + limit, RLIM_INFINITY};
      must(setrlimit(RLIMIT_AS, &most) == 0, "setrlimit");
      // Takes what there is, a MiB at a time, and must come close to the limit.
      std::vector<void*> p;
      while (void* q = heap_malloc(MiB)) p.push_back(q);
      must(p.size() * MiB + 16 * MiB > limit, "much less than the limit was to be had");
      must(heap_malloc(MiB) == nullptr, "and none now");
      heap_free(p.back(), "free");
      p.pop_back();
      must(heap_malloc(MiB) != nullptr, "what was freed can be had again");
      for (void* q : p) heap_free(q, "free");
      test::verify_all();
    });
    cr_assert_eq(end.exit_code, 0, "%s", end.words.c_str());
    cr_assert_eq(end.signal, 0, "%s", end.words.c_str());
  }
}

// ---- the doors one by one ----

Test(sys_memory, reserve_map_unused_and_free_do_what_their_names_say) {
  const Bytes n = 16 * kPageSize;
  const uintptr_t at = free_place(n);
  cr_assert(sys_reserve(at, n));
  cr_assert_neq(end_of([&] { *reinterpret_cast<volatile char*>(at) = 1; }).signal, 0, "reserved memory is not usable");
  cr_assert(sys_map(at, n / 2));
  cr_assert(is_zero(at, n / 2));
  memset(reinterpret_cast<void*>(at), 1, n / 2);
  cr_assert(sys_unused(at, n / 2));
  cr_assert(is_zero(at, n / 2));
  memset(reinterpret_cast<void*>(at), 1, n / 2);
  sys_map_over(at, n);
  cr_assert(is_zero(at, n));
  sys_free(at, n);
  cr_assert(sys_map_new(at, n));
  cr_assert(is_zero(at, n));
  sys_free(at, n);
}

Test(sys_memory, says_whether_somebodys_memory_is_in_the_way) {
  const Bytes n = 4 * kPageSize;
  const uintptr_t at = free_place(n);
  cr_assert(sys_reserve(at + kPageSize, kPageSize));
  bool taken = false;
  cr_assert_not(sys_reserve(at, n, &taken));
  cr_assert(taken);
  cr_assert_not(sys_map_new(at, n));
  taken = false;
  cr_assert_not(sys_reserve(uintptr_t{1} << 60, n, &taken));
  cr_assert_not(taken, "there is no such address");
  sys_fail_after_test_only(0);
  cr_assert_not(sys_reserve(at, kPageSize, &taken));
  cr_assert_not(taken);
}

Test(sys_alloc, gives_zeroed_aligned_memory_that_never_overlaps) {
  test::Random random(1);
  struct Piece { char* p; Bytes n; };
  std::vector<Piece> pieces;
  for (int i = 0; i < 2000; i++) {
    const Bytes align = Bytes{16} << random.below(9), n = random.once_in(100) ? random.between(1, 600'000) : random.between(1, 3000);
    auto* p = static_cast<char*>(sys_alloc(n, align));
    cr_assert(p);
    cr_assert_eq(reinterpret_cast<uintptr_t>(p) % align, 0u);
    cr_assert(is_zero(reinterpret_cast<uintptr_t>(p), n));
    fill(p, n, static_cast<uint64_t>(i));
    pieces.push_back({p, n});
  }
  for (size_t i = 0; i < pieces.size(); i++) cr_assert(is_filled(pieces[i].p, pieces[i].n, i));
}

Test(sys_alloc, is_refused_when_the_kernel_refuses_and_recovers) {
  sys_fail_after_test_only(0);
  Bytes had = 0;
  while (sys_alloc(4096)) had += 4096;
  cr_assert_leq(had, 64 * KiB, "only what lies in .bss");
  cr_assert_null(sys_alloc(300'000));
  sys_fail_after_test_only(~uint64_t{0});
  cr_assert(sys_alloc(4096));
  cr_assert(sys_alloc(300'000));
}
