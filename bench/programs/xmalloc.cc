// xmalloc THREADS WORK: producers allocate, consumers free.
//
// After     Lever and Boreham, "malloc() performance in a multithreaded Linux environment" (USENIX 2000).
// Shows     that every block is freed by another thread: what comes back must reach its maker, or memory grows.
// Work      blocks in all, of 16 to 512 bytes, in batches of 128 that are blocks themselves. Half of THREADS
//           produce, half consume; one thread alone does both in turn.
#include <condition_variable>
#include <mutex>

#include "kit.h"

using namespace bench;

namespace {

constexpr uint64_t kBatch = 128, kQueue = 64;

struct Batch {
  Batch* next;
  Block* block[kBatch];
};

// Bounded, so that a fast producer cannot fill the memory.
class Queue {
 public:
  void push(Batch* batch) {
    std::unique_lock lock(mutex_);
    has_room_.wait(lock, [&] { return length_ < kQueue; });
    batch->next = first_;
    first_ = batch;
    ++length_;
    has_batch_.notify_one();
  }

  Batch* pop() {
    std::unique_lock lock(mutex_);
    has_batch_.wait(lock, [&] { return first_; });
    Batch* batch = first_;
    first_ = batch->next;
    --length_;
    has_room_.notify_one();
    return batch;
  }

 private:
  std::mutex mutex_;
  std::condition_variable has_room_, has_batch_;
  Batch* first_ = nullptr;
  uint64_t length_ = 0;
};

Batch* produce(Random& random) {
  Batch* batch = static_cast<Batch*>(malloc(sizeof(Batch)));
  for (Block*& block : batch->block) block = Block::make(random.size(16, 512));
  return batch;
}

uint64_t consume(Batch* batch) {
  uint64_t sum = 0;
  for (Block* block : batch->block) sum += block->end();
  free(batch);
  return sum;
}

uint64_t alone(uint64_t batches) {
  Random random(1);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < batches; ++i) sum += consume(produce(random));
  return sum;
}

uint64_t in_pairs(uint64_t pairs, uint64_t batches) {
  Queue queue;
  return on_threads(2 * pairs, [&](uint64_t i) {
    Random random(i);
    uint64_t sum = 0;
    for (uint64_t n = 0; n < batches; ++n) {
      if (i % 2)
        sum += consume(queue.pop());
      else
        queue.push(produce(random));
    }
    return sum;
  });
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t threads = argument(argc, argv, 1, 1), batches = argument(argc, argv, 2, 1'000'000) / kBatch;
  return finish(threads == 1 ? alone(batches) : in_pairs(threads / 2, batches / (threads / 2)));
}
