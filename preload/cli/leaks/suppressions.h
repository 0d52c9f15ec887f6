// preload/cli/leaks/suppressions.h: leaks that are known and not to be reported.
//
// A rule   leak:PATTERN, as LeakSanitizer reads it: it holds for a leak in whose stack a function, source file or module contains
//          PATTERN. * stands for anything; ^ in front and $ behind tie it to the beginning and the end. # begins a comment.
// Errors   a line that is none of these is told, and the file refused.
// Source   clang.llvm.org/docs/AddressSanitizer.html, "Suppressing memory leaks".
#pragma once
#include <string>
#include <vector>

#include "preload/cli/leaks/findings.h"
#include "preload/cli/result.h"

namespace gamelan::cli {

struct Suppression {
  std::string pattern;
  uint64_t leaks = 0, bytes = 0, blocks = 0;  // that it held back
};

Result<std::vector<Suppression>> parse_suppressions(const std::string& text, const std::string& file);
bool matches(std::string_view pattern, std::string_view text);
// Notes in each leak the first rule that holds for it.
void suppress(std::vector<ProcessFindings>& findings, std::vector<Suppression>& rules);

}  // namespace gamelan::cli
