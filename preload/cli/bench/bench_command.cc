// preload/cli/bench/bench_command.cc: `gamelan bench`: options in, a comparison out.
//
// Order    options and everything that can be known to fail (program, library, peers, files to write, matplotlib),
//          then the runs, then the files.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "preload/cli/bench/bench_folder.h"
#include "preload/cli/bench/conclusion.h"
#include "preload/cli/bench/html.h"
#include "preload/cli/bench/json.h"
#include "preload/cli/bench/markdown.h"
#include "preload/cli/bench/plan.h"
#include "preload/cli/bench/rank_test.h"
#include "preload/cli/command_line.h"
#include "preload/cli/commands.h"
#include "preload/cli/library.h"
#include "preload/cli/program.h"
#include "preload/cli/search_path.h"
#include "preload/cli/version.h"

namespace gamelan::cli {
namespace bench {
namespace {

constexpr int kRounds = 10, kQuickRounds = 3;

struct BenchOptions {
  std::vector<std::string> against;
  std::string threads, json, markdown, html, ready, load, rows;
  int runs = 0;  // 0: not said
  double fail_above = 0, timeout = 0;
  bool is_quick = false, is_suite = false, is_output_ignored = false;
};

void declare_what(CLI::App& app, BenchOptions& options) {
  app.add_option("--against", options.against,
                 "jemalloc, glibc, mimalloc, tcmalloc, NAME=PATH, each with :VARIABLE=VALUE")
      ->type_name("LIST")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--threads", options.threads, "threads of ours: native, goroutine or both")
      ->type_name("MODE")
      ->check(one_of({"native", "goroutine", "both"}));
  app.add_option("--ready", options.ready, "PROGRAM is a server: a shell command that succeeds once it serves")
      ->type_name("CMD");
  app.add_option("--load", options.load, "the shell command that is timed against the server")->type_name("CMD");
  app.add_flag("--suite", options.is_suite, "run our own suite instead of a PROGRAM");
  app.add_option("--rows", options.rows, "of the suite, only rows whose name matches")->type_name("GLOB");
}

void declare_how(CLI::App& app, BenchOptions& options) {
  app.add_option("--runs", options.runs, fmt::format("rounds; default {}, of the suite 5", kRounds))
      ->type_name("N")
      ->check(whole_number_within(1, kMostRounds));
  app.add_flag("--quick", options.is_quick, fmt::format("{} rounds; the suite: one, with less work", kQuickRounds));
  app.add_option("--timeout", options.timeout, "give a run up after SECONDS")
      ->type_name("SECONDS")
      ->check(seconds_above_0());
  app.add_flag("--ignore-output", options.is_output_ignored, "do not compare what the program prints");
}

void declare_results(CLI::App& app, BenchOptions& options) {
  app.add_option("--json", options.json, "write everything to FILE")->type_name("FILE");
  app.add_option("--markdown", options.markdown, "write the tables to FILE")->type_name("FILE");
  app.add_option("--html", options.html, "write a page with plots to FILE (needs python3-matplotlib)")
      ->type_name("FILE");
  app.add_option("--fail-above", options.fail_above, "exit with 1 when our time is above R times the baseline's")
      ->type_name("R")
      ->check(number_above_0());
  app.footer(
      "Options end at PROGRAM or at \"--\". The baseline is jemalloc, or the first of --against without it.\n"
      "stdin is read anew by every run where it is a file, and is empty otherwise.");
}

std::optional<std::string> contradiction(const BenchOptions& options, const Words& program) {
  if (options.is_suite && !program.empty())
    return fmt::format("--suite takes no PROGRAM, but '{}' is given", program[0]);
  if (options.is_suite && !options.load.empty()) return "--load is for a PROGRAM, not for --suite";
  if (!options.is_suite && !options.rows.empty()) return "--rows is for --suite";
  if (!options.is_suite && program.empty()) return "want a PROGRAM to run, or --suite";
  if (options.ready.empty() != options.load.empty()) return "--ready and --load belong together";
  return std::nullopt;
}

// A file that cannot be written is found out before an hour of runs.
std::optional<Failure> why_not_writable(const BenchOptions& options) {
  for (const std::string& file : {options.json, options.markdown, options.html})
    if (!file.empty() && !std::ofstream(file, std::ios::app))
      return Failure{kExitUsage, fmt::format("bench: {} cannot be written", file)};
  return options.html.empty() ? std::nullopt : why_no_page();
}

// ---- who takes part

std::vector<Contender> ours(const BenchOptions& options, const std::string& library) {
  Contender plain;
  plain.name = "gamelan";
  plain.library = library;
  plain.version = fmt::format("{} {}", version(), library);
  plain.is_ours = true;
  std::vector<Contender> all;
  for (const std::string mode : {"native", "goroutine"}) {
    if (options.threads != mode && options.threads != "both") continue;
    all.push_back(plain);
    all.back().name += "-" + mode;
    all.back().variables["GAMELAN_THREADS"] = mode;
  }
  return all.empty() ? std::vector<Contender>{plain} : all;
}

std::string against(const BenchOptions& options) {
  if (!options.against.empty()) return fmt::format("{}", fmt::join(options.against, ","));
  return options.is_suite ? "jemalloc,glibc,mimalloc,tcmalloc" : "jemalloc,glibc";
}

// Peers that are not there are noted; a path that is not there was a slip of the user's.
std::optional<Failure> add_peers(Report& report, std::vector<Contender> peers) {
  for (Contender& peer : peers) {
    const auto why = locate(peer);
    if (!why)
      report.contenders.push_back(peer);
    else if (find_known(peer))
      report.notes.push_back(fmt::format("{} {}", peer.name, *why));
    else
      return Failure{kExitUsage, fmt::format("bench: --against: {} {}", peer.name, *why)};
  }
  return std::nullopt;
}

std::optional<std::string> name_given_twice(const std::vector<Contender>& contenders) {
  std::set<std::string> names;
  for (const Contender& contender : contenders)
    if (!names.insert(contender.name).second) return contender.name;
  return std::nullopt;
}

std::optional<Failure> choose_baseline(Report& report) {
  for (const Contender& contender : report.contenders)
    if (!contender.is_ours && (report.baseline.empty() || contender.name == "jemalloc"))
      report.baseline = contender.name;
  if (!report.baseline.empty()) return std::nullopt;
  return Failure{kExitOurFailure, fmt::format("bench: nothing to compare with: {}", fmt::join(report.notes, "; "))};
}

std::optional<Failure> add_contenders(Report& report, const BenchOptions& options) {
  auto peers = parse_contenders(against(options));
  if (!peers) return peers.failure();
  const auto library = find_library();
  if (!library) return library.failure();
  report.contenders = ours(options, *library);
  if (auto failure = add_peers(report, *peers)) return failure;
  if (const auto name = name_given_twice(report.contenders))
    return Failure{kExitUsage,
                   fmt::format("bench: --against: {} is given twice; want NAME=PATH for one of them", *name)};
  return choose_baseline(report);
}

// ---- the runs

std::string repeated_by(const Words& words) {
  std::string line = "gamelan bench";
  for (const std::string& word : words) {
    const bool is_plain = !word.empty() && word.find_first_of(" \t\n'\"\\$`*?[]{}();&|<>#~!") == word.npos;
    line += is_plain ? fmt::format(" {}", word) : fmt::format(" '{}'", word);
  }
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
  if (const auto failure = add_contenders(report, options)) return cli::report(*failure);
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
  bench::declare_what(line.options(), options);
  bench::declare_how(line.options(), options);
  bench::declare_results(line.options(), options);
  const auto program_at = words.begin() + static_cast<std::ptrdiff_t>(line.count_options(words));
  if (const auto code = line.parse(Words(words.begin(), program_at))) return *code;
  Words program(program_at, words.end());
  if (!program.empty() && program[0] == "--") program.erase(program.begin());
  if (const auto why = bench::contradiction(options, program)) return report(line.usage_error(*why));
  return bench::bench(options, words, program);
}

}  // namespace gamelan::cli
