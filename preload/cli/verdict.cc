#include "preload/cli/verdict.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>

namespace gamelan::cli {
namespace {

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool needs_musl(const ElfFile& elf) {
  return std::any_of(elf.needed.begin(), elf.needed.end(),
                     [](const std::string& n) { return n.starts_with("libc.musl"); });
}

std::optional<std::string> wrong_machine(const ElfFile& elf) {
  if (elf.machine == EM_X86_64 && elf.is_64_bit) return std::nullopt;
  if (elf.machine == EM_X86_64) return "is an x32 program; want a 64-bit x86-64 one";
  if (!elf.is_64_bit)
    return fmt::format("is a 32-bit program ({}); want a 64-bit x86-64 one", machine_name(elf.machine));
  return fmt::format("is built for {}; want an x86-64 program", machine_name(elf.machine));
}

std::optional<std::string> wrong_type(const ElfFile& elf) {
  switch (elf.type) {
    case ET_EXEC:
    case ET_DYN: return std::nullopt;
    case ET_REL: return "is an object file; want a linked program";
    case ET_CORE: return "is a core dump; want a program";
    default: return "is an ELF file of unknown type; want a program";
  }
}

std::optional<std::string> not_dynamic(const ElfFile& elf) {
  if (elf.interpreter || is_glibc_loader(elf)) return std::nullopt;
  if (elf.type == ET_DYN && elf.has_dynamic_section && !elf.is_pie) return "is a shared library; want a program";
  return "is statically linked, so no library can be preloaded; want a dynamically linked program";
}

std::optional<std::string> wrong_libc(const ElfFile& elf) {
  const LibcFlavour libc = libc_of(elf);
  if (libc == LibcFlavour::kGlibc) return std::nullopt;
  return fmt::format("is linked against {} (loader {}); want a program linked against glibc", libc_name(libc),
                     elf.interpreter.value_or("none"));
}

}  // namespace

LibcFlavour libc_of(const ElfFile& elf) {
  if (is_glibc_loader(elf)) return LibcFlavour::kGlibc;
  const std::string_view loader = elf.interpreter ? base_name(*elf.interpreter) : std::string_view();
  if (loader.starts_with("ld-musl") || needs_musl(elf)) return LibcFlavour::kMusl;
  if (loader.starts_with("linker")) return LibcFlavour::kBionic;
  for (const std::string_view name : {"ld-linux-x86-64.so", "ld-lsb-x86-64.so", "ld-2.", "ld.so"})
    if (loader.starts_with(name)) return LibcFlavour::kGlibc;
  return LibcFlavour::kUnknown;
}

std::string_view libc_name(LibcFlavour libc) {
  switch (libc) {
    case LibcFlavour::kGlibc: return "glibc";
    case LibcFlavour::kMusl: return "musl";
    case LibcFlavour::kBionic: return "bionic";
    case LibcFlavour::kUnknown: break;
  }
  return "an unknown libc";
}

bool is_glibc_loader(const ElfFile& elf) { return elf.type == ET_DYN && elf.soname.starts_with("ld-linux-x86-64"); }

std::optional<std::string> why_not_preloadable(const ElfFile& elf) {
  if (auto why = wrong_machine(elf)) return why;
  if (elf.is_damaged) return "is damaged: its ELF headers point past its end; want a whole program";
  if (auto why = wrong_type(elf)) return why;
  if (auto why = not_dynamic(elf)) return why;
  return wrong_libc(elf);
}

}  // namespace gamelan::cli
