// preload/cli/command_line.h: CLI11 with our manners: one line per error, exit code 2, the real usage line.
//
// CLI11 parses one command at a time.  Its own subcommands are not used: in `gamelan run stat FILE` it would take the
// program's name for a command.
#pragma once
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "preload/cli/commands.h"

namespace gamelan::cli {

class CommandLine {
 public:
  // `name` is a row of `all_commands`, which gives synopsis and sentence.
  explicit CommandLine(std::string_view name);

  CLI::App& options() { return app_; }

  // Returns  nothing when the command should go on, otherwise the exit code (0 after --help).
  std::optional<int> parse(const Words& words);

  // How many of the words are options of this command, their values included: up to "--" (not counted) or to the first
  // word that is neither.
  size_t count_options(const Words& words) const;

  // "NAME: TEXT; see 'gamelan help NAME'", code 2.
  Failure usage_error(std::string_view text) const;

 private:
  bool takes_next_word(const std::string& word) const;

  std::string name_;
  CLI::App app_;
};

// What an option accepts; the error names the word and what is wanted.
CLI::Validator one_of(std::vector<std::string> words);
CLI::Validator whole_number_above_0();
CLI::Validator whole_number_within(int min, int max);
CLI::Validator number_above_0();
CLI::Validator seconds_above_0();

}  // namespace gamelan::cli
