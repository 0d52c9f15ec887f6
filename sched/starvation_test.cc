#include "sched/starvation.h"

#include <criterion/criterion.h>

using namespace gamelan;

namespace {
// How many of `n` looks at the same mark say so.
unsigned says(StandingStill* s, uint64_t mark, unsigned n) {
  unsigned times = 0;
  while (n--) times += s->look(mark);
  return times;
}
}  // namespace

Test(starvation, says_once_after_ten_looks) {
  StandingStill s;
  cr_assert_eq(says(&s, 7, StandingStill::kLooks), 0u);
  cr_assert_eq(says(&s, 7, 1), 1u);
  cr_assert_eq(says(&s, 7, 100), 0u);
}

Test(starvation, what_moves_or_empties_begins_anew) {
  StandingStill s;
  for (uint64_t mark = 1; mark < 100; mark++) cr_assert_not(s.look(mark));
  cr_assert_eq(says(&s, 7, 9), 0u);
  cr_assert_not(s.look(0));
  cr_assert_eq(says(&s, 7, 10), 0u);
  cr_assert_eq(says(&s, 0, 100), 0u);
}
