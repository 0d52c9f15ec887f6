// preload/cli/bench/file_version.h: which version of a library a file is, as far as the system knows.
#pragma once
#include <string>

namespace gamelan::cli::bench {

// "libjemalloc2 5.3.0-1" of a file that a Debian package owns; otherwise its real path with size and date.
// Blocks   for dpkg-query, some tens of milliseconds.
std::string file_version(const std::string& path);

}  // namespace gamelan::cli::bench
