// preload/cli/bench/comparison.h: one allocator's figures beside the baseline's, and whether they differ.
//
// Pure     numbers in, a finding out.
// Rule     a difference is said when all of this holds, otherwise "no difference":
//          - the median of the rounds' ratios is at least `kRelevant` away from 1;
//          - five rounds or more: the rank test over both series, or the one over the rounds' ratios, gives chance at
//            most `kChance`.  Two tests, so at most 2 % of all comparisons of a thing with itself go wrong, and 4 % of
//            the verdicts, which look at time and at peak RSS;
//          - three or four rounds, too few for a rank test: the two spreads lie apart, and the gap between them is as
//            wide as the wider of them;
//          - fewer rounds: never.
#pragma once
#include <string_view>

#include "preload/cli/bench/series.h"

namespace gamelan::cli::bench {

inline constexpr double kRelevant = 0.01;
inline constexpr double kChance = 0.01;
inline constexpr size_t kRoundsForRanks = 5;
inline constexpr size_t kFewestRounds = 3;

enum class Finding { kNoDifference, kLess, kMore };

struct Comparison {
  Spread ratio;  // of the rounds' ratios, baseline = 1
  Finding finding = Finding::kNoDifference;
};

// Both series have a value per round, in the same order.
Comparison compare(const Series& values, const Series& baseline);

// "no difference", "less" or "more".
std::string_view name_of(Finding finding);

}  // namespace gamelan::cli::bench
