// preload/cli/library.h: where libgamelan.so is.
//
// Order    GAMELAN_LIB; beside the command (a build tree); where `cmake --install` puts it; Debian's library directory.
// Never    hands out a file that the loader would pass over with a warning: the program would then run without us.
#pragma once
#include <string>

#include "preload/cli/result.h"

namespace gamelan::cli {

inline constexpr char kLibraryName[] = "libgamelan.so";

// What keeps LD_PRELOAD from loading a file ("is not a shared library for x86-64"), or "".
std::string why_not_loadable(const std::string& path);

// An absolute path that LD_PRELOAD can hold, or a failure of code 125.
Result<std::string> find_library();

}  // namespace gamelan::cli
