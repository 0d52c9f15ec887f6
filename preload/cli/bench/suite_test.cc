#include "preload/cli/bench/suite.h"

#include <criterion/criterion.h>

using namespace gamelan::cli;
using namespace gamelan::cli::bench;

namespace {

constexpr char kTwoRows[] = R"(
rounds = 7
quick_divisor = 10
[[row]]
name = "larson"
group = "program"
threads = [1, 8]
work = 1000
run = ["{programs}/larson", "{threads}", "{work}"]
[[row]]
name = "redis"
group = "real"
commands = ["redis-server"]
packages = ["redis-server"]
env = {A = "{scratch}/x"}
run = ["redis-server", "{scratch}/s"]
ready = "test -S {scratch}/s"
load = "redis-benchmark -n {work}"
)";

}  // namespace

Test(suite, a_row_per_number_of_threads) {
  const auto suite = parse_suite(kTwoRows, false);
  cr_assert(suite->rounds == 7 && suite->rows.size() == 3);
  cr_assert(suite->rows[1].head.name == "larson-8" && suite->rows[1].program == "larson");
  cr_assert(suite->rows[1].job.words == (std::vector<std::string>{"{programs}/larson", "8", "1000"}));
  cr_assert(suite->rows[2].head.name == "redis" && suite->rows[2].program.empty() && suite->rows[2].job.is_server());
}

Test(suite, quick_runs_once_with_less_work) {
  const auto suite = parse_suite(kTwoRows, true);
  cr_assert(suite->rounds == 1 && suite->rows[0].job.words[2] == "100" && suite->rows[2].job.load.ends_with("-n 1"));
}

Test(suite, places_are_filled_in_everywhere) {
  const Job job = fill_in(parse_suite(kTwoRows, false)->rows[2].job, {{"{scratch}", "/tmp/q"}});
  cr_assert(job.words[1] == "/tmp/q/s" && job.variables.at("A") == "/tmp/q/x" && job.ready == "test -S /tmp/q/s");
  cr_assert(job.folder == "/tmp/q");
}

Test(suite, rows_are_chosen_by_pattern) {
  auto suite = parse_suite(kTwoRows, false);
  select_rows(*suite, "larson-*");
  cr_assert(suite->rows.size() == 2 && programs_of(*suite) == std::set<std::string>{"larson"});
}

Test(suite, says_what_is_wrong) {
  cr_assert(parse_suite("x =", false).failure().text.starts_with("bench: suite.toml: line 1: "));
  cr_assert(
      parse_suite("[[row]]\nname = 'a'\ngroup = 'b'", false).failure().text.ends_with("row a has nothing to run"));
  cr_assert(parse_suite("", false).failure().text.ends_with("has no [[row]]"));
}
