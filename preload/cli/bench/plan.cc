#include "preload/cli/bench/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "preload/cli/bench/conclusion.h"
#include "preload/cli/bench/progress.h"
#include "preload/cli/bench/rounds.h"
#include "preload/cli/bench/scratch.h"
#include "preload/cli/bench/text.h"
#include "preload/cli/commands.h"
#include "preload/cli/search_path.h"

namespace gamelan::cli::bench {
namespace {

size_t baseline_of(const Report& report) {
  const auto at = std::find_if(report.contenders.begin(), report.contenders.end(),
                               [&](const Contender& c) { return c.name == report.baseline; });
  return static_cast<size_t>(at - report.contenders.begin());
}

int interrupted(Interruption& interruption) {
  return report({128 + interruption.signal_number(), "bench: interrupted; nothing is reported"});
}

void conclude(Report& report) {
  report.summaries = summarize(report);
  report.verdict = verdict_of(report);
}

// "apt-get install ruby", or nothing when every command is there.
std::string what_to_install(const SuiteRow& row) {
  const std::vector<std::string> folders = split_search_path(std::getenv("PATH"));
  for (const std::string& command : row.commands)
    if (!find_program(command, folders))
      return fmt::format("no {}: apt-get install {}", command, fmt::join(row.packages, " "));
  return {};
}

class SuiteRun {
 public:
  SuiteRun(Report& report, const Suite& suite, Places places)
      : report_(report), suite_(suite), places_(std::move(places)), progress_(suite.rows.size() * runs_per_row()) {
    places_["{scratch}"] = scratch_.path();
  }

  int all_rows() {
    for (const SuiteRow& row : suite_.rows) {
      const std::vector<Row> made = rows_for(row);
      if (interruption_.has_come()) return interrupted(interruption_);
      add(made);
    }
    return kExitOk;
  }

 private:
  size_t runs_per_row() const { return report_.contenders.size() * static_cast<size_t>(report_.rounds); }

  std::vector<Row> rows_for(const SuiteRow& row) {
    if (const std::string why = what_to_install(row); !why.empty()) {
      progress_.skip(runs_per_row());
      return {not_run(row, why)};
    }
    const Job job = fill_in(row.job, places_);
    const Measurements seen = run_rounds(job, report_.contenders, rounds_of(row), interruption_);
    return rows_of(row.head, job, report_.contenders, baseline_of(report_), seen);
  }

  Rounds rounds_of(const SuiteRow& row) {
    Rounds rounds;
    rounds.count = report_.rounds;
    rounds.is_warmed = false;  // the first round begins with ours, and medians pass over it
    rounds.before_run = [this, &row](const Contender& contender) {
      scratch_.empty();
      progress_.step(fmt::format("{} {}", row.head.name, contender.name));
    };
    return rounds;
  }

  static Row not_run(const SuiteRow& row, const std::string& why) {
    Row made;
    made.name = row.head.name;
    made.group = row.head.group;
    made.not_run = why;
    return made;
  }

  void add(const std::vector<Row>& rows) {
    progress_.clear();
    for (const Row& row : rows) print_suite_row(report_, row);
    std::fflush(stdout);
    report_.rows.insert(report_.rows.end(), rows.begin(), rows.end());
  }

  Report& report_;
  const Suite& suite_;
  Places places_;
  Scratch scratch_;
  Interruption interruption_;
  Progress progress_;
};

}  // namespace

int run_command_plan(Report& report, const Job& job) {
  print_head(report);
  std::fflush(stdout);
  Interruption interruption;
  Progress progress(report.contenders.size() * static_cast<size_t>(report.rounds) + 1);
  Rounds rounds;
  rounds.count = report.rounds;
  rounds.before_run = [&](const Contender& contender) { progress.step(contender.name); };
  const Measurements seen = run_rounds(job, report.contenders, rounds, interruption);
  progress.clear();
  if (interruption.has_come()) return interrupted(interruption);
  report.rows = rows_of({job.words[0], "command"}, job, report.contenders, baseline_of(report), seen);
  conclude(report);
  print_command_table(report);
  print_tail(report);
  return kExitOk;
}

int run_suite_plan(Report& report, const Suite& suite, const Places& places) {
  print_head(report);
  print_suite_columns(report);
  std::fflush(stdout);
  if (const int code = SuiteRun(report, suite, places).all_rows()) return code;
  conclude(report);
  print_tail(report);
  return kExitOk;
}

}  // namespace gamelan::cli::bench
