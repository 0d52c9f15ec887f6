// tests/e2e/programs/threads/std.cc: C++20's threads, locks, futures, atomics that wait, semaphores, latches, barriers,
// jthreads.
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <future>
#include <latch>
#include <mutex>
#include <numeric>
#include <queue>
#include <semaphore>
#include <set>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "helpers.h"

using namespace std::chrono_literals;

template <typename Body>
static void run_in(int n, Body body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < n; i++) threads.emplace_back(body, i);
  for (auto& t : threads) t.join();
}

CASE(threads_and_ids) {
  std::mutex mutex;
  std::set<std::thread::id> ids{std::this_thread::get_id()};
  std::barrier together(50);
  run_in(50, [&](int) {
    {
      std::lock_guard lock(mutex);
      ids.insert(std::this_thread::get_id());
    }
    together.arrive_and_wait();
  });
  CHECK(ids.size() == 51);
  CHECK(std::thread::hardware_concurrency() >= 1);
}

template <typename Mutex>
static long counted_under() {
  Mutex mutex;
  long count = 0;
  run_in(8, [&](int) {
    for (int i = 0; i < 500; i++) {
      std::lock_guard lock(mutex);
      const long seen = count;
      if (i % 16 == 0) std::this_thread::yield();
      count = seen + 1;
    }
  });
  return count;
}
CASE(mutexes) {
  CHECK(counted_under<std::mutex>() == 4000);
  CHECK(counted_under<std::recursive_mutex>() == 4000);
  CHECK(counted_under<std::timed_mutex>() == 4000);
  CHECK(counted_under<std::recursive_timed_mutex>() == 4000);
  CHECK(counted_under<std::shared_mutex>() == 4000);
  CHECK(counted_under<std::shared_timed_mutex>() == 4000);
}

CASE(scoped_lock_of_two) {
  std::mutex a, b;
  long count = 0;
  run_in(8, [&](int i) {
    for (int n = 0; n < 300; n++) {
      if (i % 2) {
        std::scoped_lock lock(a, b);
        count++;
      } else {
        std::scoped_lock lock(b, a);
        count++;
      }
      if (n % 16 == 0) std::this_thread::yield();
    }
  });
  CHECK(count == 2400);
}

CASE(timed_ones_are_never_early) {
  std::timed_mutex mutex;
  std::shared_timed_mutex shared;
  std::counting_semaphore<4> semaphore(0);
  std::promise<int> promise;
  auto future = promise.get_future();
  std::condition_variable cond;
  std::mutex of_cond;
  std::scoped_lock held(mutex, shared);
  std::thread([&] {
    auto not_early = [](auto wait) {
      const auto begin = std::chrono::steady_clock::now();
      return wait() && std::chrono::steady_clock::now() - begin >= 5ms;
    };
    CHECK(not_early([&] { return !mutex.try_lock_for(5ms); }));
    CHECK(not_early([&] { return !shared.try_lock_for(5ms); }));
    CHECK(not_early([&] { return !shared.try_lock_shared_for(5ms); }));
    CHECK(not_early([&] { return !semaphore.try_acquire_for(5ms); }));
    CHECK(not_early([&] { return future.wait_for(5ms) == std::future_status::timeout; }));
    std::unique_lock lock(of_cond);
    CHECK(not_early([&] { return !cond.wait_for(lock, 5ms, [] { return false; }); }));
    CHECK(not_early([&] { return std::this_thread::sleep_for(5ms), true; }));
    const auto until = std::chrono::system_clock::now() + 5ms;
    std::this_thread::sleep_until(until);
    CHECK(std::chrono::system_clock::now() >= until);
  }).join();
}

CASE(condition_variables) {
  std::mutex mutex;
  std::condition_variable cond;
  std::condition_variable_any any;
  std::queue<int> queue;
  long sum = 0;
  std::thread producer([&] {
    for (int i = 1; i <= 1000; i++) {
      std::unique_lock lock(mutex);
      any.wait(lock, [&] { return queue.size() < 4; });
      queue.push(i);
      cond.notify_one();
    }
  });
  run_in(4, [&](int) {
    for (int i = 0; i < 250; i++) {
      std::unique_lock lock(mutex);
      cond.wait(lock, [&] { return !queue.empty(); });
      sum += queue.front();
      queue.pop();
      any.notify_one();
    }
  });
  producer.join();
  CHECK(sum == 500500);
}

