#include "preload/cli/bench/rank_test.h"

#include <criterion/criterion.h>

#include <cmath>

using namespace gamelan::cli::bench;

namespace {

void expect(double seen, double wanted) { cr_assert(std::abs(seen - wanted) < 1e-9, "want %g, got %g", wanted, seen); }

}  // namespace

// The wanted values are those of the published tables.
Test(rank_test, unpaired_counts_the_ways) {
  expect(unpaired_chance({1, 2, 3}, {4, 5, 6}), 2.0 / 20);
  expect(unpaired_chance({6, 7, 8, 9, 10}, {1, 2, 3, 4, 5}), 2.0 / 252);
  expect(unpaired_chance({1, 2, 3, 4, 6}, {5, 7, 8, 9, 10}), 4.0 / 252);
}

Test(rank_test, paired_counts_the_signs) {
  expect(paired_chance({1, 2, 3, 4, 5}), 2.0 / 32);
  expect(paired_chance({-1, -2, -3, -4, -5, -6}), 2.0 / 64);
  expect(paired_chance({-1, 2, 3, 4, 5, 6}), 4.0 / 64);
}

Test(rank_test, equal_values_share_their_rank) {
  expect(unpaired_chance({1, 1}, {1, 1}), 1);
  expect(unpaired_chance({1, 1, 1}, {2, 2, 2}), 2.0 / 20);
}

Test(rank_test, nothing_says_nothing) {
  expect(paired_chance({0, 0, 0}), 1);
  expect(paired_chance({}), 1);
  expect(unpaired_chance({}, {1}), 1);
}

Test(rank_test, most_rounds_are_counted_within_the_patience_of_a_test) {
  Series low, high;
  for (int i = 0; i < kMostRounds; ++i) {
    low.push_back(i);
    high.push_back(i + kMostRounds);
  }
  cr_assert(unpaired_chance(low, high) < 1e-20);
}
