#include "preload/cli/bench/html.h"

#include <fmt/format.h>
#include <unistd.h>

#include "preload/cli/bench/bench_folder.h"
#include "preload/cli/bench/json.h"
#include "preload/cli/bench/tool.h"

namespace gamelan::cli::bench {
namespace {

std::string python() { return access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : "python3"; }

}  // namespace

std::optional<Failure> why_no_page() {
  if (const auto folder = find_bench_folder(); !folder) return folder.failure();
  const std::string question = "import importlib.util as u; raise SystemExit(not u.find_spec('matplotlib'))";
  if (run_tool({python(), "-c", question}).is_success()) return std::nullopt;
  return Failure{kExitOurFailure, "bench: --html needs matplotlib: apt-get install python3-matplotlib"};
}

Result<std::string> to_html(const Report& report) {
  const auto folder = find_bench_folder();
  if (!folder) return folder.failure();
  // a program's words may be no UTF-8
  const std::string json = to_json(report).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  const ToolRun page = run_tool({python(), *folder + "/page.py"}, json);
  if (page.is_success()) return page.output;
  const std::string said = page.errors.substr(0, page.errors.find_last_not_of('\n') + 1);
  return Failure{kExitOurFailure, fmt::format("bench: page.py failed: {}", said.substr(said.rfind('\n') + 1))};
}

}  // namespace gamelan::cli::bench
