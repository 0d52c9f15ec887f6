// preload/cli/main.cc: from the first word to its command, and one way out.
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "preload/cli/commands.h"

namespace gamelan::cli {
namespace {

Failure unknown_command(std::string_view name) {
  std::string known;
  for (const Command& command : all_commands()) known.append(known.empty() ? "" : ", ").append(command.name);
  return {kExitUsage, fmt::format("{} is not a command; known are {}", name, known)};
}

int dispatch(const Words& words) {
  if (words.empty()) return report({kExitUsage, "want a COMMAND; see 'gamelan help'"});
  if (words[0] == "--help" || words[0] == "-h") return help_command({});
  if (words[0] == "--version") return version_command({});
  for (const Command& command : all_commands())
    if (command.name == words[0]) return command.main(Words(words.begin() + 1, words.end()));
  return report(unknown_command(words[0]));
}

// A full disk or a closed descriptor must not pass for success.
int close_output(int code) {
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return code;
  return report({kExitOurFailure, "cannot write the output"});
}

}  // namespace
}  // namespace gamelan::cli

int main(int count, char** words) {
  using namespace gamelan::cli;
  try {
    return close_output(dispatch(Words(words + (count > 0), words + count)));
  } catch (const std::exception& error) {
    return report({kExitOurFailure, error.what()});
  }
}
