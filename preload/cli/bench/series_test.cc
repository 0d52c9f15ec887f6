#include "preload/cli/bench/series.h"

#include <criterion/criterion.h>

#include <cmath>

using namespace gamelan::cli::bench;

Test(series, median_is_the_middle) {
  cr_assert_eq(median({3, 1, 2}), 2);
  cr_assert_eq(median({4, 1, 3, 2}), 2.5);
  cr_assert_eq(median({}), 0);
}

Test(series, geometric_mean_of_a_ratio_and_its_inverse_is_1) {
  cr_assert(std::abs(geometric_mean({4, 0.25}) - 1) < 1e-12);
  cr_assert_eq(geometric_mean({}), 1);
}

Test(series, ratios_go_as_far_as_both) {
  cr_assert(ratios_of({2, 6, 5}, {4, 3}) == (Series{0.5, 2}));
  cr_assert(ratios_of({2, 6}, {0, 3}) == (Series{2}));
}

Test(series, spread_has_its_ends) {
  const Spread spread = spread_of({5, 1, 2});
  cr_assert(spread.min == 1 && spread.median == 2 && spread.max == 5);
}
