#include "preload/cli/bench/markdown.h"

#include <fmt/format.h>

#include "preload/cli/bench/text.h"

namespace gamelan::cli::bench {
namespace {

// A '|' inside a cell would end it.
std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != text.npos; at += 2) text.insert(at, 1, '\\');
  return text;
}

std::string ratio(const std::optional<Comparison>& comparison) {
  if (!comparison) return "";
  const Spread& r = comparison->ratio;
  const bool is_same = comparison->finding == Finding::kNoDifference;
  return fmt::format("{:.2f} ({:.2f}-{:.2f}){}", r.median, r.min, r.max, is_same ? " =" : "");
}

std::string entry_cells(const Entry& entry, const Row& row) {
  if (entry.is_void()) return fmt::format(" void: {} | |", cell(entry.void_reason));
  const std::string figure =
      entry.figure_ratio ? ratio(entry.figure_ratio) : shown_figure(median(entry.figure), row.unit);
  return fmt::format(" {} | {} |", figure, ratio(entry.peak_ratio));
}

std::string baseline_cells(const Entry& entry, const Row& row) {
  if (entry.is_void()) return fmt::format(" void: {} | |", cell(entry.void_reason));
  const std::string peak = row.has_peak ? fmt::format("{:.1f} MiB", median(entry.peak_bytes) / (1 << 20)) : "";
  return fmt::format(" {} | {} |", shown_figure(median(entry.figure), row.unit), peak);
}

std::string table_head(const Report& report) {
  std::string names = fmt::format("| row | {} | peak |", cell(report.baseline)), rule = "| --- | --- | --- |";
  for (const Contender& contender : report.contenders) {
    if (contender.name == report.baseline) continue;
    names += fmt::format(" {} | peak |", cell(contender.name));
    rule += " --- | --- |";
  }
  return names + "\n" + rule + "\n";
}

std::string table_row(const Report& report, const Row& row) {
  std::string line = fmt::format("| {} |", cell(row.name));
  if (!row.not_run.empty()) return fmt::format("{} not run: {} |\n", line, cell(row.not_run));
  line += baseline_cells(*find_entry(row, report.baseline), row);
  for (const Entry& entry : row.entries)
    if (entry.allocator != report.baseline) line += entry_cells(entry, row);
  return line + "\n";
}

std::string summary_table(const Report& report) {
  if (report.summaries.empty()) return {};
  std::string table = "\n| geometric means | time | peak RSS | rows |\n| --- | --- | --- | --- |\n";
  for (const Summary& s : report.summaries)
    table += fmt::format("| {} against {} | {:.3f} | {:.3f} | {} |\n", cell(s.allocator), cell(s.against), s.time,
                         s.peak, s.rows);
  return table;
}

}  // namespace

std::string to_markdown(const Report& report) {
  std::string text = fmt::format("**{}**\n\n`{}`, {} rounds, on {}.\n\n", report.verdict, report.command, report.rounds,
                                 described(report.machine));
  for (const Contender& contender : report.contenders)
    text += fmt::format("- {}: {}\n", contender.name, contender.version);
  for (const std::string& note : report.notes) text += fmt::format("- {}\n", note);
  text += fmt::format("\nRatios to {}: median (min-max) of the rounds; \"=\" is no difference.\n\n", report.baseline);
  text += table_head(report);
  for (const Row& row : report.rows) text += table_row(report, row);
  return text + summary_table(report);
}

}  // namespace gamelan::cli::bench
