#include "preload/cli/bench/report.h"

#include <algorithm>

namespace gamelan::cli::bench {

const Entry* find_entry(const Row& row, std::string_view allocator) {
  const auto entry =
      std::find_if(row.entries.begin(), row.entries.end(), [&](const Entry& e) { return e.allocator == allocator; });
  return entry == row.entries.end() ? nullptr : &*entry;
}

const Contender* ours_in(const Report& report) {
  const auto ours =
      std::find_if(report.contenders.begin(), report.contenders.end(), [](const Contender& c) { return c.is_ours; });
  return ours == report.contenders.end() ? nullptr : &*ours;
}

}  // namespace gamelan::cli::bench
