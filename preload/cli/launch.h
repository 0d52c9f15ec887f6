// preload/cli/launch.h: what `run` and `leaks` share: everything that can be known to fail before a program starts.
#pragma once
#include <string>

#include "preload/cli/commands.h"
#include "preload/cli/program.h"
#include "preload/cli/result.h"

namespace gamelan::cli {

struct Launch {
  std::string library;
  Program program;
  Words words;  // the program's name as the user wrote it, and its arguments
};

// Library and program are found and can be preloaded.
Result<Launch> prepare_launch(const Words& words);
// Adds to an environment variable that is a list with colons.
void append_to(const char* variable, const std::string& setting);
void put_library_first(const std::string& library);  // LD_PRELOAD
// Replaces this process.  Returns only when the kernel refuses.
Failure become(const Launch& launch);

}  // namespace gamelan::cli
