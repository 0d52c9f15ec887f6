// preload/cli/leaks/print.h: findings as text, JSON and SARIF.
#pragma once
#include <string>
#include <vector>

#include "preload/cli/leaks/findings.h"
#include "preload/cli/leaks/suppressions.h"

namespace gamelan::cli {

std::string leaks_as_text(const std::vector<ProcessFindings>& findings, const std::vector<Suppression>& rules);
// bench of its form: leaks.schema.json.
std::string leaks_as_json(const std::vector<ProcessFindings>& findings, const std::vector<Suppression>& rules);
// SARIF 2.1.0: one result per group that is not suppressed; those that are carry a suppression.
std::string leaks_as_sarif(const std::vector<ProcessFindings>& findings);
// Blocks that no rule held back.
uint64_t count_leaks(const std::vector<ProcessFindings>& findings);

}  // namespace gamelan::cli
