// preload/cli/elf_file.h: what an ELF object says about itself, read from its bytes.
//
// Owns     nothing; ElfFile copies a few facts out, symbols are views into the caller's bytes.
// Pure     no file, no system call, no exception; every offset is checked, so hostile bytes give an answer or nothing.
// Source   gABI chapters 4 and 5; glibc elf/dl-lookup.c for the GNU hash table.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::cli {

using Bytes = std::span<const std::byte>;

// Where the bytes come from: a file lays out by offset, a mapped object by address.
// In memory the loader has also turned the addresses of the dynamic section into absolute ones: `base` undoes that.
struct ElfLayout {
  bool in_memory = false;
  uint64_t base = 0;
};

struct ElfFile {
  bool is_64_bit = false;
  uint16_t machine = 0;  // EM_*
  uint16_t type = 0;     // ET_*

  // What follows is read from 64-bit little-endian objects only.
  bool is_damaged = false;                 // headers point past the end
  std::optional<std::string> interpreter;  // PT_INTERP, the loader
  bool has_dynamic_section = false;
  bool is_pie = false;  // DF_1_PIE: a program, although ET_DYN
  std::string soname;
  std::vector<std::string> needed;  // DT_NEEDED, in order

  // Where the dynamic symbols are, as offsets into the bytes; zero when there are none.
  uint64_t symbols_at = 0;
  uint64_t symbol_count = 0;
  uint64_t strings_at = 0;
  uint64_t strings_size = 0;
};

struct ElfSymbol {
  std::string_view name;
  uint64_t value;   // relative to the object's base
  bool is_defined;  // exported; otherwise imported
};

// Reads the headers and the dynamic section.  Returns nothing when the bytes are not ELF at all.
std::optional<ElfFile> parse_elf(Bytes bytes, ElfLayout layout = {});

// Every global or weak dynamic symbol.  The names live as long as `bytes`.
std::vector<ElfSymbol> dynamic_symbols(Bytes bytes, const ElfFile& elf);

// The value of an exported symbol.
std::optional<uint64_t> find_export(Bytes bytes, const ElfFile& elf, std::string_view name);

// "x86-64", "arm64", ..., or "machine 123".
std::string machine_name(uint16_t machine);

}  // namespace gamelan::cli
