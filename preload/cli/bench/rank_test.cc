#include "preload/cli/bench/rank_test.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gamelan::cli::bench {
namespace {

using Ranks = std::vector<size_t>;  // doubled, so that shared ranks stay whole

// Twice the rank of each value; equal values share the mean of theirs.
Ranks doubled_ranks(const Series& values) {
  Ranks ranks;
  for (const double value : values) {
    const auto below = std::count_if(values.begin(), values.end(), [&](double v) { return v < value; });
    const auto equal = std::count(values.begin(), values.end(), value);
    ranks.push_back(static_cast<size_t>(2 * below + equal + 1));
  }
  return ranks;
}

double two_sided(const std::vector<double>& ways, size_t seen) {
  const double all = std::accumulate(ways.begin(), ways.end(), 0.0);
  const double below = std::accumulate(ways.begin(), ways.begin() + static_cast<std::ptrdiff_t>(seen) + 1, 0.0);
  const double above = std::accumulate(ways.begin() + static_cast<std::ptrdiff_t>(seen), ways.end(), 0.0);
  return std::min(1.0, 2 * std::min(below, above) / all);
}

// ways[s]: how many choices of `chosen` among `ranks` sum up to s.
std::vector<double> ways_to_choose(const Ranks& ranks, size_t chosen) {
  const size_t most = std::accumulate(ranks.begin(), ranks.end(), size_t{0});
  std::vector<std::vector<double>> ways(chosen + 1, std::vector<double>(most + 1));
  ways[0][0] = 1;
  for (const size_t rank : ranks)
    for (size_t n = chosen; n > 0; --n)
      for (size_t sum = most; sum >= rank; --sum) ways[n][sum] += ways[n - 1][sum - rank];
  return ways[chosen];
}

// ways[s]: how many subsets of `ranks`, of any size, sum up to s.
std::vector<double> ways_to_sign(const Ranks& ranks) {
  std::vector<double> ways(std::accumulate(ranks.begin(), ranks.end(), size_t{0}) + 1);
  ways[0] = 1;
  for (const size_t rank : ranks)
    for (size_t sum = ways.size() - 1; sum >= rank; --sum) ways[sum] += ways[sum - rank];
  return ways;
}

}  // namespace

double unpaired_chance(const Series& a, const Series& b) {
  if (a.empty() || b.empty()) return 1;
  Series both = a;
  both.insert(both.end(), b.begin(), b.end());
  const Ranks ranks = doubled_ranks(both);
  const size_t seen = std::accumulate(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(a.size()), size_t{0});
  return two_sided(ways_to_choose(ranks, a.size()), seen);
}

double paired_chance(const Series& differences) {
  Series sizes;
  std::vector<bool> is_above;
  for (const double difference : differences) {
    if (difference == 0) continue;  // says nothing about a side
    sizes.push_back(std::abs(difference));
    is_above.push_back(difference > 0);
  }
  if (sizes.empty()) return 1;
  const Ranks ranks = doubled_ranks(sizes);
  size_t seen = 0;
  for (size_t i = 0; i < ranks.size(); ++i) seen += is_above[i] ? ranks[i] : 0;
  return two_sided(ways_to_sign(ranks), seen);
}

}  // namespace gamelan::cli::bench
