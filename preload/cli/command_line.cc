#include "preload/cli/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <memory>

namespace gamelan::cli {
namespace {

const Command& command_named(std::string_view name) {
  const auto commands = all_commands();
  return *std::find_if(commands.begin(), commands.end(), [&](const Command& c) { return c.name == name; });
}

class HelpFormatter final : public CLI::Formatter {
 public:
  explicit HelpFormatter(const Command& command) : command_(command) { column_width(28); }

  std::string make_usage(const CLI::App*, std::string) const override {
    return fmt::format("\nusage: gamelan {} {}\n", command_.name, command_.synopsis);
  }

  // "--stats{text}" is CLI11's way to give a flag a value
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    const std::string name = option->get_name(is_positional, true);
    return name.substr(0, name.find('{'));
  }

  // the value's name says enough; CLI11 would add its type, its set of values, and what it needs
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string& value = option->get_type_name();
    return value.empty() || option->get_positional() || option->get_items_expected_min() == 0 ? "" : " " + value;
  }

 private:
  const Command& command_;
};

}  // namespace

CommandLine::CommandLine(std::string_view name) : name_(name), app_(std::string(command_named(name).sentence) + ".") {
  app_.formatter(std::make_shared<HelpFormatter>(command_named(name)));
  app_.set_help_flag("-h,--help", "print this and exit");
  app_.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

std::optional<int> CommandLine::parse(const Words& words) {
  try {
    app_.parse(Words(words.rbegin(), words.rend()));  // CLI11 pops from the back
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app_.help());
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    return report(usage_error(error.what()));
  }
  return std::nullopt;
}

bool CommandLine::takes_next_word(const std::string& word) const {
  const CLI::Option* option = app_.get_option_no_throw(word);
  return option && option->get_items_expected_min() > 0;
}

size_t CommandLine::count_options(const Words& words) const {
  size_t count = 0;
  while (count < words.size() && words[count].size() > 1 && words[count][0] == '-' && words[count] != "--")
    count += takes_next_word(words[count]) ? 2 : 1;
  return std::min(count, words.size());
}

Failure CommandLine::usage_error(std::string_view text) const {
  return {kExitUsage, fmt::format("{}: {}; see 'gamelan help {}'", name_, text, name_)};
}

CLI::Validator one_of(std::vector<std::string> words) {
  const auto check = [words = std::move(words)](const std::string& word) -> std::string {
    if (std::find(words.begin(), words.end(), word) != words.end()) return {};
    return fmt::format("'{}' is unknown, want one of {}", word, fmt::join(words, ", "));
  };
  return CLI::Validator(check, "");
}

CLI::Validator whole_number_above_0() {
  const auto check = [](const std::string& word) -> std::string {
    int number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error == std::errc() && end == word.data() + word.size() && number > 0) return {};
    return fmt::format("'{}' is wrong, want a whole number above 0", word);
  };
  return CLI::Validator(check, "");
}

CLI::Validator whole_number_within(int min, int max) {
  const auto check = [min, max](const std::string& word) -> std::string {
    int number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error == std::errc() && end == word.data() + word.size() && number >= min && number <= max) return {};
    return fmt::format("'{}' is wrong, want a whole number from {} to {}", word, min, max);
  };
  return CLI::Validator(check, "");
}

CLI::Validator number_above_0() {
  const auto check = [](const std::string& word) -> std::string {
    double number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error == std::errc() && end == word.data() + word.size() && number > 0) return {};
    return fmt::format("'{}' is wrong, want a number above 0", word);
  };
  return CLI::Validator(check, "");
}

CLI::Validator seconds_above_0() {
  const auto check = [](const std::string& word) -> std::string {
    double number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    constexpr double kLongest = 1e6;  // eleven days; sleep_for would overflow far above it
    if (error == std::errc() && end == word.data() + word.size() && number > 0 && number <= kLongest) return {};
    return fmt::format("'{}' is wrong, want a number of seconds above 0", word);
  };
  return CLI::Validator(check, "");
}

}  // namespace gamelan::cli
