#include "preload/cli/commands.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>

namespace gamelan::cli {
namespace {

constexpr std::array kCommands = {
    Command{"run", "[OPTIONS] [--] PROGRAM [ARGS...]", "Run PROGRAM under gamelan", run_command},
    Command{"leaks", "[OPTIONS] [--] PROGRAM [ARGS...]", "Run PROGRAM and tell which of its memory nothing points to any more", leaks_command},
    Command{"check", "[OPTIONS] PID", "Tell which memory of a running process nothing points to any more", check_command},
    Command{"doctor", "[--json] FILE...", "Tell whether each FILE can run under gamelan, or why not", doctor_command},
    Command{"stat", "[OPTIONS] PID", "Print the counters of a process that runs under gamelan", stat_command},
    Command{"dump", "PID", "Ask a process for what each of its goroutines is doing", dump_command},
    Command{"bench", "[OPTIONS] [--] PROGRAM [ARGS...]", "Compare PROGRAM, or our suite, under several allocators",
            bench_command},
    Command{"help", "[TOPIC]", "Print help on a topic or a command", help_command},
    Command{"completion", "bash", "Print the completion script for bash", completion_command},
    Command{"version", "", "Print the version", version_command},
};

}  // namespace

std::span<const Command> all_commands() { return kCommands; }

int report(const Failure& failure) {
  std::fflush(stdout);  // what was printed before comes first
  fmt::print(stderr, "gamelan: {}\n", failure.text);
  return failure.exit_code;
}

}  // namespace gamelan::cli
