// preload/cli/completion.cc: `gamelan completion bash`: prints the script that bash-completion loads.
//
// Commands, option keys and their choices are filled in from the tables; the rest is fixed text.
#include <fmt/format.h>

#include "preload/cli/command_line.h"
#include "preload/cli/commands.h"
#include "preload/cli/settings.h"

namespace gamelan::cli {
namespace {

// %COMMANDS% and %SETTINGS% are filled in.
constexpr std::string_view kBash = R"bash(# bash completion for gamelan: source <(gamelan completion bash)
_gamelan() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} i
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '%COMMANDS% --help --version' -- "$current"))
    return
  fi
  case ${COMP_WORDS[1]} in
    run)
      for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
          --gc | --threads | --log | -o) ((i++)) ;;
          --) ((i++)); break ;;
          -*) ;;
          =) ((i++)) ;;
          *) break ;;
        esac
      done
      if ((i < COMP_CWORD)) && declare -F _command_offset > /dev/null; then
        _command_offset "$i"
        return
      fi
      case $previous in
        --gc) COMPREPLY=($(compgen -W 'off leak collect' -- "$current")) ;;
        --threads) COMPREPLY=($(compgen -W 'auto goroutine native' -- "$current")) ;;
        --log) COMPREPLY=($(compgen -f -- "$current")) ;;
        -o) COMPREPLY=($(compgen -W '%SETTINGS%' -- "$current")) ;;
        *)
          case $current in
            -*) COMPREPLY=($(compgen -W '--gc --threads --stats --stats=json --log -o --off --help --' -- "$current")) ;;
            *) COMPREPLY=($(compgen -c -f -- "$current")) ;;
          esac
          ;;
      esac
      ;;
    doctor) COMPREPLY=($(compgen -f -W '--json --help' -- "$current")) ;;
    stat)
      case $current in
        -*) COMPREPLY=($(compgen -W '--json --watch --count --help' -- "$current")) ;;
        *) COMPREPLY=($(compgen -W "$(cd /proc && echo [0-9]*)" -- "$current")) ;;
      esac
      ;;
    dump) COMPREPLY=($(compgen -W "--help $(cd /proc && echo [0-9]*)" -- "$current")) ;;
    bench)
      for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
          --against | --runs | --threads | --json | --markdown | --html | --fail-above | --load | --ready | --timeout | --rows) ((i++)) ;;
          --) ((i++)); break ;;
          -*) ;;
          =) ((i++)) ;;
          *) break ;;
        esac
      done
      if ((i < COMP_CWORD)) && declare -F _command_offset > /dev/null; then
        _command_offset "$i"
        return
      fi
      case $previous in
        --against) COMPREPLY=($(compgen -W 'jemalloc glibc mimalloc tcmalloc' -- "$current")) ;;
        --threads) COMPREPLY=($(compgen -W 'native goroutine both' -- "$current")) ;;
        --json | --markdown | --html) COMPREPLY=($(compgen -f -- "$current")) ;;
        --runs | --timeout | --fail-above | --rows | --ready | --load) ;;
        *)
          case $current in
            -*) COMPREPLY=($(compgen -W '--against --runs --quick --threads --json --markdown --html --fail-above --load --ready --timeout --ignore-output --suite --rows --help --' -- "$current")) ;;
            *) COMPREPLY=($(compgen -c -f -- "$current")) ;;
          esac
          ;;
      esac
      ;;
    help) COMPREPLY=($(compgen -W 'options environment metrics exit-codes %COMMANDS%' -- "$current")) ;;
    completion) COMPREPLY=($(compgen -W 'bash' -- "$current")) ;;
  esac
}
complete -F _gamelan gamelan
)bash";

std::string command_names() {
  std::string names;
  for (const Command& command : all_commands()) names.append(names.empty() ? "" : " ").append(command.name);
  return names;
}

std::string settings_and_choices() {
  std::string words;
  for (const Setting& setting : all_settings()) {
    if (setting.type != SettingType::kChoice)
      words += fmt::format("{}= ", setting.name);
    else
      for (const std::string_view choice : choices_of(setting)) words += fmt::format("{}={} ", setting.name, choice);
  }
  return words;
}

std::string fill_in(std::string text, std::string_view mark, const std::string& words) {
  for (size_t at; (at = text.find(mark)) != text.npos;) text.replace(at, mark.size(), words);
  return text;
}

}  // namespace

int completion_command(const Words& words) {
  CommandLine line("completion");
  std::string shell;
  line.options().add_option("SHELL", shell, "bash")->required()->check(one_of({"bash"}));
  if (const auto code = line.parse(words)) return *code;
  fmt::print("{}",
             fill_in(fill_in(std::string(kBash), "%COMMANDS%", command_names()), "%SETTINGS%", settings_and_choices()));
  return kExitOk;
}

}  // namespace gamelan::cli
