#include "preload/cli/bench/suite.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

namespace gamelan::cli::bench {
namespace {

constexpr std::string_view kProgramPlace = "{programs}/";
constexpr int64_t kQuickRounds = 1;

std::string text_of(const toml::table& table, std::string_view key) { return table[key].value_or(std::string()); }

std::vector<std::string> texts_of(const toml::table& table, std::string_view key) {
  std::vector<std::string> texts;
  if (const toml::array* array = table[key].as_array())
    for (const toml::node& node : *array) texts.push_back(node.value_or(std::string()));
  return texts;
}

std::vector<int64_t> numbers_of(const toml::table& table, std::string_view key) {
  std::vector<int64_t> numbers;
  if (const toml::array* array = table[key].as_array())
    for (const toml::node& node : *array) numbers.push_back(node.value_or(int64_t{0}));
  return numbers;
}

Job job_of(const toml::table& table) {
  Job job;
  job.words = texts_of(table, "run");
  if (const toml::table* variables = table["env"].as_table())
    for (const auto& [key, value] : *variables) job.variables[std::string(key)] = value.value_or(std::string());
  job.folder = "{scratch}";
  if (const std::string input = text_of(table, "input"); !input.empty()) job.input = input;
  job.ready = text_of(table, "ready");
  job.load = text_of(table, "load");
  job.timeout = table["timeout"].value_or(300.0);
  return job;
}

SuiteRow row_of(const toml::table& table) {
  SuiteRow row;
  row.head = {text_of(table, "name"), text_of(table, "group"), table["figures"].value_or(false)};
  row.job = job_of(table);
  row.commands = texts_of(table, "commands");
  row.packages = texts_of(table, "packages");
  if (!row.job.words.empty() && row.job.words[0].starts_with(kProgramPlace))
    row.program = row.job.words[0].substr(kProgramPlace.size());
  return row;
}

SuiteRow with_numbers(SuiteRow row, int64_t threads, int64_t work, bool is_only) {
  if (!is_only) row.head.name += fmt::format("-{}", threads);
  row.job = fill_in(row.job, {{"{threads}", std::to_string(threads)}, {"{work}", std::to_string(work)}});
  return row;
}

void add_row(Suite& suite, const toml::table& table, int64_t divisor) {
  const SuiteRow row = row_of(table);
  const int64_t work = std::max<int64_t>(1, table["work"].value_or(int64_t{1}) / divisor);
  std::vector<int64_t> threads = numbers_of(table, "threads");
  if (threads.empty()) threads = {1};
  for (const int64_t count : threads) suite.rows.push_back(with_numbers(row, count, work, threads.size() == 1));
}

std::string what_is_missing(const SuiteRow& row) {
  if (row.head.name.empty()) return "a row has no name";
  if (row.head.group.empty()) return fmt::format("row {} has no group", row.head.name);
  if (row.job.words.empty()) return fmt::format("row {} has nothing to run", row.head.name);
  if (row.job.ready.empty() != row.job.load.empty())
    return fmt::format("row {}: ready and load belong together", row.head.name);
  return {};
}

Failure wrong(const std::string& why) { return {kExitOurFailure, "bench: suite.toml: " + why}; }

Result<Suite> suite_of(const toml::table& file, bool is_quick) {
  Suite suite;
  suite.rounds = static_cast<int>(is_quick ? kQuickRounds : file["rounds"].value_or(int64_t{5}));
  const int64_t divisor = is_quick ? std::max<int64_t>(1, file["quick_divisor"].value_or(int64_t{20})) : 1;
  const toml::array* rows = file["row"].as_array();
  if (!rows) return wrong("has no [[row]]");
  for (const toml::node& node : *rows) add_row(suite, *node.as_table(), divisor);
  for (const SuiteRow& row : suite.rows)
    if (const std::string why = what_is_missing(row); !why.empty()) return wrong(why);
  return suite;
}

}  // namespace

Result<Suite> parse_suite(std::string_view text, bool is_quick) {
  try {
    return suite_of(toml::parse(text), is_quick);
  } catch (const toml::parse_error& error) {
    return wrong(fmt::format("line {}: {}", error.source().begin.line, error.description()));
  }
}

void select_rows(Suite& suite, const std::string& pattern) {
  std::erase_if(suite.rows,
                [&](const SuiteRow& row) { return fnmatch(pattern.c_str(), row.head.name.c_str(), 0) != 0; });
}

std::set<std::string> programs_of(const Suite& suite) {
  std::set<std::string> names;
  for (const SuiteRow& row : suite.rows)
    if (!row.program.empty()) names.insert(row.program);
  return names;
}

std::string fill_in(std::string text, const Places& places) {
  for (const auto& [mark, value] : places)
    for (size_t at = 0; (at = text.find(mark, at)) != text.npos; at += value.size())
      text.replace(at, mark.size(), value);
  return text;
}

Job fill_in(const Job& job, const Places& places) {
  Job filled = job;
  for (std::string& word : filled.words) word = fill_in(word, places);
  for (auto& [name, value] : filled.variables) value = fill_in(value, places);
  for (std::string* text : {&filled.folder, &filled.input, &filled.ready, &filled.load}) *text = fill_in(*text, places);
  return filled;
}

}  // namespace gamelan::cli::bench
