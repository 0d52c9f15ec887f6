// preload/cli/bench/series.h: a measured figure, one value per round, and what is said of it.
//
// Pure     numbers in, numbers out.
#pragma once
#include <vector>

namespace gamelan::cli::bench {

using Series = std::vector<double>;  // in the order of the rounds

// The middle value, or the mean of the middle two; 0 of nothing.
double median(Series values);

// The nth root of the product, for values above 0; 1 of nothing.
double geometric_mean(const Series& values);

struct Spread {
  double min = 0;
  double median = 0;
  double max = 0;
};

Spread spread_of(const Series& values);

// values[i] / others[i], as far as both go.  Others of 0 are left out.
Series ratios_of(const Series& values, const Series& others);

}  // namespace gamelan::cli::bench
