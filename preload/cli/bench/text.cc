#include "preload/cli/bench/text.h"

#include <fmt/format.h>

#include <cmath>

namespace gamelan::cli::bench {
namespace {

constexpr int kNameWidth = 26, kBaselineWidth = 20, kRatioWidth = 14;

double mebibytes(double bytes) { return bytes / (1 << 20); }

bool can_tell(const Report& report) { return static_cast<size_t>(report.rounds) >= kFewestRounds; }

// "0.81" or, where that is no difference, "0.99="
std::string mark(const std::optional<Comparison>& comparison, const Report& report) {
  if (!comparison) return "-";
  const bool is_same = can_tell(report) && comparison->finding == Finding::kNoDifference;
  return fmt::format("{:.2f}{}", comparison->ratio.median, is_same ? "=" : " ");
}

std::string short_name(const std::string& name, size_t width) {
  return name.size() <= width ? name : name.substr(0, width - 2) + "..";
}

std::string baseline_cell(const Entry& entry, const Row& row) {
  if (entry.is_void()) return "void";
  const std::string figure = shown_figure(median(entry.figure), row.unit);
  return row.has_peak ? fmt::format("{} {:.1f}M", figure, mebibytes(median(entry.peak_bytes))) : figure;
}

std::string ratio_cell(const Entry& entry, const Row& row, const Report& report) {
  if (entry.is_void()) return "void";
  if (!entry.figure_ratio) return shown_figure(median(entry.figure), row.unit);
  const std::string figure = mark(entry.figure_ratio, report);
  return row.has_peak ? fmt::format("{} {}", figure, mark(entry.peak_ratio, report)) : figure;
}

std::string in_words(const std::optional<Comparison>& comparison) {
  if (!comparison) return "-";
  const Spread& ratio = comparison->ratio;
  return fmt::format("{:.3f} ({:.3f}-{:.3f}) {}", ratio.median, ratio.min, ratio.max, name_of(comparison->finding));
}

void print_command_entry(const Entry& entry, bool is_baseline) {
  if (entry.is_void()) {
    fmt::print("{:<20} void: {}\n", short_name(entry.allocator, 20), entry.void_reason);
    return;
  }
  fmt::print("{:<20} {:>8.3f} {:>8.3f} {:>8.3f} {:>9.1f} {:>9.0f}   {:<38} {}\n", short_name(entry.allocator, 20),
             median(entry.figure), median(entry.user), median(entry.sys), mebibytes(median(entry.peak_bytes)),
             median(entry.faults), is_baseline ? "1" : in_words(entry.figure_ratio),
             is_baseline ? "1" : in_words(entry.peak_ratio));
}

void print_void_reasons(const Row& row) {
  for (const Entry& entry : row.entries)
    if (entry.is_void()) fmt::print("  void: {}: {}\n", entry.allocator, entry.void_reason);
}

void print_summary(const Summary& summary) {
  fmt::print("  {:<44} time {:.3f}   peak RSS {:.3f}   ({} rows)\n",
             fmt::format("{} against {}", summary.allocator, summary.against), summary.time, summary.peak,
             summary.rows);
}

}  // namespace

std::string shown_figure(double value, const std::string& unit) {
  if (value >= 1000 || value == std::floor(value)) return fmt::format("{:.0f} {}", value, unit);
  return fmt::format("{:.3g} {}", value, unit);
}

void print_head(const Report& report) {
  fmt::print("machine    {}\n", described(report.machine));
  if (report.machine.is_busy()) fmt::print("           others load this machine: the figures will scatter\n");
  for (const Contender& contender : report.contenders)
    fmt::print("allocator  {}: {}\n", contender.name, contender.version);
  for (const std::string& note : report.notes) fmt::print("note       {}\n", note);
  fmt::print("repeat by  {}\n", report.command);
  fmt::print("rounds     {}; ratios are to {}\n\n", report.rounds, report.baseline);
}

void print_suite_columns(const Report& report) {
  fmt::print("time and peak RSS of {}, then ratios to it of both; {}\n", report.baseline,
             can_tell(report) ? "\"=\" is no difference" : "too few rounds to tell differences");
  fmt::print("{:<{}}{:<{}}", "row", kNameWidth, report.baseline, kBaselineWidth);
  for (const Contender& contender : report.contenders)
    if (contender.name != report.baseline)
      fmt::print("{:<{}}", short_name(contender.name, kRatioWidth - 1), kRatioWidth);
  fmt::print("\n");
}

void print_suite_row(const Report& report, const Row& row) {
  fmt::print("{:<{}}", short_name(row.name, kNameWidth - 1), kNameWidth);
  if (!row.not_run.empty()) {
    fmt::print("not run: {}\n", row.not_run);
    return;
  }
  if (const Entry* base = find_entry(row, report.baseline))
    fmt::print("{:<{}}", baseline_cell(*base, row), kBaselineWidth);
  for (const Entry& entry : row.entries)
    if (entry.allocator != report.baseline) fmt::print("{:<{}}", ratio_cell(entry, row, report), kRatioWidth);
  fmt::print("\n");
  print_void_reasons(row);
}

void print_command_table(const Report& report) {
  fmt::print("{:<20} {:>8} {:>8} {:>8} {:>9} {:>9}   {:<38} {}\n", "allocator", "wall s", "user s", "sys s", "peak MiB",
             "faults", "time: median (min-max)", "peak RSS");
  for (const Entry& entry : report.rows[0].entries) print_command_entry(entry, entry.allocator == report.baseline);
}

void print_tail(const Report& report) {
  if (!report.summaries.empty()) {
    fmt::print("\ngeometric means over our programs and the real ones:\n");
    for (const Summary& summary : report.summaries) print_summary(summary);
  }
  fmt::print("\nverdict: {}\n", report.verdict);
}

}  // namespace gamelan::cli::bench
