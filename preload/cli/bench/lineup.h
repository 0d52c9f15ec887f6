// preload/cli/bench/lineup.h: who takes part: ours first, then the peers; one of those is the baseline.
#pragma once
#include <optional>

#include "preload/cli/bench/options.h"
#include "preload/cli/bench/report.h"
#include "preload/cli/result.h"

namespace gamelan::cli::bench {

// Fills in the report's contenders, baseline, and notes on peers that are not installed.
std::optional<Failure> line_up(Report& report, const BenchOptions& options);

}  // namespace gamelan::cli::bench
