#include "preload/cli/leaks/suppressions.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace gamelan::cli {
namespace {

// `text` begins with what `pattern` stands for; with `to_end` it also ends there.
bool fits(std::string_view pattern, std::string_view text, bool to_end) {
  const size_t star = pattern.find('*');
  const std::string_view fixed = pattern.substr(0, star);
  if (!text.starts_with(fixed)) return false;
  text.remove_prefix(fixed.size());
  if (star == pattern.npos) return !to_end || text.empty();
  const std::string_view rest = pattern.substr(star + 1);
  for (size_t at = 0; at <= text.size(); ++at)
    if (fits(rest, text.substr(at), to_end)) return true;
  return false;
}

bool holds_for(const std::string& pattern, const Leak& leak) {
  return std::ranges::any_of(leak.frames, [&](const Frame& f) {
    return matches(pattern, f.function) || matches(pattern, f.file) || matches(pattern, f.module);
  });
}

}  // namespace

bool matches(std::string_view pattern, std::string_view text) {
  if (text.empty()) return false;
  const bool from_start = pattern.starts_with('^'), to_end = pattern.ends_with('$');
  if (from_start) pattern.remove_prefix(1);
  if (to_end) pattern.remove_suffix(1);
  for (size_t at = 0; at <= text.size(); ++at) {
    if (fits(pattern, text.substr(at), to_end)) return true;
    if (from_start) return false;
  }
  return false;
}

Result<std::vector<Suppression>> parse_suppressions(const std::string& text, const std::string& file) {
  std::vector<Suppression> rules;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const size_t first = line.find_first_not_of(" \t\r"), last = line.find_last_not_of(" \t\r");
    if (first == line.npos || line[first] == '#') continue;
    line = line.substr(first, last - first + 1);
    constexpr std::string_view kPrefix = "leak:";
    if (!line.starts_with(kPrefix) || line.size() == kPrefix.size())
      return Failure{kExitUsage, fmt::format("{}:{}: want leak:PATTERN", file, number)};
    rules.push_back({line.substr(kPrefix.size())});
  }
  return rules;
}

void suppress(std::vector<ProcessFindings>& findings, std::vector<Suppression>& rules) {
  for (ProcessFindings& process : findings)
    for (Leak& leak : process.leaks)
      for (Suppression& rule : rules) {
        if (!holds_for(rule.pattern, leak)) continue;
        leak.suppressed_by = rule.pattern;
        rule.leaks++;
        rule.bytes += leak.bytes;
        rule.blocks += leak.blocks;
        break;
      }
}

}  // namespace gamelan::cli
