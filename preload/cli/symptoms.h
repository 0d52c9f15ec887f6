// preload/cli/symptoms.h: what in a program meets an allocator: its own malloc, a sanitizer, a notable library.
//
// Pure     looks at names only.  None of it forbids a run; `doctor` tells it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "preload/cli/elf_file.h"

namespace gamelan::cli {

struct NotableLibrary {
  std::string name;       // as in DT_NEEDED
  std::string_view note;  // what it means under gamelan
};

struct Symptoms {
  std::vector<std::string> own_allocator;  // exported "malloc", "operator new", ...: the program's own come before ours
  std::string sanitizer;                   // "AddressSanitizer", or empty
  std::vector<NotableLibrary> libraries;
};

Symptoms find_symptoms(const ElfFile& elf, const std::vector<ElfSymbol>& symbols);

}  // namespace gamelan::cli
