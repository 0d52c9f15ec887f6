// preload/cli/bench/markdown.h: a report as Markdown, for a results file or an issue.
#pragma once
#include <string>

#include "preload/cli/bench/report.h"

namespace gamelan::cli::bench {

std::string to_markdown(const Report& report);

}  // namespace gamelan::cli::bench
