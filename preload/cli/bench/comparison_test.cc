#include "preload/cli/bench/comparison.h"

#include <criterion/criterion.h>

#include <cmath>
#include <functional>
#include <random>

using namespace gamelan::cli::bench;

namespace {

// One made-up machine: what it adds to a run that takes 1 s, given the round's number.
using Noise = std::function<double(std::mt19937_64&, size_t round)>;

double normal(std::mt19937_64& random) { return std::normal_distribution<double>()(random); }

double quiet(std::mt19937_64& random, size_t) { return 0.01 * std::abs(normal(random)); }

// now and then somebody else's program takes a third of a core
double disturbed(std::mt19937_64& random, size_t) {
  const bool hit = random() % 5 == 0;
  return 0.02 * std::abs(normal(random)) + (hit ? 0.4 * std::abs(normal(random)) : 0);
}

// a load that comes and goes over the rounds, and meets whoever runs in them
double drifting(std::mt19937_64& random, size_t round) {
  return 0.3 * (1 + std::sin(static_cast<double>(round))) + 0.02 * std::abs(normal(random));
}

Comparison made_up(std::mt19937_64& random, const Noise& noise, size_t rounds, double factor) {
  Series ours, theirs;
  for (size_t round = 0; round < rounds; ++round) {
    ours.push_back(factor * (1 + noise(random, round)));
    theirs.push_back(1 + noise(random, round));
  }
  return compare(ours, theirs);
}

// How many of 1000 comparisons find a difference.
int found(const Noise& noise, size_t rounds, double factor) {
  std::mt19937_64 random(7 * rounds);
  int count = 0;
  for (int i = 0; i < 1000; ++i) count += made_up(random, noise, rounds, factor).finding != Finding::kNoDifference;
  return count;
}

}  // namespace

Test(comparison, a_thing_does_not_differ_from_itself) {
  for (const Noise& noise : {Noise(quiet), Noise(disturbed), Noise(drifting)})
    for (const size_t rounds : {1, 2, 3, 4, 5, 6, 10, 20}) {
      const int wrong = found(noise, rounds, 1);
      cr_assert(wrong <= 40, "%d of 1000 comparisons over %zu rounds find a difference", wrong, rounds);
    }
}

Test(comparison, finds_a_tenth_on_a_quiet_machine) {
  cr_assert_geq(found(quiet, 3, 0.9), 950);
  cr_assert_geq(found(quiet, 5, 0.9), 990);
}

Test(comparison, finds_a_tenth_under_disturbance_and_drift_with_ten_rounds) {
  cr_assert_geq(found(disturbed, 10, 0.9), 500);
  cr_assert_geq(found(drifting, 10, 0.9), 950);
}

Test(comparison, says_on_which_side) {
  std::mt19937_64 random(1);
  cr_assert(made_up(random, quiet, 10, 0.8).finding == Finding::kLess);
  cr_assert(made_up(random, quiet, 10, 1.2).finding == Finding::kMore);
}

Test(comparison, less_than_a_hundredth_is_not_relevant) {
  cr_assert(compare(Series(10, 1.009), Series(10, 1)).finding == Finding::kNoDifference);
  cr_assert(compare(Series(10, 1.011), Series(10, 1)).finding == Finding::kMore);
}

Test(comparison, few_rounds_must_lie_well_apart) {
  cr_assert(compare({1.00, 1.02, 1.04}, {1.05, 1.07, 1.09}).finding == Finding::kNoDifference);
  cr_assert(compare({1.00, 1.02, 1.04}, {1.10, 1.12, 1.14}).finding == Finding::kLess);
  cr_assert(compare({1, 1}, {2, 2}).finding == Finding::kNoDifference);
}

Test(comparison, nothing_does_not_differ) { cr_assert(compare({}, {1}).finding == Finding::kNoDifference); }
