#include "sched/run_queue.h"

#include <criterion/criterion.h>

#include <vector>

#include "tests/unit/support.h"

using namespace gamelan;

namespace {
constexpr uint32_t kMost = RunQueue::kSlots;
std::vector<G> some_gs(size_t n) { return std::vector<G>(n); }
}  // namespace

Test(run_queue, first_in_first_out) {
  RunQueue q;
  auto g = some_gs(3);
  for (G& one : g) cr_assert(q.push(&one));
  for (G& one : g) cr_assert_eq(q.pop(), &one);
  cr_assert_null(q.pop());
  cr_assert(q.is_empty());
}

Test(run_queue, next_goes_before_the_rest) {
  RunQueue q;
  auto g = some_gs(3);
  q.push(&g[0]);
  cr_assert_null(q.set_next(&g[1]));
  cr_assert_eq(q.set_next(&g[2]), &g[1]);
  cr_assert_eq(q.pop(), &g[2]);
  cr_assert_eq(q.pop(), &g[0]);
}

Test(run_queue, push_refuses_when_full_and_half_can_be_taken) {
  RunQueue q;
  auto g = some_gs(kMost + 1);
  for (uint32_t i = 0; i < kMost; i++) cr_assert(q.push(&g[i]));
  cr_assert_not(q.push(&g[kMost]));
  uint32_t n = 0;
  G* last = nullptr;
  cr_assert_eq(q.take_half(&n, &last), &g[0]);
  cr_assert_eq(n, kMost / 2);
  cr_assert_eq(last, &g[kMost / 2 - 1]);
  cr_assert_null(last->schedlink);
  cr_assert_eq(q.pop(), &g[kMost / 2]);
}

Test(run_queue, a_thief_gets_half_and_next_only_if_asked) {
  RunQueue q, mine;
  auto g = some_gs(5);
  for (int i = 0; i < 4; i++) q.push(&g[i]);
  q.set_next(&g[4]);
  cr_assert_eq(q.steal_into(&mine, false), &g[1]);  // two taken, the younger one to run
  cr_assert_eq(mine.pop(), &g[0]);
  cr_assert_eq(q.steal_into(&mine, false), &g[2]);
  cr_assert_eq(q.steal_into(&mine, false), &g[3]);
  cr_assert_null(q.steal_into(&mine, false));
  cr_assert_eq(q.steal_into(&mine, true), &g[4]);
}

// Every G that goes in comes out once, whoever takes it.
Test(run_queue, owner_and_thieves_lose_nothing, .timeout = 60) {
  constexpr unsigned kGs = 200'000, kThieves = 3;
  RunQueue q;
  auto g = some_gs(kGs);
  std::vector<Atomic<uint32_t>> taken(kGs);
  Atomic<uint32_t> left{kGs};
  auto take = [&](G* one) {
    taken[static_cast<size_t>(one - g.data())].fetch_add(1);
    left.fetch_sub(1);
  };
  test::in_threads(kThieves + 1, [&](unsigned who) {
    test::Random random(who);
    RunQueue mine;
    size_t next = 0;
    while (left.load_seq()) {
      if (who) {
        if (G* one = q.steal_into(&mine, random.once_in(4))) take(one);
        while (G* one = mine.pop()) take(one);
        continue;
      }
      for (uint64_t n = random.below(8); n && next < kGs; n--) {
        if (random.once_in(3)) {
          if (G* before = q.set_next(&g[next]))
            while (!q.push(before)) if (G* one = q.pop()) take(one);
          next++;
        } else if (q.push(&g[next])) {
          next++;
        }
      }
      if (G* one = q.pop()) take(one);
    }
  });
  for (auto& t : taken) cr_assert_eq(t.load_seq(), 1u);
}
