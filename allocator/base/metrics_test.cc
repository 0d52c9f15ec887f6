#include "allocator/base/metrics.h"

#include <criterion/criterion.h>

#include <set>
#include <string>

#include "tests/unit/support.h"

using namespace gamelan;

namespace {
const char* const kNames[] = {
#define METRIC(id, name, text) name,
#include "allocator/base/metrics.inc"
#undef METRIC
};
}  // namespace

Test(metrics, the_page_says_what_it_is) {
  cr_assert_eq(gamelan_metrics.magic, kMetricsMagic);
  cr_assert_eq(gamelan_metrics.version, kMetricsVersion);
  cr_assert_eq(gamelan_metrics.count, static_cast<uint32_t>(Metric::kCount));
}

Test(metrics, every_row_has_a_name_of_its_own_with_its_unit) {
  std::set<std::string> seen;
  for (const std::string name : kNames) {
    cr_assert(seen.insert(name).second, "%s appears twice", name.c_str());
    const size_t colon = name.find(':');
    cr_assert(name[0] == '/' && colon != std::string::npos && colon + 1 < name.size(), "%s", name.c_str());
  }
  cr_assert_eq(seen.size(), static_cast<size_t>(Metric::kCount));
}

Test(metrics, counts_from_many_threads_are_all_kept) {
  test::in_threads(4, [](unsigned) {
    for (int i = 0; i < 50'000; i++) {
      metric_add(Metric::refills, 3);
      metric_sub(Metric::refills, 1);
    }
  });
  cr_assert_eq(metric_read(Metric::refills), 4u * 50'000 * 2);
  cr_assert_eq(metric_read(Metric::large_allocs), 0u);
}
