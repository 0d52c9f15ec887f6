// tests/unit/support.h: a seeded generator, and threads that start together.
#pragma once
#include <pthread.h>
#include <stdint.h>

#include <thread>
#include <vector>

namespace gamelan::test {

// splitmix64: the same numbers on every machine, so that a failure repeats.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  uint64_t below(uint64_t n) { return next() % n; }
  uint64_t between(uint64_t least, uint64_t most) { return least + below(most - least + 1); }
  bool once_in(uint64_t n) { return below(n) == 0; }

 private:
  uint64_t state_;
};

// Runs f(0) .. f(n-1), each on a thread of its own, all past one barrier; returns when all have ended.
template <class F>
void in_threads(unsigned n, F f) {
  pthread_barrier_t together;
  pthread_barrier_init(&together, nullptr, n);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < n; i++)
    threads.emplace_back([&, i] {
      pthread_barrier_wait(&together);
      f(i);
    });
  for (std::thread& t : threads) t.join();
  pthread_barrier_destroy(&together);
}

}  // namespace gamelan::test
