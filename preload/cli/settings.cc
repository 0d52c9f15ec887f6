#include "preload/cli/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace gamelan::cli {
namespace {

// The nth of "a|b|c".
constexpr std::string_view nth_choice(std::string_view choices, int n) {
  for (; n > 0; --n) choices.remove_prefix(choices.find('|') + 1);
  return choices.substr(0, choices.find('|'));
}

constexpr Setting kSettings[] = {
#define OPTION_NUM(name, preset, min, max, unit, sentence) \
  {#name, SettingType::kNumber, #preset, min, max, "", unit, sentence},
#define OPTION_TEXT(name, preset, min, max, unit, sentence) \
  {#name, SettingType::kText, preset, min, max, "", unit, sentence},
#define OPTION_ENUM(name, preset, choices, max, unit, sentence) \
  {#name, SettingType::kChoice, nth_choice(choices, preset), 0, max, choices, unit, sentence},
#include "allocator/base/options.inc"
#undef OPTION_NUM
#undef OPTION_TEXT
#undef OPTION_ENUM
};

bool is_number_within(std::string_view text, int64_t min, int64_t max) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= min && number <= max;
}

bool is_accepted(const Setting& setting, std::string_view value) {
  switch (setting.type) {
    case SettingType::kNumber: return is_number_within(value, setting.min, setting.max);
    case SettingType::kText: return static_cast<int64_t>(value.size()) <= setting.max;
    case SettingType::kChoice: break;
  }
  const auto choices = choices_of(setting);
  return std::find(choices.begin(), choices.end(), value) != choices.end();
}

std::string known_names() {
  std::vector<std::string_view> names;
  for (const Setting& setting : kSettings) names.push_back(setting.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::span<const Setting> all_settings() { return kSettings; }

std::vector<std::string_view> choices_of(const Setting& setting) {
  std::vector<std::string_view> choices;
  const auto count = 1 + std::count(setting.choices.begin(), setting.choices.end(), '|');
  for (int i = 0; i < count; ++i) choices.push_back(nth_choice(setting.choices, i));
  return choices;
}

std::string accepted_values(const Setting& setting) {
  switch (setting.type) {
    case SettingType::kNumber: return fmt::format("a whole number from {} to {}", setting.min, setting.max);
    case SettingType::kText: return fmt::format("a text of at most {} bytes", setting.max);
    case SettingType::kChoice: break;
  }
  auto choices = choices_of(setting);
  const std::string_view last = choices.back();
  choices.pop_back();
  return choices.empty() ? std::string(last) : fmt::format("{} or {}", fmt::join(choices, ", "), last);
}

std::optional<std::string> complaint_about(std::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == assignment.npos || equals == 0) return fmt::format("{}: want key=value", assignment);
  const std::string_view name = assignment.substr(0, equals);
  const std::string_view value = assignment.substr(equals + 1);
  const auto setting =
      std::find_if(std::begin(kSettings), std::end(kSettings), [&](const Setting& s) { return s.name == name; });
  if (setting == std::end(kSettings)) return fmt::format("{}: no such option; known are {}", assignment, known_names());
  if (!is_accepted(*setting, value)) return fmt::format("{}: want {}", assignment, accepted_values(*setting));
  if (value.find(':') != value.npos)
    return fmt::format("{}: want a value without ':', which separates options", assignment);
  return std::nullopt;
}

}  // namespace gamelan::cli
