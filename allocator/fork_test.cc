// fork(2) while other threads are in the middle of anything: the child's heap must work, and lose nothing of its own.
#include "allocator/fork.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "sched/threads.h"
#include "tests/unit/heap.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::Random;

namespace {
// As shim/fork.cc does, without the helper thread.
pid_t fork_as_the_shim_does() {
  threads::before_fork();
  heap_before_fork();
  const pid_t child = fork();
  if (child == 0) {
    heap_after_fork_in_child();
    threads::after_fork(true, nullptr);
  } else {
    heap_after_fork_in_parent();
    threads::after_fork(false, nullptr);
  }
  return child;
}

void churn(std::atomic<bool>& done, uint64_t seed) {
  Random random(seed);
  std::vector<void*> mine(100);
  while (!done) {
    void*& p = mine[random.below(mine.size())];
    heap_free(p, "free");
    p = heap_malloc(random.once_in(30) ? random.between(2000, 100'000) : random.between(1, 500));
  }
  for (void* p : mine) heap_free(p, "free");
}

// In the child: its own objects are whole and free, others' spans are adopted, and the heap is sound.
int use_the_heap(std::vector<void*>& mine) {
  for (void* p : mine) {
    if (!test::is_filled(p, 100, 9)) return 2;
    heap_free(p, "free");
  }
  Random random(5);
  std::vector<void*> p;
  for (int i = 0; i < 1000; i++) p.push_back(heap_malloc(random.between(1, 3000)));
  for (void* q : p) {
    if (!q) return 3;
    heap_free(q, "free");
  }
  while (threads::mend_one()) {}
  test::verify_all();
  return threads::live() == 1 ? 0 : 4;
}
}  // namespace

TEST_ON_BOTH_PATHS(fork, a_child_made_under_churn_has_a_working_heap) {
  std::atomic<bool> done{false};
  std::vector<std::thread> others;
  for (uint64_t i = 0; i < 2; i++) others.emplace_back([&, i] { churn(done, i); });
  std::vector<void*> mine;
  for (int i = 0; i < 500; i++) {
    mine.push_back(heap_malloc(100));
    test::fill(mine.back(), 100, 9);
  }
  for (int i = 0; i < 12; i++) {
    const pid_t child = fork_as_the_shim_does();
    if (child == 0) _exit(use_the_heap(mine));
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "fork %d: status %x", i, status);
  }
  done = true;
  for (std::thread& t : others) t.join();
  for (void* p : mine) heap_free(p, "free");
  test::verify_all();
}

Test(fork, the_childs_threads_take_over_the_caches_of_those_that_are_gone) {
  test::start_heap();
  std::atomic<bool> done{false};
  std::thread other([&] { churn(done, 1); });
  while (threads::live() < 2) std::this_thread::yield();
  const pid_t child = fork_as_the_shim_does();
  if (child == 0) {
    const uint64_t caches = metric_read(Metric::caches);
    std::thread([] { heap_free(heap_malloc(100), "free"); }).join();
    _exit(metric_read(Metric::caches) == caches ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  done = true;
  other.join();
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(fork, every_cache_is_in_the_registry_once) {
  test::start_heap();
  std::set<MCache*> made = {tls_mcache};
  for (int i = 0; i < 10; i++) made.insert(new_cache());
  std::set<MCache*> seen;
  for (MCache* c = first_registered_cache(); c; c = c->next_registered) cr_assert(seen.insert(c).second);
  cr_assert(seen == made);
  cr_assert_eq(metric_read(Metric::caches), made.size());
}
