#include "sched/threads.h"

#include <pthread.h>

#include <thread>
#include <vector>

#include "tests/unit/heap.h"
#include "tests/unit/support.h"

using namespace gamelan;

namespace {
// Runs `f` on a thread made as our pthread_create makes them.
void on_prepared_thread(void* (*f)(void*), void* arg) {
  ThreadRecord* r = threads::prepare(f, arg, 256 * KiB, false);
  cr_assert(r);
  std::thread([r] { threads::run(r); }).join();
}
}  // namespace

Test(threads, a_thread_has_no_record_before_its_first_allocation) {
  test::start_heap();
  cr_assert_neq(threads::current(), nullptr);
  cr_assert_eq(threads::live(), 1u);
  ThreadRecord* before = threads::current();
  ThreadRecord* after = nullptr;
  std::thread([&] {
    before = threads::current();
    heap_free(heap_malloc(1), "free");
    after = threads::current();
  }).join();
  cr_assert_null(before);
  cr_assert_not_null(after);
}

Test(threads, the_main_threads_record_names_the_process) {
  test::start_heap();
  cr_assert_eq(threads::current()->tid, getpid());
  cr_assert_eq(threads::current()->cache, tls_mcache);
  cr_assert_eq(threads::current()->state.load_acquire(), ThreadState::running);
}

Test(threads, a_prepared_thread_knows_its_stack) {
  test::start_heap();
  on_prepared_thread([](void*) -> void* {
    const ThreadRecord* r = threads::current();
    cr_assert(r);
    const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    cr_assert(r->stack_low < here && here < r->stack_high);
    cr_assert_eq(r->stack_high - r->stack_low, 256 * KiB);
    cr_assert_eq(r->tid, gettid());
    cr_assert_eq(r->cache, tls_mcache);
    return nullptr;
  }, nullptr);
  cr_assert_eq(metric_read(Metric::threads_created), 1u);
}

Test(threads, run_passes_the_argument_and_the_result) {
  test::start_heap();
  ThreadRecord* r = threads::prepare([](void* p) -> void* { return static_cast<char*>(p) + 1; }, reinterpret_cast<void*>(41), 64 * KiB, false);
  void* result = nullptr;
  std::thread([&] { result = threads::run(r); }).join();
  cr_assert_eq(result, reinterpret_cast<void*>(42));
}

Test(threads, a_thread_that_could_not_be_made_is_not_counted) {
  test::start_heap();
  for (int i = 0; i < 100; i++) threads::discard(threads::prepare(nullptr, nullptr, 1, false));
  cr_assert_eq(metric_read(Metric::threads_created), 0u);
  cr_assert_eq(threads::live(), 1u);
}

Test(threads, ended_threads_leave_their_cache_and_record_to_the_next) {
  test::start_heap();
  uint64_t metadata = 0;
  for (int i = 0; i < 500; i++) {
    on_prepared_thread([](void*) -> void* {
      for (Bytes n = 16; n < 3000; n *= 2) heap_free(heap_malloc(n), "free");
      return nullptr;
    }, nullptr);
    if (i == 0) metadata = metric_read(Metric::metadata);
  }
  cr_assert_eq(threads::live(), 1u);
  cr_assert_eq(metric_read(Metric::caches), 2u);
  cr_assert_eq(metric_read(Metric::metadata), metadata);
  test::abandon_all();
  cr_assert_eq(test::spans_in_use(), 0u);
}

Test(threads, a_thread_that_ends_takes_its_spans_out_of_its_cache) {
  test::start_heap();
  void* left = nullptr;
  MCache* cache = nullptr;
  std::thread([&] {
    left = heap_malloc(100);
    cache = tls_mcache;
  }).join();
  cr_assert_null(test::span_of(left)->cache.load_seq());
  size_t held = 0;
  cache->for_each_span_locked([&](MSpan*) { held++; });
  cr_assert_eq(held, 0u);
  heap_free(left, "free");
}

// Other keys' destructors run after ours in each round, and may allocate in all of them.
Test(threads, destructors_of_other_keys_may_allocate_to_the_last_round) {
  test::start_heap();
  static pthread_key_t key;
  static int rounds, rounds_with_a_record;
  static std::vector<void*> left;
  pthread_key_create(&key, [](void*) {
    rounds++;
    rounds_with_a_record += threads::current() != nullptr;
    left.push_back(heap_malloc(100));
    heap_free(heap_malloc(5000), "free");
    pthread_setspecific(key, &key);
  });
  std::thread([] {
    pthread_setspecific(key, &key);
    heap_free(heap_malloc(1), "free");
  }).join();
  cr_assert_eq(rounds, PTHREAD_DESTRUCTOR_ITERATIONS);
  cr_assert_geq(rounds_with_a_record, rounds - 1, "the thread's end is noticed in the last round");
  for (void* p : left) {
    cr_assert(p);
    heap_free(p, "free");
  }
  tls_mcache->flush_batches();
  cr_assert_eq(threads::live(), 1u);
  test::verify_all();
}

// What libc itself frees after all destructors: served by the late cache, by any number of threads at once.
Test(threads, past_its_end_a_thread_still_allocates_and_frees, .timeout = 20) {
  test::start_heap();
  static pthread_key_t key;
  static Atomic<uint64_t> late;
  static void* exchange[64];
  for (void*& p : exchange) p = heap_malloc(200);
  heap_free(heap_malloc(1), "free");
  test::in_threads(1, [](unsigned) { heap_free(heap_malloc(1), "free"); });  // our key is made before the other
  pthread_key_create(&key, [](void* round) {
    if (threads::current()) return static_cast<void>(pthread_setspecific(key, round));
    late.fetch_add(1);
    test::Random random(reinterpret_cast<uint64_t>(round));
    for (int i = 0; i < 300; i++) {
      const Bytes n = random.once_in(10) ? random.between(1000, 60'000) : random.between(1, 500);
      void* p = heap_malloc(n);
      test::fill(p, n, 4);
      p = __atomic_exchange_n(&exchange[random.below(64)], p, __ATOMIC_SEQ_CST);
      heap_free(p, "free");
    }
  });
  for (int round = 0; round < 20; round++)
    test::in_threads(4, [&](unsigned id) {
      pthread_setspecific(key, reinterpret_cast<void*>(1ul + id));
      heap_free(heap_malloc(1), "free");
    });
  cr_assert_eq(late.load_seq(), 80u);
  for (void* p : exchange) heap_free(p, "free");
  tls_mcache->flush_batches();
  test::verify_all();
}
