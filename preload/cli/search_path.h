// preload/cli/search_path.h: from the name that was typed to the file that execvp(3) would start.
//
// Source   POSIX.1-2017 exec; glibc posix/execvpe.c (a candidate without permission is passed over, and remembered).
#pragma once
#include <string>
#include <vector>

#include "preload/cli/result.h"

namespace gamelan::cli {

// The directories of a PATH value; an empty element is the current directory.  nullptr: the system's default.
std::vector<std::string> split_search_path(const char* value);

// The path to start, or why there is none: 127 not found, 126 no permission.
Result<std::string> find_program(const std::string& name, const std::vector<std::string>& directories);

// Whether a file can be executed by this user, or why not, for a file that exists.
Result<std::string> check_executable(const std::string& path);

}  // namespace gamelan::cli
