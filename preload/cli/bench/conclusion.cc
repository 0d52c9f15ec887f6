#include "preload/cli/bench/conclusion.h"

#include <fmt/format.h>

#include <algorithm>

namespace gamelan::cli::bench {
namespace {

double ratio_of_medians(const Series& a, const Series& b) { return spread_of(ratios_of(a, b)).median; }

Summary summary_of(const Report& report, const std::string& allocator, const std::string& against) {
  Series time, peak;
  for (const Row& row : report.rows) {
    const Entry* entry = find_entry(row, allocator);
    const Entry* other = find_entry(row, against);
    if (!is_counted(row) || !entry || !other || entry->is_void() || other->is_void()) continue;
    time.push_back(ratio_of_medians(entry->figure, other->figure));
    peak.push_back(ratio_of_medians(entry->peak_bytes, other->peak_bytes));
  }
  return {allocator, against, geometric_mean(time), geometric_mean(peak), static_cast<int>(time.size())};
}

// The least median among those that are not ours; nothing when none counts.
std::optional<double> best_other(const Report& report, const Row& row) {
  std::optional<double> best;
  for (const Contender& contender : report.contenders) {
    const Entry* entry = find_entry(row, contender.name);
    if (contender.is_ours || !entry || entry->is_void()) continue;
    best = std::min(best.value_or(median(entry->figure)), median(entry->figure));
  }
  return best;
}

std::string said(const Comparison& comparison) {
  if (comparison.finding == Finding::kNoDifference) return "no difference";
  const Spread& ratio = comparison.ratio;
  return fmt::format("{:.2f} ({:.2f}-{:.2f}), {}", ratio.median, ratio.min, ratio.max, name_of(comparison.finding));
}

std::string verdict_of_row(const Row& row, const std::string& ours, const std::string& baseline) {
  const Entry& entry = *find_entry(row, ours);
  const Entry& base = *find_entry(row, baseline);
  if (base.is_void()) return fmt::format("void: {}: {}", baseline, base.void_reason);
  if (entry.is_void()) return fmt::format("void: {}: {}", ours, entry.void_reason);
  const Comparison &time = *entry.figure_ratio, &peak = *entry.peak_ratio;
  const bool is_same = time.finding == Finding::kNoDifference && peak.finding == Finding::kNoDifference;
  const std::string found = is_same ? "no difference" : fmt::format("time {}; peak RSS {}", said(time), said(peak));
  return fmt::format("{} against {}: {}", ours, baseline, found);
}

int void_rows(const Report& report, const std::string& allocator) {
  return static_cast<int>(std::count_if(report.rows.begin(), report.rows.end(), [&](const Row& row) {
    const Entry* entry = find_entry(row, allocator);
    return entry && entry->is_void();
  }));
}

std::string verdict_of_suite(const Report& report, const std::string& ours) {
  const Summary all = summary_of(report, ours, report.baseline);
  if (all.rows == 0) return fmt::format("none of these {} rows counts for a mean", report.rows.size());
  const RowsAbove above = rows_above_best(report, ours);
  const int voids = void_rows(report, ours);
  return fmt::format(
      "{} against {}: time {:.2f}, peak RSS {:.2f} (geometric means of {} rows); {} above 1.25 of the best "
      "other, {} above 1.5; {} void",
      ours, report.baseline, all.time, all.peak, all.rows, above.quarter, above.half, voids);
}

}  // namespace

bool is_counted(const Row& row) { return row.group == "program" || row.group == "real"; }

std::vector<Summary> summarize(const Report& report) {
  std::vector<Summary> summaries;
  for (const Contender& contender : report.contenders)
    if (contender.name != report.baseline) summaries.push_back(summary_of(report, contender.name, report.baseline));
  const Contender* ours = ours_in(report);
  for (const Contender& other : report.contenders)
    if (ours && !other.is_ours && other.name != report.baseline)
      summaries.push_back(summary_of(report, ours->name, other.name));
  std::erase_if(summaries, [](const Summary& summary) { return summary.rows == 0; });
  return summaries;
}

RowsAbove rows_above_best(const Report& report, const std::string& allocator) {
  RowsAbove above;
  for (const Row& row : report.rows) {
    const Entry* entry = find_entry(row, allocator);
    const auto best = best_other(report, row);
    if (!is_counted(row) || !entry || entry->is_void() || !best) continue;
    above.quarter += median(entry->figure) > 1.25 * *best;
    above.half += median(entry->figure) > 1.5 * *best;
  }
  return above;
}

std::string verdict_of(const Report& report) {
  const Contender* ours = ours_in(report);
  if (!ours || report.rows.empty()) return "nothing was run";
  return report.is_suite ? verdict_of_suite(report, ours->name)
                         : verdict_of_row(report.rows[0], ours->name, report.baseline);
}

std::optional<double> overall_ratio(const Report& report) {
  const Contender* ours = ours_in(report);
  if (!ours || report.rows.empty()) return std::nullopt;
  if (!report.is_suite) {
    const Entry& entry = *find_entry(report.rows[0], ours->name);
    return entry.figure_ratio ? std::optional(entry.figure_ratio->ratio.median) : std::nullopt;
  }
  const Summary all = summary_of(report, ours->name, report.baseline);
  return all.rows > 0 ? std::optional(all.time) : std::nullopt;
}

}  // namespace gamelan::cli::bench
