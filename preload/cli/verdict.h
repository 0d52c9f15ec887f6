// preload/cli/verdict.h: can the dynamic loader put our library into this ELF file?
//
// Pure     decides on the facts of an ElfFile.
// Returns  nothing when it can; otherwise "MATTER; want WHAT WOULD DO", to be put behind the file's name.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "preload/cli/elf_file.h"

namespace gamelan::cli {

enum class LibcFlavour { kGlibc, kMusl, kBionic, kUnknown };

// Told from the loader's name, as glibc's ABI fixes it.
LibcFlavour libc_of(const ElfFile& elf);
std::string_view libc_name(LibcFlavour libc);

// glibc's loader itself: a program that preloads our library into the one it is given.
bool is_glibc_loader(const ElfFile& elf);

std::optional<std::string> why_not_preloadable(const ElfFile& elf);

}  // namespace gamelan::cli
