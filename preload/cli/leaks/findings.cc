#include "preload/cli/leaks/findings.h"

#include <charconv>
#include <regex>
#include <sstream>

namespace gamelan::cli {
namespace {

const std::regex kHead(R"(gamelan\[(\d+)\]: (direct|cyclic|indirect) leak: (\d+) bytes? in (\d+) blocks?, allocated at)");
const std::regex kFrame(R"( +#\d+ 0x([0-9a-f]+)(?: (\S+)\+0x[0-9a-f]+)?(?: \((.*)\+0x([0-9a-f]+)\))?)");
const std::regex kSummary(R"(gamelan\[(\d+)\]: leaks (.*) in (.*): (?:none|\d+ bytes? in .*); still reachable: (\d+) bytes in (\d+) blocks)");
const std::regex kNoStack(R"( +\(the stack was not kept\))");

uint64_t number(const std::ssub_match& text, int base = 10) {
  uint64_t n = 0;
  std::from_chars(&*text.first, &*text.first + text.length(), n, base);
  return n;
}

Frame frame_of(const std::smatch& m) {
  Frame frame;
  frame.pc = number(m[1], 16);
  frame.function = m[2];
  frame.module = m[3];
  if (m[4].matched) frame.offset = number(m[4], 16);
  return frame;
}

}  // namespace

std::vector<ProcessFindings> parse_findings(std::string_view log) {
  std::vector<ProcessFindings> all;
  ProcessFindings now;
  std::istringstream lines{std::string(log)};
  std::smatch m;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, m, kHead)) {
      now.leaks.push_back({m[2], number(m[3]), number(m[4]), {}, {}});
    } else if (!now.leaks.empty() && std::regex_match(line, m, kFrame)) {
      now.leaks.back().frames.push_back(frame_of(m));
    } else if (std::regex_match(line, m, kSummary)) {
      now.pid = static_cast<int>(number(m[1]));
      now.when = m[2];
      now.program = m[3];
      now.reachable_bytes = number(m[4]);
      now.reachable_blocks = number(m[5]);
      all.push_back(std::move(now));
      now = {};
    } else if (!std::regex_match(line, kNoStack)) {
      now.other_lines.push_back(line);
    }
  }
  if (!now.leaks.empty() || !now.other_lines.empty()) all.push_back(std::move(now));  // it was killed while it wrote
  return all;
}

}  // namespace gamelan::cli
