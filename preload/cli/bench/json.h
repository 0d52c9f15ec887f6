// preload/cli/bench/json.h: a report as JSON, for other programs and for the HTML page.
//
// Shape    {"schema": 1, "version", "command", "machine": {...}, "allocators": [...], "baseline", "rounds", "quick",
//          "suite", "notes": [...], "rows": [{"name", "group", "unit", "not_run", "entries": [...]}], "summaries":
//          [...], "verdict"}; bench/README.md tells the members of each. Seconds and bytes everywhere.
#pragma once
#include <nlohmann/json.hpp>

#include "preload/cli/bench/report.h"

namespace gamelan::cli::bench {

nlohmann::ordered_json to_json(const Report& report);

}  // namespace gamelan::cli::bench
