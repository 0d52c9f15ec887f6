// preload/cli/bench/rank_test.h: how likely chance alone makes two series differ as much as they do.
//
// Pure     both tests are exact: they count, among all ways in which chance could have dealt the ranks, those that
//          are at least as lopsided.  No normal distribution is assumed; ties share their rank.
// Source   Wilcoxon 1945; Mann and Whitney 1947. The count is the usual recurrence over sums of ranks.
// Limits   cubic in the rounds and worse: meant for at most `kMostRounds`.
#pragma once
#include "preload/cli/bench/series.h"

namespace gamelan::cli::bench {

inline constexpr int kMostRounds = 50;

// Rank sum test, two-sided: do the values of `a` tend to lie on one side of those of `b`?
double unpaired_chance(const Series& a, const Series& b);

// Signed rank test, two-sided: do the `differences` of the rounds tend to have one sign?  A load that comes and goes
// meets both partners of a round, so this one sees what drift hides from the other.
double paired_chance(const Series& differences);

}  // namespace gamelan::cli::bench
