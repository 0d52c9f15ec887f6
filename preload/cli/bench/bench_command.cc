// preload/cli/bench/bench_command.cc: `gamelan bench`: options in, a comparison out.
//
// Order    options and everything that can be known to fail (program, library, peers, files to write, matplotlib),
//          then the runs, then the files.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "preload/cli/bench/bench_folder.h"
#include "preload/cli/bench/conclusion.h"
#include "preload/cli/bench/html.h"
#include "preload/cli/bench/json.h"
#include "preload/cli/bench/lineup.h"
#include "preload/cli/bench/markdown.h"
#include "preload/cli/bench/options.h"
#include "preload/cli/bench/plan.h"
#include "preload/cli/command_line.h"
#include "preload/cli/commands.h"
#include "preload/cli/program.h"
#include "preload/cli/search_path.h"
#include "preload/cli/version.h"

namespace gamelan::cli {
namespace bench {
namespace {

// A file that cannot be written is found out before an hour of runs.
std::optional<Failure> why_not_writable(const BenchOptions& options) {
  for (const std::string& file : {options.json, options.markdown, options.html})
    if (!file.empty() && !std::ofstream(file, std::ios::app))
      return Failure{kExitUsage, fmt::format("bench: {} cannot be written", file)};
  return options.html.empty() ? std::nullopt : why_no_page();
}

// ---- the runs

// A word as a shell takes it.
std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_of(" \t\n'\"\\$`*?[]{}();&|<>#~!") == word.npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text.append("'");
}

std::string repeated_by(const Words& words) {
  std::string line = "gamelan bench";
  for (const std::string& word : words) line.append(" ").append(quoted(word));
  return line;
}

std::string input_file() {
  struct stat input;
  const bool is_file = fstat(STDIN_FILENO, &input) == 0 && S_ISREG(input.st_mode);
  return is_file ? "/proc/self/fd/0" : "/dev/null";
}

std::optional<Failure> refusal_of(const std::string& name) {
  const std::vector<std::string> search_path = split_search_path(std::getenv("PATH"));
  const auto path = find_program(name, search_path);
  if (!path) return path.failure();
  return examine(*path, search_path, credentials_of_caller()).refusal;
}

int compare_command(Report& report, const BenchOptions& options, const Words& program) {
  if (const auto refusal = refusal_of(program[0])) return cli::report(*refusal);
  Job job;
  job.words = program;
  job.input = input_file();
  job.ready = options.ready;
  job.load = options.load;
  job.timeout = options.timeout;
  job.is_output_compared = !options.is_output_ignored;
  report.rounds = options.runs ? options.runs : options.is_quick ? kQuickRounds : kRounds;
  return run_command_plan(report, job);
}

Result<Suite> read_suite(const std::string& folder, const BenchOptions& options) {
  std::stringstream text;
  text << std::ifstream(folder + "/suite.toml").rdbuf();
  auto suite = parse_suite(text.str(), options.is_quick);
  if (!suite) return suite;
  if (!options.rows.empty()) select_rows(*suite, options.rows);
  if (suite->rows.empty()) return Failure{kExitUsage, fmt::format("bench: --rows: no row matches '{}'", options.rows)};
  for (SuiteRow& row : suite->rows) {
    if (options.timeout > 0) row.job.timeout = options.timeout;
    if (options.is_output_ignored) row.job.is_output_compared = false;
  }
  return suite;
}

int run_suite(Report& report, const BenchOptions& options) {
  const auto folder = find_bench_folder();
  if (!folder) return cli::report(folder.failure());
  const auto suite = read_suite(*folder, options);
  if (!suite) return cli::report(suite.failure());
  const auto programs = build_programs(*folder, programs_of(*suite));
  if (!programs) return cli::report(programs.failure());
  report.rounds = options.runs ? options.runs : suite->rounds;
  return run_suite_plan(report, *suite, {{"{bench}", *folder}, {"{programs}", *programs}});
}

// ---- the results

std::optional<Failure> write_file(const std::string& file, const std::string& text) {
  std::ofstream stream(file);
  if (stream << text << std::flush) return std::nullopt;
  return Failure{kExitOurFailure, fmt::format("bench: {} cannot be written", file)};
}

std::optional<Failure> write_files(const BenchOptions& options, const Report& report) {
  constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
  if (!options.json.empty())
    if (auto failure = write_file(options.json, to_json(report).dump(1, ' ', false, kReplace) + "\n")) return failure;
  if (!options.markdown.empty())
    if (auto failure = write_file(options.markdown, to_markdown(report))) return failure;
  if (options.html.empty()) return std::nullopt;
  const auto page = to_html(report);
  return page ? write_file(options.html, *page) : std::optional(page.failure());
}

int judge(const BenchOptions& options, const Report& report) {
  const auto ratio = overall_ratio(report);
  if (!ratio && !report.is_suite) return kExitNegative;
  if (options.fail_above > 0 && ratio && *ratio > options.fail_above)
    return cli::report({kExitNegative, fmt::format("bench: time is {:.3f} of {}'s, above {:g}", *ratio, report.baseline,
                                                   options.fail_above)});
  return kExitOk;
}

int bench(const BenchOptions& options, const Words& words, const Words& program) {
  Report report;
  report.version = version();
  report.command = repeated_by(words);
  report.machine = this_machine();
  report.is_quick = options.is_quick;
  report.is_suite = options.is_suite;
  if (const auto failure = line_up(report, options)) return cli::report(*failure);
  if (const auto failure = why_not_writable(options)) return cli::report(*failure);
  const int code = options.is_suite ? run_suite(report, options) : compare_command(report, options, program);
  if (code != kExitOk) return code;
  if (const auto failure = write_files(options, report)) return cli::report(*failure);
  return judge(options, report);
}

}  // namespace
}  // namespace bench

int bench_command(const Words& words) {
  CommandLine line("bench");
  bench::BenchOptions options;
  bench::declare(line.options(), options);
  const auto program_at = words.begin() + static_cast<std::ptrdiff_t>(line.count_options(words));
  if (const auto code = line.parse(Words(words.begin(), program_at))) return *code;
  Words program(program_at, words.end());
  if (!program.empty() && program[0] == "--") program.erase(program.begin());
  if (const auto why = bench::contradiction(options, program)) return report(line.usage_error(*why));
  return bench::bench(options, words, program);
}

}  // namespace gamelan::cli
