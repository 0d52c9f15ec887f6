#include "preload/cli/program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "preload/cli/file_view.h"
#include "preload/cli/search_path.h"
#include "preload/cli/verdict.h"

namespace gamelan::cli {
namespace {

std::string_view head_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kScriptLineLimit)};
}

// "SCRIPT: its interpreter FILE: matter", so that the line starts with the file the user named.
Failure blame(const Program& program, const std::string& file, Failure failure) {
  if (file != program.path) failure.text = fmt::format("{}: its interpreter {}", program.path, failure.text);
  return failure;
}

Failure refuse(const std::string& file, const std::string& matter) {
  return {kExitCannotPreload, fmt::format("{}: {}", file, matter)};
}

// A missing loader would be reported by execve as if the program itself were missing.
std::optional<Failure> missing_loader(const std::string& file, const ElfFile& elf) {
  if (!elf.interpreter || access(elf.interpreter->c_str(), F_OK) == 0) return std::nullopt;
  return Failure{kExitNotFound, fmt::format("{}: its loader {} does not exist", file, *elf.interpreter)};
}

std::optional<Failure> refusal_of_binary(const Program& program, const Credentials& caller) {
  if (const auto why = why_not_preloadable(*program.elf)) return refuse(program.binary, *why);
  if (const auto why = privilege_gained(program.identity, caller))
    return refuse(program.binary, *why + ", and the loader ignores LD_PRELOAD then; want it without that privilege");
  return missing_loader(program.binary, *program.elf);
}

void take_binary(Program& program, const std::string& file, const FileView& view, const Credentials& caller) {
  program.binary = file;
  program.identity = identity_of(view.descriptor());
  if (auto failure = refusal_of_binary(program, caller)) program.refusal = blame(program, file, *failure);
}

// Where a script leads: the interpreter's path, or what `env` would start, or fail to find.
Result<std::string> interpreter_of(const ScriptLine& line, const std::vector<std::string>& search_path) {
  if (const auto name = program_behind_env(line)) return find_program(*name, search_path);
  return line.interpreter;
}

// The file to look at next, or nothing when the way ends at `file`.
std::optional<std::string> step(Program& program, const std::string& file, const std::vector<std::string>& search_path,
                                const Credentials& caller) {
  const auto end_with = [&](Failure failure) {
    program.refusal = blame(program, file, std::move(failure));
    return std::nullopt;
  };
  if (const auto executable = check_executable(file); !executable) return end_with(executable.failure());
  FileView view;
  if (!view.open(file))
    return end_with(refuse(
        file, fmt::format("cannot be read ({}), so it cannot be checked; want read permission", std::strerror(errno))));
  program.elf = parse_elf(view.bytes());
  if (program.elf) {
    take_binary(program, file, view, caller);
    return std::nullopt;
  }

  const std::string_view head = head_of(view.bytes());
  const auto line = parse_script_line(head);
  const bool is_first = program.scripts.empty();
  if (!line && !(is_first && looks_like_text(head)))
    return end_with(refuse(file, "is neither an ELF program nor a script; want one of them"));
  if (program.scripts.size() == kScriptDepth)
    return end_with(
        refuse(file, fmt::format("is script number {} in a row; want at most {}", kScriptDepth + 1, kScriptDepth)));
  program.is_shell_text |= !line;
  program.scripts.push_back({file, line.value_or(ScriptLine{kShell, ""})});
  const Result<std::string> next = interpreter_of(program.scripts.back().line, search_path);
  if (next) return *next;
  program.refusal =
      Failure{next.failure().exit_code, fmt::format("{}: its interpreter {}", program.path, next.failure().text)};
  return std::nullopt;
}

}  // namespace

Program examine(const std::string& path, const std::vector<std::string>& search_path, const Credentials& caller) {
  Program program;
  program.path = path;
  std::optional<std::string> file = path;
  while (file) file = step(program, *file, search_path, caller);
  return program;
}

}  // namespace gamelan::cli
