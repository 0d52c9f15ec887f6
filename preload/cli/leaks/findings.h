// preload/cli/leaks/findings.h: what the library wrote of a process' leaks, read back.
//
// Source   gc/leak_report.cc writes it: a head and frames per group, a last line that sums up.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::cli {

struct Frame {
  uint64_t pc = 0;
  std::string module;        // path of the file, or empty
  uint64_t offset = 0;       // in it, counted from where its first page is mapped
  std::string function;      // as ld.so or the file's debug information names it; may be empty
  std::string file;          // of the source; may be empty
  int line = 0;
  bool is_inlined = false;   // into the next frame
};

struct Leak {
  std::string kind;          // direct, cyclic, indirect
  uint64_t bytes = 0, blocks = 0;
  std::vector<Frame> frames;
  std::string suppressed_by;  // the rule's text; empty: none
};

struct ProcessFindings {
  int pid = 0;
  std::string program, when;
  std::vector<Leak> leaks;
  uint64_t reachable_bytes = 0, reachable_blocks = 0;
  std::vector<std::string> other_lines;  // what else the library had to say
};

// All reports of one log: a process may look more than once.
std::vector<ProcessFindings> parse_findings(std::string_view log);

}  // namespace gamelan::cli
