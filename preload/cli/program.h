// preload/cli/program.h: a program as the kernel would start it, from the file that is named to the ELF file that runs.
//
// Owns     the facts found on the way.  `run` asks for `refusal`, `doctor` prints everything.
// Order    script, script, ..., ELF: at most `kScriptDepth` scripts, as in the kernel.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "preload/cli/elf_file.h"
#include "preload/cli/privilege.h"
#include "preload/cli/result.h"
#include "preload/cli/script_line.h"

namespace gamelan::cli {

// what execvp starts text without a "#!" line with (_PATH_BSHELL)
inline constexpr char kShell[] = "/bin/sh";

inline constexpr size_t kScriptDepth = 5;  // the sixth script is answered with ELOOP (fs/exec.c exec_binprm)

struct Script {
  std::string path;
  ScriptLine line;
};

struct Program {
  std::string path;                // the file named
  std::vector<Script> scripts;     // passed on the way, outermost first
  std::string binary;              // the ELF file at the end; empty when none was reached
  bool is_shell_text = false;      // no "#!" line: execvp gives it to /bin/sh
  std::optional<ElfFile> elf;      // of `binary`
  FileIdentity identity;           // of `binary`
  std::optional<Failure> refusal;  // why it cannot run under gamelan; its text names the file
};

// Reads `path` and what it leads to.  `search_path` is for `#!/usr/bin/env NAME`.
Program examine(const std::string& path, const std::vector<std::string>& search_path, const Credentials& caller);

}  // namespace gamelan::cli
