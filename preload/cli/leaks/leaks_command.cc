// preload/cli/leaks/leaks_command.cc: `gamelan leaks`: the program as our child, its leaks told when it has ended.
//
// Order    options, suppressions, library and program, then fork. The library writes into a folder of ours, a file per process; we
//          wait for the program alone, and read what its children have written by then.
// Code     --exit-code (23) where leaks are left that no suppression holds back and the program said 0, else the program's own;
//          128 + signal.
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "preload/cli/command_line.h"
#include "preload/cli/launch.h"
#include "preload/cli/leaks/report_options.h"

namespace gamelan::cli {
namespace {

namespace fs = std::filesystem;

struct LeaksOptions {
  ReportOptions report;
  std::string threads, sample;
  std::vector<std::string> settings;
};

void declare(CLI::App& app, LeaksOptions& options) {
  declare(app, options.report);
  app.add_option("--sample", options.sample, "keep the stack of one allocation in so many bytes; 1 of every one")->type_name("BYTES");
  app.add_option("--threads", options.threads, "the program's threads: auto, goroutine or native")
      ->type_name("MODE")
      ->check(one_of({"auto", "goroutine", "native"}));
  app.add_option("-o", options.settings, "any option of 'gamelan help options'")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.footer("Options end at PROGRAM or at \"--\"; every word behind belongs to the program.");
}

std::optional<std::string> read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A folder that goes when we go.
class LogFolder {
 public:
  LogFolder() {
    std::string name = (fs::temp_directory_path() / "gamelan-leaks-XXXXXX").string();
    if (!mkdtemp(name.data())) return;
    path_ = name;
    chmod(name.c_str(), 01733);  // a server that becomes another user writes there, too
  }
  ~LogFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  LogFolder(const LogFolder&) = delete;
  LogFolder& operator=(const LogFolder&) = delete;
  bool is_made() const { return !path_.empty(); }
  std::string pattern() const { return (path_ / "%p").string(); }

  std::vector<ProcessFindings> findings() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(path_)) files.push_back(entry.path());
    std::ranges::sort(files);
    std::vector<ProcessFindings> all;
    for (const fs::path& file : files)
      if (const auto text = read_file(file))
        for (ProcessFindings& found : parse_findings(*text)) all.push_back(std::move(found));
    return all;
  }

 private:
  fs::path path_;
};

void set_environment(const LeaksOptions& options, const Launch& launch, const LogFolder& logs) {
  put_library_first(launch.library);
  setenv("GAMELAN_GC", "leak", 1);
  if (!options.threads.empty()) setenv("GAMELAN_THREADS", options.threads.c_str(), 1);
  for (const std::string& setting : options.settings) append_to("GAMELAN_OPTIONS", setting);
  if (!options.sample.empty()) append_to("GAMELAN_OPTIONS", "sample=" + options.sample);
  append_to("GAMELAN_OPTIONS", "exitcode=0:on_term=1:max_leaks=1000000:log_path=" + logs.pattern());  // what is a leak is said here
}

// The keyboard's signals go to the program, which is in our group; what is sent to us alone is handed on.
volatile sig_atomic_t child = 0;
void hand_on(int signal) {
  if (child) kill(child, signal);
}

int code_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

Result<int> run(const Launch& launch) {
  for (int s : {SIGINT, SIGQUIT}) ::signal(s, SIG_IGN);
  const pid_t pid = fork();
  if (pid < 0) return Failure{kExitOurFailure, "cannot fork"};
  if (pid == 0) {
    for (int s : {SIGINT, SIGQUIT}) ::signal(s, SIG_DFL);
    _exit(report(become(launch)));
  }
  child = pid;
  for (int s : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) ::signal(s, hand_on);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  return code_of(status);
}

// What else the library said is for the user, now as always; processes of which there is no more to tell are left out.
void pass_on_other_lines(std::vector<ProcessFindings>& findings) {
  for (const ProcessFindings& process : findings)
    for (const std::string& line : process.other_lines) fmt::print(stderr, "{}\n", line);
  std::erase_if(findings, [](const ProcessFindings& process) { return process.program.empty() && process.leaks.empty(); });
}

int check(const LeaksOptions& options, const Words& words) {
  const Result<std::vector<Suppression>> rules = read_suppressions(options.report);
  if (!rules) return report(rules.failure());
  const Result<Launch> launch = prepare_launch(words);
  if (!launch) return report(launch.failure());
  const LogFolder logs;
  if (!logs.is_made()) return report({kExitOurFailure, "cannot make a folder for the reports"});
  set_environment(options, *launch, logs);
  const Result<int> code = run(*launch);
  if (!code) return report(code.failure());

  std::vector<ProcessFindings> findings = logs.findings();
  pass_on_other_lines(findings);
  const Result<uint64_t> left = tell(options.report, std::move(findings), *rules);
  if (!left) return report(left.failure());
  return *code == 0 && *left ? options.report.exit_code : *code;
}

}  // namespace

int leaks_command(const Words& words) {
  CommandLine line("leaks");
  LeaksOptions options;
  declare(line.options(), options);
  Words program;
  if (const auto code = parse_before_program(line, words, &program)) return *code;
  std::vector<std::string> settings = options.settings;
  if (!options.sample.empty()) settings.push_back("sample=" + options.sample);
  if (const auto failure = wrong_setting(settings)) return report(*failure);
  return check(options, program);
}

}  // namespace gamelan::cli
