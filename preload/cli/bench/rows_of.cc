#include "preload/cli/bench/rows_of.h"

#include <fmt/format.h>

#include <algorithm>

namespace gamelan::cli::bench {
namespace {

using Runs = std::vector<Measurement>;

bool is_output_steady(const Runs& runs) {
  return std::all_of(runs.begin(), runs.end(),
                     [&](const Measurement& run) { return run.output_digest == runs[0].output_digest; });
}

std::string why_failed(const Runs& runs) { return runs.empty() ? "was not run" : runs.back().failure; }

std::string why_output_is_wrong(const Runs& runs, const Runs& baseline, const std::string& baseline_name) {
  if (!is_output_steady(runs)) return "output differs from run to run (--ignore-output compares without it)";
  if (!why_failed(baseline).empty() || !is_output_steady(baseline)) return "";
  if (runs[0].output_digest != baseline[0].output_digest) return fmt::format("output differs from {}'s", baseline_name);
  return "";
}

template <class Get>
Series series_of(const Runs& runs, Get get) {
  Series series;
  for (const Measurement& run : runs) series.push_back(static_cast<double>(get(run)));
  return series;
}

void fill_in(Entry& entry, const Runs& runs) {
  entry.figure = series_of(runs, [](const Measurement& m) { return m.wall; });
  entry.user = series_of(runs, [](const Measurement& m) { return m.user; });
  entry.sys = series_of(runs, [](const Measurement& m) { return m.sys; });
  entry.peak_bytes = series_of(runs, [](const Measurement& m) { return m.peak_bytes; });
  entry.faults = series_of(runs, [](const Measurement& m) { return m.faults; });
  entry.curve = runs[0].curve.samples();
}

void fill_in_figure(Entry& entry, const Runs& runs, const std::string& name) {
  for (const Measurement& run : runs) {
    const auto figure =
        std::find_if(run.figures.begin(), run.figures.end(), [&](const Figure& f) { return f.name == name; });
    if (figure != run.figures.end()) entry.figure.push_back(figure->value);
  }
  if (entry.figure.size() != runs.size()) entry.void_reason = fmt::format("gave no figure {}", name);
}

void compare_with(Row& row, size_t baseline) {
  const Entry& base = row.entries[baseline];
  if (base.is_void()) return;
  for (Entry& entry : row.entries) {
    if (entry.is_void()) continue;
    entry.figure_ratio = compare(entry.figure, base.figure);
    if (row.has_peak) entry.peak_ratio = compare(entry.peak_bytes, base.peak_bytes);
  }
}

// A row without figures yet: who takes part, and who is void.
Row judged(const RowHead& head, const Job& job, const std::vector<Contender>& contenders, size_t baseline,
           const Measurements& seen) {
  Row row;
  row.name = head.name;
  row.group = head.group;
  for (size_t i = 0; i < contenders.size(); ++i) {
    Entry entry;
    entry.allocator = contenders[i].name;
    entry.void_reason = why_failed(seen[i]);
    if (!entry.is_void() && job.is_output_compared)
      entry.void_reason = why_output_is_wrong(seen[i], seen[baseline], contenders[baseline].name);
    row.entries.push_back(entry);
  }
  return row;
}

// The figures that any run gave, each once.
std::vector<Figure> all_figures(const Measurements& seen) {
  std::vector<Figure> figures;
  for (const Runs& runs : seen)
    for (const Measurement& run : runs)
      for (const Figure& figure : run.figures)
        if (std::none_of(figures.begin(), figures.end(), [&](const Figure& f) { return f.name == figure.name; }))
          figures.push_back(figure);
  return figures;
}

Row row_of_figure(Row row, const Figure& figure, size_t baseline, const Measurements& seen) {
  row.name.append("/").append(figure.name);
  row.unit = figure.unit;
  row.has_peak = false;
  for (size_t i = 0; i < row.entries.size(); ++i)
    if (!row.entries[i].is_void()) fill_in_figure(row.entries[i], seen[i], figure.name);
  compare_with(row, baseline);
  return row;
}

Row row_of_time(Row row, size_t baseline, const Measurements& seen) {
  for (size_t i = 0; i < row.entries.size(); ++i)
    if (!row.entries[i].is_void()) fill_in(row.entries[i], seen[i]);
  compare_with(row, baseline);
  return row;
}

}  // namespace

std::vector<Row> rows_of(const RowHead& head, const Job& job, const std::vector<Contender>& contenders, size_t baseline,
                         const Measurements& seen) {
  const Row row = judged(head, job, contenders, baseline, seen);
  if (!head.has_figures) return {row_of_time(row, baseline, seen)};
  std::vector<Row> rows;
  for (const Figure& figure : all_figures(seen)) rows.push_back(row_of_figure(row, figure, baseline, seen));
  return rows.empty() ? std::vector<Row>{row} : rows;
}

}  // namespace gamelan::cli::bench
