// preload/cli/bench/tool.h: a helper program that is run to its end for what it prints: dpkg-query, cmake, python3.
#pragma once
#include <string>
#include <vector>

namespace gamelan::cli::bench {

struct ToolRun {
  int exit_code = 0;  // -1: not started, or killed
  std::string output;
  std::string errors;  // or why it was not started

  bool is_success() const { return exit_code == 0; }
};

// Blocks   until the program has ended.  `input` is what it reads.
ToolRun run_tool(const std::vector<std::string>& words, const std::string& input = "");

}  // namespace gamelan::cli::bench
