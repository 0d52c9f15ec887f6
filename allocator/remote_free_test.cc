// Frees that cross threads, under stress: every byte stays its object's, and all memory comes home in the end.
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/unit/heap.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::fill;
using test::in_threads;
using test::is_filled;
using test::Random;
using test::spans_in_use;

namespace {
// An object that says how large it is, filled to its end.
struct Object {
  uint64_t n;
  uint64_t tag;
};

Object* make(Bytes n, uint64_t tag) {
  auto* o = static_cast<Object*>(heap_malloc(n));
  if (!o) cr_assert_fail("no memory");
  *o = {n, tag};
  fill(o + 1, n - sizeof *o, tag);
  return o;
}

void check_and_free(Object* o) {
  if (!is_filled(o + 1, o->n - sizeof *o, o->tag)) cr_assert_fail("an object of %lu bytes was overwritten", o->n);
  heap_free(o, "free");
}

Bytes some_size(Random& random) { return random.once_in(50) ? random.between(16, 60'000) : random.between(16, 700); }

// A bounded queue, so that producer and consumer run at one pace.
class Queue {
 public:
  void push(std::vector<Object*> batch) {
    std::unique_lock l(mutex_);
    changed_.wait(l, [&] { return batches_.size() < 8; });
    batches_.push_back(std::move(batch));
    changed_.notify_all();
  }
  std::vector<Object*> pop() {
    std::unique_lock l(mutex_);
    changed_.wait(l, [&] { return !batches_.empty(); });
    auto batch = std::move(batches_.front());
    batches_.erase(batches_.begin());
    changed_.notify_all();
    return batch;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<Object*>> batches_;
};

void everything_is_home(uint64_t spans_at_start) {
  test::verify_all();
  test::abandon_all();
  test::verify_all();
  cr_assert_eq(spans_in_use(), spans_at_start);
  Guard g(mheap.lock);
  cr_assert(mheap.is_consistent_locked());
}
}  // namespace

TEST_ON_BOTH_PATHS(remote_stress, a_producer_and_a_consumer) {
  const uint64_t before = spans_in_use();
  Queue queue;
  in_threads(2, [&](unsigned id) {
    Random random(id);
    for (uint64_t round = 0; round < 1500; round++) {
      std::vector<Object*> batch;
      if (id == 0) {
        for (int i = 0; i < 200; i++) batch.push_back(make(some_size(random), round));
        queue.push(std::move(batch));
      } else {
        for (Object* o : queue.pop()) check_and_free(o);
      }
    }
  });
  cr_assert_lt(metric_read(Metric::heap_mapped), 200 * MiB, "the producer's memory is used again");
  everything_is_home(before);
}

TEST_ON_BOTH_PATHS(remote_stress, eight_threads_free_each_others_objects) {
  const uint64_t before = spans_in_use();
  constexpr unsigned kSlots = 2000;
  static Atomic<Object*> slot[kSlots];
  in_threads(8, [&](unsigned id) {
    Random random(100 + id);
    for (int i = 0; i < 60'000; i++) {
      Object* mine = random.once_in(3) ? nullptr : make(some_size(random), random.next());
      if (Object* others = slot[random.below(kSlots)].exchange(mine)) check_and_free(others);
    }
  });
  for (auto& s : slot)
    if (Object* o = s.exchange(nullptr)) check_and_free(o);
  everything_is_home(before);
}

TEST_ON_BOTH_PATHS(remote_stress, threads_that_end_leave_objects_to_others) {
  const uint64_t before = spans_in_use();
  std::mutex mutex;
  std::vector<Object*> left;
  for (unsigned round = 0; round < 20; round++)
    in_threads(6, [&](unsigned id) {
      Random random(round * 10 + id);
      std::vector<Object*> mine;
      for (int i = 0; i < 800; i++) mine.push_back(make(some_size(random), random.next()));
      std::lock_guard l(mutex);
      for (size_t i = 0; i < left.size() / 2; i++) {
        const size_t k = random.below(left.size());
        check_and_free(left[k]);
        left[k] = left.back();
        left.pop_back();
      }
      left.insert(left.end(), mine.begin(), mine.end());
    });
  for (Object* o : left) check_and_free(o);
  everything_is_home(before);
  cr_assert_leq(metric_read(Metric::caches), 7u, "ended threads' caches are used again");
}

// Its owner never calls again; all its memory must come home all the same.
TEST_ON_BOTH_PATHS(remote_stress, a_sleeping_owners_memory_comes_home) {
  constexpr Bytes kSize = 112;
  constexpr size_t kObjects = 500'000;
  std::vector<void*> objects(kObjects);
  pthread_barrier_t allocated, done;
  pthread_barrier_init(&allocated, nullptr, 2);
  pthread_barrier_init(&done, nullptr, 2);
  std::thread owner([&] {
    for (void*& p : objects) p = heap_malloc(kSize);
    pthread_barrier_wait(&allocated);
    pthread_barrier_wait(&done);
  });
  pthread_barrier_wait(&allocated);
  const uint64_t full = spans_in_use();
  cr_assert_gt(full, kObjects * kSize / kBlock / 2);
  in_threads(3, [&](unsigned id) {
    for (size_t i = id; i < kObjects; i += 3) heap_free(objects[i], "free");
  });
  const uint64_t left = spans_in_use();
  pthread_barrier_wait(&done);
  owner.join();
  cr_assert_leq(left, MCache::most_spare_bytes() / kBlock + 4u, "%lu of %lu spans stayed", left, full);
  test::abandon_all();
  cr_assert_eq(spans_in_use(), 0u);
}

TEST_ON_BOTH_PATHS(remote_stress, owners_and_others_free_in_the_same_spans) {
  const uint64_t before = spans_in_use();
  constexpr unsigned kThreads = 4;
  constexpr size_t kEach = 3000;
  static Atomic<Object*> shared[kThreads][kEach];
  for (int round = 0; round < 8; round++) {
    in_threads(kThreads, [&](unsigned id) {
      Random random(static_cast<uint64_t>(round) * 10 + id);
      for (auto& o : shared[id]) o.store_seq(make(random.between(16, 300), random.next()));
      for (size_t i = 0; i < kEach * 2; i++) {
        const unsigned whose = random.once_in(2) ? id : static_cast<unsigned>(random.below(kThreads));
        if (Object* o = shared[whose][random.below(kEach)].exchange(nullptr)) check_and_free(o);
      }
    });
    for (auto& row : shared)
      for (auto& o : row)
        if (Object* p = o.exchange(nullptr)) check_and_free(p);
  }
  everything_is_home(before);
}

Test(remote_stress, counts_every_remote_free_once) {
  test::start_heap();
  constexpr size_t kObjects = 10'000;
  std::vector<void*> objects(kObjects);
  for (void*& p : objects) p = heap_malloc(80);
  in_threads(4, [&](unsigned id) {
    for (size_t i = id; i < kObjects; i += 4) heap_free(objects[i], "free");
  });
  cr_assert_eq(metric_read(Metric::remote_frees), kObjects);
  cr_assert_geq(metric_read(Metric::remote_batches), kObjects / MCache::kBatchMost);
  cr_assert_leq(metric_read(Metric::remote_batches), kObjects / 2);
}
