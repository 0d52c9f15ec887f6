#include "preload/cli/bench/comparison.h"

#include <algorithm>
#include <cmath>

#include "preload/cli/bench/rank_test.h"

namespace gamelan::cli::bench {
namespace {

bool is_relevant(double ratio) { return std::abs(std::log(ratio)) >= std::log1p(kRelevant); }

Series logarithms_of(Series ratios) {
  for (double& ratio : ratios) ratio = std::log(ratio);
  return ratios;
}

bool ranks_differ(const Series& values, const Series& baseline, const Series& ratios) {
  return unpaired_chance(values, baseline) <= kChance || paired_chance(logarithms_of(ratios)) <= kChance;
}

bool spreads_lie_apart(const Spread& a, const Spread& b) {
  const double gap = std::max(a.min - b.max, b.min - a.max);
  return gap > 0 && gap >= std::max(a.max - a.min, b.max - b.min);
}

bool is_difference(const Series& values, const Series& baseline, const Series& ratios) {
  if (ratios.size() < kFewestRounds) return false;
  if (ratios.size() < kRoundsForRanks) return spreads_lie_apart(spread_of(values), spread_of(baseline));
  return ranks_differ(values, baseline, ratios);
}

}  // namespace

Comparison compare(const Series& values, const Series& baseline) {
  const Series ratios = ratios_of(values, baseline);
  Comparison comparison{spread_of(ratios)};
  const double ratio = comparison.ratio.median;
  if (ratio > 0 && is_relevant(ratio) && is_difference(values, baseline, ratios))
    comparison.finding = ratio < 1 ? Finding::kLess : Finding::kMore;
  return comparison;
}

std::string_view name_of(Finding finding) {
  switch (finding) {
    case Finding::kLess: return "less";
    case Finding::kMore: return "more";
    case Finding::kNoDifference: break;
  }
  return "no difference";
}

}  // namespace gamelan::cli::bench
