// preload/cli/bench/options.h: the options of `gamelan bench`, as CLI11 fills them in.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "preload/cli/command_line.h"

namespace gamelan::cli::bench {

inline constexpr int kRounds = 10, kQuickRounds = 3;  // of the user's command

struct BenchOptions {
  std::vector<std::string> against;
  std::string threads, json, markdown, html, ready, load, rows;
  int runs = 0;  // 0: not said
  double fail_above = 0, timeout = 0;
  bool is_quick = false, is_suite = false, is_output_ignored = false;
};

void declare(CLI::App& app, BenchOptions& options);

// What of the options and the PROGRAM behind them cannot go together.
std::optional<std::string> contradiction(const BenchOptions& options, const Words& program);

}  // namespace gamelan::cli::bench
