// preload/cli/launch.cc: `gamelan run`: look first, then become the program.
//
// Order    options, library, program, environment, execve in place: the pid, the signals and the exit code are the
//          program's own, and everything that can be known to fail has failed before it starts.
#include "preload/cli/launch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "preload/cli/command_line.h"
#include "preload/cli/library.h"
#include "preload/cli/preload_list.h"
#include "preload/cli/search_path.h"
#include "preload/cli/settings.h"

namespace gamelan::cli {
namespace {

struct LaunchOptions {
  std::string gc, threads, stats, log;
  std::vector<std::string> settings;
  bool is_off = false;
};

void declare(CLI::App& app, LaunchOptions& options) {
  app.add_option("--gc", options.gc, "collector: off, leak or collect")
      ->type_name("MODE")
      ->check(one_of({"off", "leak", "collect"}));
  app.add_option("--threads", options.threads, "the program's threads: auto, goroutine or native")
      ->type_name("MODE")
      ->check(one_of({"auto", "goroutine", "native"}));
  app.add_flag("--stats{text}", options.stats, "print allocator statistics at exit; --stats=json as JSON");
  app.add_option("--log", options.log, "write our output to PATH; %p is the process id, %e the program's name")
      ->type_name("PATH");
  app.add_option("-o", options.settings, "any option of 'gamelan help options'")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--off", options.is_off, "load the library, but let it stand aside");
  app.footer("Options end at PROGRAM or at \"--\"; every word behind belongs to the program.");
}

// The short forms as settings, so that one check serves both.  Given last, -o wins.
std::vector<std::string> all_of(const LaunchOptions& options) {
  std::vector<std::string> settings;
  if (!options.stats.empty()) settings.push_back("stats=" + options.stats);
  // the program may change its directory before the file is opened
  std::error_code error;
  if (!options.log.empty()) settings.push_back("log_path=" + std::filesystem::absolute(options.log, error).string());
  settings.insert(settings.end(), options.settings.begin(), options.settings.end());
  return settings;
}

void set_environment(const LaunchOptions& options, const std::string& library) {
  put_library_first(library);
  if (!options.gc.empty()) setenv("GAMELAN_GC", options.gc.c_str(), 1);
  if (!options.threads.empty()) setenv("GAMELAN_THREADS", options.threads.c_str(), 1);
  if (options.is_off) setenv("GAMELAN", "off", 1);
  for (const std::string& setting : all_of(options)) append_to("GAMELAN_OPTIONS", setting);
}

Failure launch(const LaunchOptions& options, const Words& words) {
  const Result<Launch> launch = prepare_launch(words);
  if (!launch) return launch.failure();
  set_environment(options, launch->library);
  return become(*launch);
}

}  // namespace

std::optional<int> parse_before_program(CommandLine& line, const Words& words, Words* program) {
  const auto program_at = words.begin() + static_cast<std::ptrdiff_t>(line.count_options(words));
  if (const auto code = line.parse(Words(words.begin(), program_at))) return code;
  program->assign(program_at, words.end());
  if (!program->empty() && program->front() == "--") program->erase(program->begin());
  if (program->empty()) return report(line.usage_error("want a PROGRAM to run"));
  return std::nullopt;
}

std::optional<Failure> wrong_setting(const std::vector<std::string>& settings) {
  for (const std::string& setting : settings)
    if (const auto complaint = complaint_about(setting)) return Failure{kExitUsage, "option " + *complaint};
  return std::nullopt;
}

Result<Launch> prepare_launch(const Words& words) {
  const Result<std::string> library = find_library();
  if (!library) return library.failure();
  const std::vector<std::string> search_path = split_search_path(std::getenv("PATH"));
  const Result<std::string> path = find_program(words[0], search_path);
  if (!path) return path.failure();
  const Program program = examine(*path, search_path, credentials_of_caller());
  if (program.refusal) return *program.refusal;
  return Launch{*library, program, words};
}

void append_to(const char* variable, const std::string& setting) {
  const char* old = std::getenv(variable);
  setenv(variable, old && *old ? fmt::format("{}:{}", old, setting).c_str() : setting.c_str(), 1);
}

void put_library_first(const std::string& library) {
  const char* old_list = std::getenv("LD_PRELOAD");
  setenv("LD_PRELOAD", put_first(library, old_list ? old_list : "").c_str(), 1);
}

Failure become(const Launch& launch) {
  const Program& program = launch.program;
  std::vector<char*> arguments;
  if (program.is_shell_text) {
    arguments.push_back(const_cast<char*>(kShell));
    arguments.push_back(const_cast<char*>(program.path.c_str()));
  } else {
    arguments.push_back(const_cast<char*>(launch.words[0].c_str()));
  }
  for (size_t i = 1; i < launch.words.size(); ++i) arguments.push_back(const_cast<char*>(launch.words[i].c_str()));
  arguments.push_back(nullptr);

  execve(program.is_shell_text ? kShell : program.path.c_str(), arguments.data(), environ);
  const int error = errno;
  return {error == ENOENT ? kExitNotFound : kExitCannotPreload,
          fmt::format("{}: the kernel refuses to start it: {}", program.path, std::strerror(error))};
}

int run_command(const Words& words) {
  CommandLine line("run");
  LaunchOptions options;
  declare(line.options(), options);
  Words program;
  if (const auto code = parse_before_program(line, words, &program)) return *code;
  if (const auto failure = wrong_setting(all_of(options))) return report(*failure);
  return report(launch(options, program));
}

}  // namespace gamelan::cli
