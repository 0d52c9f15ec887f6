#include "preload/cli/human.h"

#include <fmt/format.h>

#include <array>

namespace gamelan::cli {

std::string human_bytes(uint64_t bytes) {
  constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return {};
  double amount = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // 1023.95 would be rounded up to "1024.0"
  for (; amount >= 1023.95 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  return fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string_view unit_of(std::string_view metric) { return metric.substr(metric.rfind(':') + 1); }

}  // namespace gamelan::cli
