#include "preload/cli/leaks/report_options.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "preload/cli/leaks/print.h"
#include "preload/cli/leaks/symbols.h"

namespace gamelan::cli {
namespace {

std::string text_of(const ReportOptions& options, const std::vector<ProcessFindings>& findings, const std::vector<Suppression>& rules) {
  if (options.format == "json") return leaks_as_json(findings, rules);
  if (options.format == "sarif") return leaks_as_sarif(findings);
  return leaks_as_text(findings, rules);
}

bool write(const ReportOptions& options, const std::string& text) {
  if (options.output.empty()) return std::fwrite(text.data(), 1, text.size(), options.format == "text" ? stderr : stdout) == text.size();
  std::ofstream file(options.output, std::ios::binary);
  file << text;
  file.flush();
  return static_cast<bool>(file);
}

}  // namespace

void declare(CLI::App& app, ReportOptions& options) {
  app.add_option("--format", options.format, "text, json or sarif")->type_name("FORMAT")->check(one_of({"text", "json", "sarif"}));
  app.add_option("--suppressions", options.suppressions, "leaks that are known: lines leak:PATTERN, as for LeakSanitizer")->type_name("FILE");
  app.add_option("--output", options.output, "write the report to FILE instead of stderr (stdout for json and sarif)")->type_name("FILE");
  app.add_option("--exit-code", options.exit_code, "the exit code where there are leaks and nothing else is the matter")
      ->type_name("N")
      ->check(CLI::Range(0, 255));
}

Result<std::vector<Suppression>> read_suppressions(const ReportOptions& options) {
  if (options.suppressions.empty()) return std::vector<Suppression>{};
  std::ifstream file(options.suppressions, std::ios::binary);
  if (!file) return Failure{kExitUsage, fmt::format("option --suppressions={}: cannot be read", options.suppressions)};
  std::ostringstream text;
  text << file.rdbuf();
  return parse_suppressions(text.str(), options.suppressions);
}

Result<uint64_t> tell(const ReportOptions& options, std::vector<ProcessFindings> findings, std::vector<Suppression> rules) {
  resolve_all(findings);
  suppress(findings, rules);
  if (!write(options, text_of(options, findings, rules))) return Failure{kExitOurFailure, fmt::format("option --output={}: cannot be written", options.output)};
  return count_leaks(findings);
}

}  // namespace gamelan::cli