CASE(futures) {
  std::vector<std::future<int>> futures;
  for (int i = 0; i < 50; i++)
    futures.push_back(std::async(std::launch::async, [i] { return std::this_thread::yield(), i; }));
  int sum = 0;
  for (auto& f : futures) sum += f.get();
  CHECK(sum == 1225);

  std::promise<int> promise;
  std::shared_future<int> shared = promise.get_future().share();
  std::atomic<int> got{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; i++) threads.emplace_back([shared, &got] { got += shared.get(); });
  promise.set_value(7);
  for (auto& t : threads) t.join();
  CHECK(got == 140);

  std::packaged_task<int()> fails([]() -> int { throw std::runtime_error("in a task"); });
  auto failed = fails.get_future();
  std::thread(std::move(fails)).join();
  bool caught = false;
  try {
    failed.get();
  } catch (const std::runtime_error&) {
    caught = true;
  }
  CHECK(caught);
}

CASE(call_once) {
  std::once_flag flag;
  int tries = 0, runs = 0;
  run_in(20, [&](int) {
    try {
      std::call_once(flag, [&] {
        std::this_thread::yield();
        if (++tries < 3) throw tries;  // another one has to try
        runs++;
      });
    } catch (int) {}
  });
  CHECK(tries == 3 && runs == 1);
}

// Function-local statics are made once, by libstdc++'s own futex.
static std::atomic<int> made;
struct Slow {
  Slow() {
    std::this_thread::sleep_for(1ms);
    made++;
  }
};
CASE(local_statics) {
  run_in(20, [](int) {
    static Slow slow;
    CHECK(made == 1);
  });
}

CASE(atomic_wait) {
  std::atomic<int> turn{0};   // waits on itself
  std::atomic<long> wide{0};  // waits by proxy
  std::atomic_flag flag;
  run_in(4, [&](int me) {
    for (int i = 0; i < 300; i++) {
      for (int seen; (seen = turn.load()) % 4 != me;) turn.wait(seen);
      turn++;
      turn.notify_all();
    }
  });
  CHECK(turn == 1200);
  std::thread setter([&] {
    std::this_thread::sleep_for(1ms);
    wide = 1;
    wide.notify_all();
    flag.test_and_set();
    flag.notify_all();
  });
  run_in(10, [&](int i) {
    if (i % 2)
      wide.wait(0);
    else
      flag.wait(false);
  });
  setter.join();
}

CASE(semaphores_latches_barriers) {
  std::counting_semaphore<> door(3);
  std::atomic<int> inside{0}, most{0}, rounds{0};
  std::latch start_line(20);
  std::barrier round(20, [&]() noexcept { rounds++; });
  run_in(20, [&](int) {
    start_line.arrive_and_wait();
    for (int i = 0; i < 20; i++) {
      door.acquire();
      const int there = ++inside;
      int seen = most;
      while (there > seen && !most.compare_exchange_weak(seen, there)) {}
      std::this_thread::yield();
      inside--;
      door.release();
      round.arrive_and_wait();
    }
  });
  CHECK(most >= 1 && most <= 3 && rounds == 20);
}

CASE(jthreads_stop) {
  std::atomic<int> stopped{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 10; i++) {
      threads.emplace_back([&](std::stop_token token) {
        std::mutex mutex;
        std::condition_variable_any cond;
        std::unique_lock lock(mutex);
        cond.wait(lock, token, [] { return false; });
        stopped++;
      });
    }
  }
  CHECK(stopped == 10);
}

CASE(shared_mutexes) {
  std::shared_mutex mutex;
  long one = 0, two = 0;
  std::atomic<int> unequal{0};
  run_in(12, [&](int i) {
    for (int n = 0; n < 200; n++) {
      if ((i + n) % 4 == 0) {
        std::unique_lock lock(mutex);
        one++;
        if (n % 8 == 0) std::this_thread::yield();
        two++;
      } else {
        std::shared_lock lock(mutex);
        unequal += one != two;
      }
    }
  });
  CHECK(one == 600 && two == 600 && unequal == 0);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
