// preload/cli/bench/rows_of.h: from the measurements of a job to rows: what is void, how the rest compares.
//
// Pure     no program is run here.
// Void     an entry whose run failed, or whose output differs from the baseline's, or from run to run; it keeps no
//          figures.
#pragma once
#include "preload/cli/bench/job.h"
#include "preload/cli/bench/report.h"
#include "preload/cli/bench/rounds.h"

namespace gamelan::cli::bench {

struct RowHead {
  std::string name;
  std::string group;
  bool has_figures = false;  // the program measures itself: a row per figure instead of one of wall time
};

// At least one row.
std::vector<Row> rows_of(const RowHead& head, const Job& job, const std::vector<Contender>& contenders, size_t baseline,
                         const Measurements& seen);

}  // namespace gamelan::cli::bench
