#include "preload/cli/bench/series.h"

#include <algorithm>
#include <cmath>

namespace gamelan::cli::bench {

double median(Series values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double geometric_mean(const Series& values) {
  if (values.empty()) return 1;
  double logarithms = 0;
  for (const double value : values) logarithms += std::log(value);
  return std::exp(logarithms / static_cast<double>(values.size()));
}

Spread spread_of(const Series& values) {
  if (values.empty()) return {};
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  return {*min, median(values), *max};
}

Series ratios_of(const Series& values, const Series& others) {
  Series ratios;
  for (size_t i = 0; i < std::min(values.size(), others.size()); ++i)
    if (others[i] != 0) ratios.push_back(values[i] / others[i]);
  return ratios;
}

}  // namespace gamelan::cli::bench
