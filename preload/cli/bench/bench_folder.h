// preload/cli/bench/bench_folder.h: where the suite's files are, and its programs built.
//
// Order    GAMELAN_BENCH; bench/ of the source tree that the command was built in; share/gamelan/bench of an
// installation. Builds   with cmake, on demand: only the programs asked for, in bench-on-demand beside the command of a
// build tree, or in
//          the user's cache.  A tree configured with GAMELAN_BENCH=ON has them already.
#pragma once
#include <set>
#include <string>

#include "preload/cli/result.h"

namespace gamelan::cli::bench {

Result<std::string> find_bench_folder();

// Returns the folder that holds the programs, built and up to date.
Result<std::string> build_programs(const std::string& bench_folder, const std::set<std::string>& names);

}  // namespace gamelan::cli::bench
