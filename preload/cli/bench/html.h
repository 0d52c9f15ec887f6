// preload/cli/bench/html.h: a report as one HTML file with its plots inside.
//
// Way      bench/page.py makes it from the JSON, with matplotlib: Debian's python3 first, since its matplotlib belongs
// to it. Blocks   for python3, a second or two.
#pragma once
#include <optional>
#include <string>

#include "preload/cli/bench/report.h"
#include "preload/cli/result.h"

namespace gamelan::cli::bench {

// What is missing for a page, before anything is measured.
std::optional<Failure> why_no_page();

Result<std::string> to_html(const Report& report);

}  // namespace gamelan::cli::bench
