// preload/cli/commands.h: the commands, one file each.
//
// Each takes the words behind its name and returns the exit code; what it prints on failure goes through `report`.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "preload/cli/result.h"

namespace gamelan::cli {

using Words = std::vector<std::string>;

int run_command(const Words& words);
int leaks_command(const Words& words);
int check_command(const Words& words);
int doctor_command(const Words& words);
int stat_command(const Words& words);
int dump_command(const Words& words);
int bench_command(const Words& words);
int help_command(const Words& words);
int completion_command(const Words& words);
int version_command(const Words& words);

struct Command {
  std::string_view name;
  std::string_view synopsis;
  std::string_view sentence;
  int (*main)(const Words& words);
};

// In the order in which help prints them.
std::span<const Command> all_commands();

// Prints "gamelan: TEXT" to stderr and returns the failure's code.
int report(const Failure& failure);

}  // namespace gamelan::cli
