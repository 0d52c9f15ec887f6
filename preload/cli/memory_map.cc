#include "preload/cli/memory_map.h"

#include <charconv>
#include <optional>

namespace gamelan::cli {
namespace {

// Cuts the next blank-separated field off `line`.
std::string_view take_field(std::string_view& line) {
  const std::string_view field = line.substr(0, line.find(' '));
  line.remove_prefix(field.size());
  const size_t next = line.find_first_not_of(' ');
  line.remove_prefix(next == line.npos ? line.size() : next);
  return field;
}

std::optional<uint64_t> parse_hex(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// start-end perms offset dev inode path
std::optional<MappedRange> parse_line(std::string_view line) {
  const std::string_view range = take_field(line);
  const std::string_view permissions = take_field(line);
  const auto offset = parse_hex(take_field(line));
  take_field(line);  // device
  take_field(line);  // inode
  const size_t dash = range.find('-');
  if (dash == range.npos) return std::nullopt;
  const auto start = parse_hex(range.substr(0, dash));
  const auto end = parse_hex(range.substr(dash + 1));
  if (!start || !end || !offset) return std::nullopt;
  constexpr std::string_view kDeleted = " (deleted)";
  if (line.ends_with(kDeleted)) line.remove_suffix(kDeleted.size());
  return MappedRange{*start, *end, *offset, permissions.starts_with('r'), std::string(line)};
}

bool is_our_library(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("libgamelan") && name.ends_with(".so");
}

}  // namespace

std::vector<MappedRange> parse_maps(std::string_view text) {
  std::vector<MappedRange> ranges;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (auto range = parse_line(line)) ranges.push_back(std::move(*range));
  }
  return ranges;
}

std::vector<MappedRange> ranges_of_library(const std::vector<MappedRange>& all) {
  std::vector<MappedRange> ours;
  for (const MappedRange& range : all) {
    if (!is_our_library(range.path) || (!ours.empty() && range.path != ours[0].path)) continue;
    ours.push_back(range);
  }
  return ours;
}

}  // namespace gamelan::cli
