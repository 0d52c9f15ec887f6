// preload/cli/help.cc: `gamelan help [TOPIC]`, `gamelan version`.
//
// Options and metrics are printed from the rows that the library is built from, so the text cannot lie about them.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "preload/cli/commands.h"
#include "preload/cli/metric_rows.h"
#include "preload/cli/settings.h"
#include "preload/cli/version.h"

namespace gamelan::cli {
namespace {

struct Variable {
  std::string_view name;
  std::string_view values;
  std::string_view sentence;
};

constexpr std::array kOurVariables = {
    Variable{"GAMELAN", "on|off", "off: the library stands aside and forwards everything"},
    Variable{"GAMELAN_OPTIONS", "KEY=VALUE:KEY=VALUE", "see 'gamelan help options'"},
    Variable{"GAMELAN_GC", "off|leak|collect", "leak: what nothing points to is told at exit; this version does not collect yet"},
    Variable{"GAMELAN_THREADS", "auto|goroutine|native", "goroutine: pthreads become goroutines (M:N); auto: so, but by rule; see 'gamelan help rules'"},
    Variable{"GAMELAN_INHERIT_GO", "0|1", "0: do not look at Go's variables"},
    Variable{"GAMELAN_BENCH", "FOLDER", "the folder with suite.toml that 'gamelan bench' uses"},
    Variable{"GAMELAN_LIB", "PATH", "the libgamelan.so that 'gamelan run' preloads"},
};

constexpr std::array kGoVariables = {
    Variable{"GOMAXPROCS", "NUMBER", "logical processors; default: affinity mask and cgroup quota"},
    Variable{"GOGC", "PERCENT|off", "how much the heap may grow between collections; default 100"},
    Variable{"GOMEMLIMIT", "SIZE|off", "soft memory limit: 512MiB (B KiB MiB GiB TiB, also k M G T)"},
    Variable{"GODEBUG", "KEY=VALUE,...", "inittrace=1: the boot steps and their cost; schedtrace=MS: the scheduler's state every MS ms"},
    Variable{"", "", "scheddetail=1: with each P, M and G; asyncpreemptoff=1: goroutines yield by themselves only"},
};

struct ExitCode {
  std::string_view code;
  std::string_view sentence;
};

constexpr std::array kExitCodes = {
    ExitCode{"any", "of 'run': the program's own code or signal, since gamelan becomes the program"},
    ExitCode{"0", "done; of 'doctor': every file can run under gamelan"},
    ExitCode{"1",
             "of 'doctor': some file cannot; of 'stat' and 'dump': no such process, not under gamelan, no permission; "
             "of 'bench': void, or above --fail-above"},
    ExitCode{"2", "wrong arguments, or a wrong setting with strict=1"},
    ExitCode{"23", "of 'leaks': there are leaks, and the program itself said 0 (--exit-code says another)"},
    ExitCode{"125", "gamelan itself failed: its library is missing, its output cannot be written"},
    ExitCode{"126", "of 'run': cannot be executed or preloaded (static, setuid, 32-bit, musl, a directory, ...)"},
    ExitCode{"127", "of 'run': not found, or its interpreter or loader is missing"},
};

void print_overview() {
  fmt::print("gamelan: runs unmodified programs on Go's scheduler and memory manager\n\nusage: gamelan COMMAND ...\n\ncommands:\n");
  for (const Command& command : all_commands())
    fmt::print("  {:<44} {}\n", fmt::format("{} {}", command.name, command.synopsis), command.sentence);
  fmt::print("\ntopics of 'gamelan help': options, environment, rules, metrics, exit-codes, and every command\n");
}

void print_options() {
  fmt::print("Options, as KEY=VALUE behind 'gamelan run -o', or in GAMELAN_OPTIONS with ':' between them.\n");
  for (const Setting& setting : all_settings()) {
    const std::string preset = setting.default_text.empty() ? "empty" : std::string(setting.default_text);
    const std::string unit = setting.unit.empty() ? "" : fmt::format(", in {}", setting.unit);
    fmt::print("\n  {}\n      {}\n      {}{}; default {}\n", setting.name, setting.sentence, accepted_values(setting),
               unit, preset);
  }
}

void print_variable(const Variable& variable) {
  fmt::print("  {:<20} {:<22} {}\n", variable.name, variable.values, variable.sentence);
}

void print_environment() {
  fmt::print("Variables that the library reads when a program starts:\n\n");
  for (const Variable& variable : kOurVariables) print_variable(variable);
  fmt::print("\nGo's, with Go's meaning; GAMELAN_GOGC and so on come before them:\n\n");
  for (const Variable& variable : kGoVariables) print_variable(variable);
  fmt::print("\nA wrong value is named in one line, and the default holds.\n");
}

// Rows of the table that the library is built with.
constexpr std::array kRules = {
#define RULE(text) std::string_view(text),
#include "sched/program_rules.inc"
#undef RULE
};

void print_rules() {
  fmt::print("Rules say whose threads stay the kernel's, or become goroutines, while GAMELAN_THREADS is auto or not set.\n"
             "A line of /etc/gamelan.conf, or of the file that the option 'rules' names:\n\n"
             "  program NAME threads=native|goroutine REASON\n"
             "  library NAME threads=native|goroutine REASON\n\n"
             "A program's NAME is the last component of argv[0]; a library's rule is for threads that begin in its code. A * at\n"
             "the end stands for anything; # begins a comment. The last line that fits holds. Built in, and overridden by the file:\n\n");
  for (const std::string_view rule : kRules) fmt::print("  {}\n", rule);
}

void print_metrics() {
  fmt::print("Counters that 'gamelan stat PID' and stats=1 print, named as in Go's runtime/metrics:\n\n");
  for (const MetricRow& row : all_metrics()) fmt::print("  {:<38} {}\n", row.name, row.sentence);
}

void print_exit_codes() {
  fmt::print("Exit codes:\n\n");
  for (const ExitCode& row : kExitCodes) fmt::print("  {:<4} {}\n", row.code, row.sentence);
}

struct Topic {
  std::string_view name;
  void (*print)();
};

constexpr std::array kTopics = {
    Topic{"options", print_options},
    Topic{"environment", print_environment},
    Topic{"rules", print_rules},
    Topic{"metrics", print_metrics},
    Topic{"exit-codes", print_exit_codes},
};

Failure unknown_topic(std::string_view name) {
  std::string known;
  for (const Topic& topic : kTopics) known.append(topic.name).append(", ");
  for (const Command& command : all_commands()) known.append(command.name).append(", ");
  known.resize(known.size() - 2);
  return {kExitUsage, fmt::format("help: {} is not a topic; known are {}", name, known)};
}

}  // namespace

int help_command(const Words& words) {
  if (words.size() > 1) return report({kExitUsage, "help: want at most one TOPIC"});
  const std::string name = words.empty() ? "help" : words[0];
  if (name == "help" || name == "--help" || name == "-h") {
    print_overview();
    return kExitOk;
  }
  for (const Topic& topic : kTopics) {
    if (topic.name != name) continue;
    topic.print();
    return kExitOk;
  }
  for (const Command& command : all_commands())
    if (command.name == name) return command.main({"--help"});
  return report(unknown_topic(name));
}

int version_command(const Words& words) {
  if (!words.empty() && words[0] != "--help") return report({kExitUsage, "version: want no arguments"});
  fmt::print("gamelan {}\n", version());
  return kExitOk;
}

}  // namespace gamelan::cli
