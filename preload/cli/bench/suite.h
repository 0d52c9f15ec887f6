// preload/cli/bench/suite.h: the rows of bench/suite.toml, read and made ready.
//
// Pure     text in, rows out.  What each member means stands in the head of suite.toml.
#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "preload/cli/bench/job.h"
#include "preload/cli/bench/rows_of.h"
#include "preload/cli/result.h"

namespace gamelan::cli::bench {

struct SuiteRow {
  RowHead head;
  Job job;                            // with {bench}, {programs} and {scratch} not yet filled in
  std::string program;                // of ours, to be built; empty for a real one
  std::vector<std::string> commands;  // that must be in PATH
  std::vector<std::string> packages;  // Debian's that have them
};

struct Suite {
  int rounds = 0;
  std::vector<SuiteRow> rows;  // one per number of threads
};

// With `is_quick`, {work} is divided and everything is run once.
Result<Suite> parse_suite(std::string_view toml, bool is_quick);

// Only the rows whose name matches the shell pattern.
void select_rows(Suite& suite, const std::string& pattern);

std::set<std::string> programs_of(const Suite& suite);

using Places = std::map<std::string, std::string>;  // "{bench}" -> a path

// Replaces every key in the text by its value.
std::string fill_in(std::string text, const Places& places);

// In all texts of a job.
Job fill_in(const Job& job, const Places& places);

}  // namespace gamelan::cli::bench
