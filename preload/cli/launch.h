// preload/cli/launch.h: what `run` and `leaks` share: everything that can be known to fail before a program starts.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "preload/cli/command_line.h"
#include "preload/cli/commands.h"
#include "preload/cli/program.h"
#include "preload/cli/result.h"

namespace gamelan::cli {

struct Launch {
  std::string library;
  Program program;
  Words words;  // the program's name as the user wrote it, and its arguments
};

// Parses the command's options; what is behind them, less a "--", is the program's.  Returns  as CommandLine::parse, and 2
// where no program is named.
std::optional<int> parse_before_program(CommandLine& line, const Words& words, Words* program);
std::optional<Failure> wrong_setting(const std::vector<std::string>& settings);  // KEY=VALUE each
// Library and program are found and can be preloaded.
Result<Launch> prepare_launch(const Words& words);
// Adds to an environment variable that is a list with colons.
void append_to(const char* variable, const std::string& setting);
void put_library_first(const std::string& library);  // LD_PRELOAD
// Replaces this process.  Returns only when the kernel refuses.
Failure become(const Launch& launch);

}  // namespace gamelan::cli
