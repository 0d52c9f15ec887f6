#include "preload/cli/bench/conclusion.h"

#include <criterion/criterion.h>

#include <cmath>

using namespace gamelan::cli::bench;

namespace {

Entry entry(std::string allocator, double time, double peak, double baseline_time) {
  Entry made{std::move(allocator), ""};
  made.figure = Series(10, time);
  made.peak_bytes = Series(10, peak);
  made.figure_ratio = compare(made.figure, Series(10, baseline_time));
  made.peak_ratio = compare(made.peak_bytes, Series(10, 1));
  return made;
}

Row row(std::string name, std::string group, double ours, double jemalloc, double glibc) {
  Row made{std::move(name), std::move(group), "s"};
  made.entries = {entry("gamelan", ours, 1, jemalloc), entry("jemalloc", jemalloc, 1, jemalloc),
                  entry("glibc", glibc, 1, jemalloc)};
  return made;
}

Report suite(std::vector<Row> rows) {
  Report report;
  report.contenders = {{"gamelan", "", {}, "", true}, {"jemalloc"}, {"glibc"}};
  report.baseline = "jemalloc";
  report.is_suite = true;
  report.rows = std::move(rows);
  return report;
}

}  // namespace

Test(conclusion, means_are_geometric_and_against_everybody) {
  const auto summaries = summarize(suite({row("a", "program", 1, 2, 1), row("b", "real", 2, 1, 4)}));
  cr_assert_eq(summaries.size(), 3);
  cr_assert(summaries[0].allocator == "gamelan" && std::abs(summaries[0].time - 1) < 1e-9 && summaries[0].rows == 2);
  cr_assert(summaries[2].against == "glibc" && std::abs(summaries[2].time - std::sqrt(0.5)) < 1e-9);
}

Test(conclusion, micro_rows_do_not_count) {
  const Report report = suite({row("a", "program", 1, 2, 2), row("m", "micro", 9, 1, 1)});
  cr_assert(std::abs(*overall_ratio(report) - 0.5) < 1e-9);
  cr_assert_eq(rows_above_best(report, "gamelan").half, 0);
}

Test(conclusion, a_suite_without_programs_has_no_mean) {
  const Report report = suite({row("m", "micro", 9, 1, 1)});
  cr_assert(summarize(report).empty() && !overall_ratio(report).has_value());
  cr_assert(verdict_of(report) == "none of these 1 rows counts for a mean");
}

Test(conclusion, rows_above_the_best_other_are_counted) {
  const Report report =
      suite({row("a", "program", 1.3, 1, 2), row("b", "program", 1.6, 2, 1), row("c", "real", 1.2, 1, 1)});
  const RowsAbove above = rows_above_best(report, "gamelan");
  cr_assert(above.quarter == 2 && above.half == 1);
}

Test(conclusion, a_void_row_is_left_out_and_told) {
  Report report = suite({row("a", "program", 1, 2, 2), row("b", "program", 1, 1, 1)});
  report.rows[1].entries[0].void_reason = "was killed by SIGSEGV";
  cr_assert_eq(summarize(report)[0].rows, 1);
  cr_assert(verdict_of(report).ends_with("1 void"));
}

Test(conclusion, the_verdict_of_a_command_is_one_line) {
  Report report = suite({row("command", "command", 0.8, 1, 1)});
  report.is_suite = false;
  cr_assert(verdict_of(report) == "gamelan against jemalloc: time 0.80 (0.80-0.80), less; peak RSS no difference");
  report.rows = {row("command", "command", 1, 1, 1)};
  cr_assert(verdict_of(report) == "gamelan against jemalloc: no difference");
  report.rows[0].entries[0].void_reason = "output differs from jemalloc's";
  cr_assert(verdict_of(report) == "void: gamelan: output differs from jemalloc's");
}
