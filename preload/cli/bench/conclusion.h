// preload/cli/bench/conclusion.h: what the rows come to: geometric means and the one line that is the verdict.
//
// Pure     a report with its rows in, the rest of the report out.
// Counts   rows of the groups "program" and "real"; micro, start and idle rows are printed and stand for themselves.
#pragma once
#include "preload/cli/bench/report.h"

namespace gamelan::cli::bench {

// How often the allocator is far above the best of all others.
struct RowsAbove {
  int quarter = 0;  // more than 1.25 times the best other's time
  int half = 0;     // more than 1.5 times
};

bool is_counted(const Row& row);

// Of each allocator against the baseline, and of ours against each other one.
std::vector<Summary> summarize(const Report& report);

RowsAbove rows_above_best(const Report& report, const std::string& allocator);

// "gamelan against jemalloc: time 0.81 (0.79-0.84), less; peak RSS no difference"
std::string verdict_of(const Report& report);

// Our time, baseline = 1: the row's median or the suite's mean.  Nothing where ours or the baseline is void.
std::optional<double> overall_ratio(const Report& report);

}  // namespace gamelan::cli::bench
