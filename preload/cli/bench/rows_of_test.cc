#include "preload/cli/bench/rows_of.h"

#include <criterion/criterion.h>

using namespace gamelan::cli::bench;

namespace {

const std::vector<Contender> kTwo = {{"gamelan", "", {}, "", true}, {"jemalloc"}};
constexpr size_t kBaseline = 1;

Measurement run(double wall, uint64_t digest = 7, std::string failure = "") {
  Measurement seen;
  seen.wall = wall;
  seen.peak_bytes = 1 << 20;
  seen.output_digest = digest;
  seen.failure = std::move(failure);
  return seen;
}

Row only_row(const Measurements& seen, bool is_output_compared = true) {
  Job job;
  job.is_output_compared = is_output_compared;
  const auto rows = rows_of({"x", "program"}, job, kTwo, kBaseline, seen);
  cr_assert_eq(rows.size(), 1);
  return rows[0];
}

}  // namespace

Test(rows_of, ratios_are_taken_round_by_round) {
  const Row row = only_row({{run(1), run(3), run(2)}, {run(2), run(2), run(2)}});
  const Spread& ratio = row.entries[0].figure_ratio->ratio;
  cr_assert(ratio.min == 0.5 && ratio.median == 1 && ratio.max == 1.5);
}

Test(rows_of, a_failing_run_voids_its_entry_only) {
  const Row row = only_row({{run(1), run(1, 7, "was killed by SIGSEGV")}, {run(1), run(1)}});
  cr_assert(row.entries[0].void_reason == "was killed by SIGSEGV" && row.entries[0].figure.empty());
  cr_assert(!row.entries[1].is_void() && !row.entries[0].figure_ratio);
}

Test(rows_of, a_failing_baseline_leaves_no_ratios) {
  const Row row = only_row({{run(1)}, {run(1, 7, "ended with exit code 1")}});
  cr_assert(!row.entries[0].is_void() && !row.entries[0].figure_ratio && row.entries[1].is_void());
}

Test(rows_of, an_output_of_its_own_voids_an_entry) {
  const Row row = only_row({{run(1, 8)}, {run(1, 7)}});
  cr_assert(row.entries[0].void_reason == "output differs from jemalloc's");
  cr_assert_not(row.entries[1].is_void());
  cr_assert_not(only_row({{run(1, 8)}, {run(1, 7)}}, false).entries[0].is_void());
}

Test(rows_of, an_output_that_changes_from_run_to_run_voids_everybody) {
  const Row row = only_row({{run(1, 1), run(1, 2)}, {run(1, 3), run(1, 4)}});
  for (const Entry& entry : row.entries) cr_assert(entry.void_reason.starts_with("output differs from run to run"));
}

Test(rows_of, figures_become_rows) {
  Measurement ours = run(1), theirs = run(1);
  ours.figures = {{"16", 4, "ns"}, {"64", 5, "ns"}};
  theirs.figures = {{"16", 8, "ns"}};
  const auto rows = rows_of({"pair", "micro", true}, {}, kTwo, kBaseline, {{ours}, {theirs}});
  cr_assert_eq(rows.size(), 2);
  cr_assert(rows[0].name == "pair/16" && rows[0].unit == "ns" && rows[0].entries[0].figure_ratio->ratio.median == 0.5);
  cr_assert(rows[1].entries[1].void_reason == "gave no figure 64");
}

Test(rows_of, a_program_without_figures_is_still_a_row) {
  const auto rows =
      rows_of({"pair", "micro", true}, {}, kTwo, kBaseline, {{run(1, 7, "broken")}, {run(1, 7, "broken")}});
  cr_assert(rows.size() == 1 && rows[0].entries[0].void_reason == "broken");
}
