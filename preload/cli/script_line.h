// preload/cli/script_line.h: the first line of a script, read as the kernel reads it.
//
// Pure     works on the file's first bytes.
// Source   Linux fs/binfmt_script.c; execvp(3) for text without a "#!" line; env(1) for what it runs.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gamelan::cli {

// The kernel looks at this many bytes and at no more (BINPRM_BUF_SIZE).
inline constexpr size_t kScriptLineLimit = 256;

struct ScriptLine {
  std::string interpreter;
  std::string argument;  // everything after it, one argument, may be empty
};

// The interpreter of a file that starts with `head`.  Nothing where the kernel would say ENOEXEC.
std::optional<ScriptLine> parse_script_line(std::string_view head);

// Whether a shell would take the file as a script although it has no "#!" line: its first line holds no NUL byte.
bool looks_like_text(std::string_view head);

// The program that `#!/usr/bin/env NAME` goes on to run, where that is plain to see.
std::optional<std::string> program_behind_env(const ScriptLine& line);

}  // namespace gamelan::cli
