#include "sched/timer_heap.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <vector>

#include "tests/unit/support.h"

using namespace gamelan;

namespace {
void arm(TimerHeap* heap, G* g, Nanos when) {
  g->timer.when = when;
  g->timer.ticket = g->wait.begin();
  cr_assert(heap->add(g));
}

G* due(TimerHeap* heap, Nanos now) {
  WaitWord::Ticket ticket;
  return heap->take_due(now, &ticket);
}
}  // namespace

Test(timer_heap, gives_what_is_due_in_order) {
  TimerHeap heap;
  test::Random random(1);
  std::vector<G> g(1000);
  std::vector<Nanos> when;
  for (G& one : g) {
    when.push_back(static_cast<Nanos>(random.below(500)));
    arm(&heap, &one, when.back());
  }
  std::sort(when.begin(), when.end());
  cr_assert_eq(heap.earliest(), when[0]);
  for (Nanos at : when) {
    cr_assert_null(due(&heap, at - 1));
    cr_assert_eq(due(&heap, at)->timer.when, at);
  }
  cr_assert_eq(heap.earliest(), TimerHeap::kNone);
}

Test(timer_heap, a_removed_one_never_comes) {
  TimerHeap heap;
  test::Random random(2);
  std::vector<G> g(500);
  for (G& one : g) arm(&heap, &one, static_cast<Nanos>(random.below(100)));
  size_t left = g.size();
  for (size_t i = 0; i < g.size(); i += 3, left--) TimerHeap::remove(&g[i]);
  TimerHeap::remove(&g[0]);  // again: it is in no heap
  cr_assert_eq(heap.size(), left);
  Nanos last = 0;
  for (; left; left--) {
    G* one = due(&heap, 100);
    cr_assert_not_null(one);
    cr_assert_neq((one - g.data()) % 3, 0);
    cr_assert_geq(one->timer.when, last);
    last = one->timer.when;
  }
  cr_assert_null(due(&heap, 100));
}

Test(timer_heap, a_wait_that_ended_is_not_claimed_by_its_timer) {
  TimerHeap heap;
  G g{};
  arm(&heap, &g, 5);
  WaitWord::Ticket ticket;
  cr_assert_eq(heap.take_due(5, &ticket), &g);
  bool parked;
  cr_assert(g.wait.claim(ticket, Wake::woken, &parked));
  cr_assert_not(parked);
  cr_assert_eq(g.wait.end(), Wake::woken);
  g.wait.begin();
  cr_assert_not(g.wait.claim(ticket, Wake::timed_out, &parked));
}
