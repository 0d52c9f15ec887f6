// preload/cli/bench/plan.h: what is compared, and the two ways to do it: the user's command, and the suite.
#pragma once
#include <string>
#include <vector>

#include "preload/cli/bench/job.h"
#include "preload/cli/bench/report.h"
#include "preload/cli/bench/suite.h"
#include "preload/cli/result.h"

namespace gamelan::cli::bench {

// Both fill in the rows of a report that has its contenders, baseline and rounds, print what they find as they go, and
// fail only where nothing can be said: interrupted, no scratch folder.
// Returns  the exit code of the failure that ended it early, or 0.
int run_command_plan(Report& report, const Job& job);
int run_suite_plan(Report& report, const Suite& suite, const Places& places);

}  // namespace gamelan::cli::bench
