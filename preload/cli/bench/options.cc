#include "preload/cli/bench/options.h"

#include <fmt/format.h>

#include "preload/cli/bench/rank_test.h"

namespace gamelan::cli::bench {
namespace {

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

}  // namespace

void declare(CLI::App& app, BenchOptions& options) {
  declare_what(app, options);
  declare_how(app, options);
  declare_results(app, options);
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

}  // namespace gamelan::cli::bench
