#include "preload/cli/published_page.h"

#include <criterion/criterion.h>

#include <cstring>
#include <vector>

using namespace gamelan;
using namespace gamelan::cli;

namespace {

constexpr uint32_t kRows = static_cast<uint32_t>(Metric::kCount);

MetricsPage made_up_page() {
  MetricsPage page{};
  page.magic = kMetricsMagic;
  page.version = kMetricsVersion;
  page.count = kRows;
  for (uint32_t i = 0; i < kRows; ++i) page.value[i] = i + 1;
  return page;
}

Bytes bytes_of(const MetricsPage& page) { return std::as_bytes(std::span(&page, 1)); }

}  // namespace

Test(published_page, takes_a_whole_page) {
  const MetricsPage page = made_up_page();
  const auto snapshot = parse_page(bytes_of(page));
  cr_assert(snapshot);
  cr_assert_eq(snapshot->rows, kRows);
  cr_assert_eq(snapshot->page.value[kRows - 1], kRows);
}

Test(published_page, takes_the_smaller_number_of_rows) {
  MetricsPage page = made_up_page();
  page.count = 3;
  const auto older = parse_page(bytes_of(page));
  cr_assert(older && older->rows == 3 && older->page.value[3] == 0);
  page.count = kRows + 100;
  cr_assert_eq(parse_page(bytes_of(page))->rows, kRows);
}

Test(published_page, takes_no_row_that_was_cut_off) {
  const MetricsPage page = made_up_page();
  const auto cut = parse_page(bytes_of(page).first(offsetof(MetricsPage, value) + 2 * sizeof(uint64_t) + 3));
  cr_assert(cut && cut->rows == 2 && cut->page.value[2] == 0);
}

Test(published_page, refuses_another_magic_or_version) {
  MetricsPage page = made_up_page();
  page.version = kMetricsVersion + 1;
  cr_assert_not(parse_page(bytes_of(page)));
  page = made_up_page();
  page.magic = 0;
  cr_assert_not(parse_page(bytes_of(page)));
  cr_assert_not(parse_page(Bytes()));
}
