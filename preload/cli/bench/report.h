// preload/cli/bench/report.h: everything that a comparison has found, as the printers take it.
//
// Owns     its numbers.  One shape for the user's command (one row) and the suite (many).
// Printers `print_text`, `to_json`, `to_markdown`, and the HTML page, which is made from the JSON.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "preload/cli/bench/comparison.h"
#include "preload/cli/bench/contender.h"
#include "preload/cli/bench/machine.h"
#include "preload/cli/bench/rss_curve.h"

namespace gamelan::cli::bench {

// One allocator in one row.
struct Entry {
  std::string allocator;
  std::string void_reason;  // why it does not count; empty when it does
  Series figure;            // what the row is about: seconds by the wall clock, or what the program measured itself
  Series user, sys;         // seconds
  Series peak_bytes;
  Series faults;
  std::vector<RssCurve::Sample> curve;                 // of the first round
  std::optional<Comparison> figure_ratio, peak_ratio;  // to the baseline; nothing where either is void

  bool is_void() const { return !void_reason.empty(); }
};

struct Row {
  std::string name;            // "larson-8", "micro-pair/64"
  std::string group;           // "program", "real", "micro", "start", "idle"; "command" for the user's own
  std::string unit = "s";      // of the figure: "s", "ns", "us", "faults", "KiB"
  bool has_peak = true;        // a figure out of many that one process gave has no peak of its own
  std::string not_run;         // why there is nothing; empty when it was run
  std::vector<Entry> entries;  // in the order of the contenders
};

// Geometric means of the rows' median ratios, over rows of programs where both count.
struct Summary {
  std::string allocator, against;
  double time = 1;
  double peak = 1;
  int rows = 0;
};

struct Report {
  std::string version;  // ours
  std::string command;  // that repeats it
  Machine machine;
  std::vector<Contender> contenders;
  std::string baseline;  // a contender's name
  int rounds = 0;
  bool is_quick = false;
  bool is_suite = false;
  std::vector<std::string> notes;  // "mimalloc is not installed: apt-get install ..."
  std::vector<Row> rows;
  std::vector<Summary> summaries;
  std::string verdict;
};

const Entry* find_entry(const Row& row, std::string_view allocator);

// The first of ours: what the verdict is about.
const Contender* ours_in(const Report& report);

}  // namespace gamelan::cli::bench
