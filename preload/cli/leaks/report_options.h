// preload/cli/leaks/report_options.h: what `leaks` and `check` share: how findings are told, and where.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "preload/cli/command_line.h"
#include "preload/cli/leaks/findings.h"
#include "preload/cli/leaks/suppressions.h"

namespace gamelan::cli {

struct ReportOptions {
  std::string format = "text", suppressions, output;
  int exit_code = 23;
};

void declare(CLI::App& app, ReportOptions& options);
Result<std::vector<Suppression>> read_suppressions(const ReportOptions& options);
// Names and lines are found, known leaks held back, the rest is told. Returns the blocks that are left, or why nothing could be written.
Result<uint64_t> tell(const ReportOptions& options, std::vector<ProcessFindings> findings, std::vector<Suppression> rules);

}  // namespace gamelan::cli
