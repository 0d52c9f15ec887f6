// preload/cli/settings.h: the rows of options.inc as data, and the check of one `key=value`.
//
// Owns     a constant table made from allocator/base/options.inc, so the command knows what its library knows.
// Pure     no environment, no file.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::cli {

enum class SettingType { kNumber, kText, kChoice };

struct Setting {
  std::string_view name;
  SettingType type;
  std::string_view default_text;
  int64_t min;               // of a number
  int64_t max;               // of a number; of a text the bytes it may have
  std::string_view choices;  // "a|b|c"
  std::string_view unit;
  std::string_view sentence;
};

std::span<const Setting> all_settings();

// "auto, lists or bitmap", "a whole number from 0 to 1", "a text of at most 255 bytes".
std::string accepted_values(const Setting& setting);

std::vector<std::string_view> choices_of(const Setting& setting);

// What is wrong with "key=value", naming what is accepted; nothing when it is right.
std::optional<std::string> complaint_about(std::string_view assignment);

}  // namespace gamelan::cli
