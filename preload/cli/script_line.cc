#include "preload/cli/script_line.h"

namespace gamelan::cli {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Cuts the first word off `text`.
std::string_view take_word(std::string_view& text) {
  text = trim(text);
  const std::string_view word = text.substr(0, text.find_first_of(kBlank));
  text = trim(text.substr(word.size()));
  return word;
}

}  // namespace

std::optional<ScriptLine> parse_script_line(std::string_view head) {
  head = head.substr(0, kScriptLineLimit);
  if (!head.starts_with("#!")) return std::nullopt;
  std::string_view line = head.substr(2);
  const size_t end = line.find('\n');
  const bool is_cut = end == line.npos && head.size() == kScriptLineLimit;
  line = line.substr(0, end);
  line = line.substr(0, line.find('\0'));

  std::string_view rest = line;
  const std::string_view interpreter = take_word(rest);
  if (interpreter.empty()) return std::nullopt;
  // a name that runs into the limit may be half a name; the kernel refuses it too
  if (is_cut && interpreter.end() == line.end()) return std::nullopt;
  return ScriptLine{std::string(interpreter), std::string(rest)};
}

bool looks_like_text(std::string_view head) {
  const std::string_view first_line = head.substr(0, head.find('\n'));
  return first_line.find('\0') == first_line.npos;
}

std::optional<std::string> program_behind_env(const ScriptLine& line) {
  const size_t slash = line.interpreter.rfind('/');
  const size_t name_at = slash == std::string::npos ? 0 : slash + 1;
  if (std::string_view(line.interpreter).substr(name_at) != "env") return std::nullopt;

  std::string_view rest = line.argument;
  std::string_view word = take_word(rest);
  const bool is_split = word == "-S" || word == "--split-string";
  if (is_split) word = take_word(rest);
  while (is_split && word.find('=') != word.npos && !word.starts_with("PATH=")) word = take_word(rest);
  // without -S the whole argument is one name
  if (!is_split && !rest.empty()) return std::nullopt;
  if (word.empty() || word.starts_with('-') || word.find_first_of("=\"'\\$") != word.npos) return std::nullopt;
  return std::string(word);
}

}  // namespace gamelan::cli
