#include "preload/cli/elf_file.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace gamelan::cli {
namespace {

template <class T>
std::optional<T> read_at(Bytes bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// The NUL-terminated string at `offset`, at most `limit` bytes long.
std::optional<std::string_view> string_at(Bytes bytes, uint64_t offset, uint64_t limit) {
  if (offset >= bytes.size()) return std::nullopt;
  const uint64_t room = std::min<uint64_t>(limit, bytes.size() - offset);
  const auto* text = reinterpret_cast<const char*>(bytes.data() + offset);
  const void* end = std::memchr(text, 0, room);
  if (!end) return std::nullopt;
  return std::string_view(text, static_cast<const char*>(end) - text);
}

// The addresses that the dynamic section holds, turned into offsets into the bytes.
class AddressMap {
 public:
  AddressMap(std::vector<Elf64_Phdr> segments, ElfLayout layout) : segments_(std::move(segments)), layout_(layout) {}

  std::optional<uint64_t> offset_of(uint64_t address) const {
    if (layout_.in_memory) return address >= layout_.base ? address - layout_.base : address;
    for (const Elf64_Phdr& s : segments_) {
      if (s.p_type == PT_LOAD && address >= s.p_vaddr && address - s.p_vaddr < s.p_filesz)
        return s.p_offset + (address - s.p_vaddr);
    }
    return std::nullopt;
  }

  uint64_t start_of(const Elf64_Phdr& segment) const { return layout_.in_memory ? segment.p_vaddr : segment.p_offset; }

 private:
  std::vector<Elf64_Phdr> segments_;
  ElfLayout layout_;
};

// The dynamic section's entries that we use, as they stand there: addresses, not offsets.
struct DynamicSection {
  uint64_t strings = 0, strings_size = 0, symbols = 0, hash = 0, gnu_hash = 0, flags_1 = 0;
  std::optional<uint64_t> soname;
  std::vector<uint64_t> needed;
};

DynamicSection read_dynamic_section(Bytes bytes, uint64_t offset, uint64_t size) {
  DynamicSection found;
  for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= size; at += sizeof(Elf64_Dyn)) {
    const auto entry = read_at<Elf64_Dyn>(bytes, offset + at);
    if (!entry || entry->d_tag == DT_NULL) break;
    switch (entry->d_tag) {
      case DT_STRTAB: found.strings = entry->d_un.d_ptr; break;
      case DT_STRSZ: found.strings_size = entry->d_un.d_val; break;
      case DT_SYMTAB: found.symbols = entry->d_un.d_ptr; break;
      case DT_HASH: found.hash = entry->d_un.d_ptr; break;
      case DT_GNU_HASH: found.gnu_hash = entry->d_un.d_ptr; break;
      case DT_FLAGS_1: found.flags_1 = entry->d_un.d_val; break;
      case DT_SONAME: found.soname = entry->d_un.d_val; break;
      case DT_NEEDED: found.needed.push_back(entry->d_un.d_val); break;
      default: break;
    }
  }
  return found;
}

// The System V table names the number of symbols outright.
uint64_t count_by_sysv_hash(Bytes bytes, uint64_t offset) {
  const auto nchain = read_at<uint32_t>(bytes, offset + sizeof(uint32_t));
  return nchain.value_or(0);
}

// The GNU table does not: the last symbol is the end of the chain that the highest bucket starts.
uint64_t count_by_gnu_hash(Bytes bytes, uint64_t offset) {
  struct Header {
    uint32_t buckets, first_symbol, bloom_words, bloom_shift;
  };
  const auto header = read_at<Header>(bytes, offset);
  if (!header) return 0;
  const uint64_t buckets_at = offset + sizeof(Header) + uint64_t{header->bloom_words} * sizeof(uint64_t);
  const uint64_t chains_at = buckets_at + uint64_t{header->buckets} * sizeof(uint32_t);
  if (chains_at > bytes.size()) return 0;

  uint32_t last = 0;
  for (uint64_t at = buckets_at; at < chains_at; at += sizeof(uint32_t))
    last = std::max(last, read_at<uint32_t>(bytes, at).value_or(0));
  if (last < header->first_symbol) return header->first_symbol;

  for (;; ++last) {
    const auto hash = read_at<uint32_t>(bytes, chains_at + uint64_t{last - header->first_symbol} * sizeof(uint32_t));
    if (!hash) return 0;
    if (*hash & 1) return uint64_t{last} + 1;
  }
}

uint64_t count_symbols(Bytes bytes, const DynamicSection& dynamic, const AddressMap& map) {
  if (dynamic.hash)
    if (const auto offset = map.offset_of(dynamic.hash)) return count_by_sysv_hash(bytes, *offset);
  if (dynamic.gnu_hash)
    if (const auto offset = map.offset_of(dynamic.gnu_hash)) return count_by_gnu_hash(bytes, *offset);
  return 0;
}

void take_strings(Bytes bytes, const DynamicSection& dynamic, ElfFile& elf) {
  const auto text = [&](uint64_t offset) -> std::string {
    if (offset >= elf.strings_size) return {};
    const auto found = string_at(bytes, elf.strings_at + offset, elf.strings_size - offset);
    return found ? std::string(*found) : std::string();
  };
  if (dynamic.soname) elf.soname = text(*dynamic.soname);
  for (const uint64_t offset : dynamic.needed) elf.needed.push_back(text(offset));
}

void take_dynamic_section(Bytes bytes, const Elf64_Phdr& segment, const AddressMap& map, ElfFile& elf) {
  elf.has_dynamic_section = true;
  const DynamicSection dynamic = read_dynamic_section(bytes, map.start_of(segment), segment.p_filesz);
  elf.is_pie = dynamic.flags_1 & DF_1_PIE;
  const auto strings = map.offset_of(dynamic.strings);
  const auto symbols = map.offset_of(dynamic.symbols);
  if (!strings || *strings >= bytes.size()) return;
  elf.strings_at = *strings;
  elf.strings_size = std::min<uint64_t>(dynamic.strings_size, bytes.size() - *strings);
  take_strings(bytes, dynamic, elf);
  if (!symbols || *symbols >= bytes.size()) return;
  elf.symbols_at = *symbols;
  elf.symbol_count =
      std::min<uint64_t>(count_symbols(bytes, dynamic, map), (bytes.size() - *symbols) / sizeof(Elf64_Sym));
}

std::optional<std::vector<Elf64_Phdr>> read_segments(Bytes bytes, const Elf64_Ehdr& header) {
  std::vector<Elf64_Phdr> segments;
  if (header.e_phnum != 0 && header.e_phentsize != sizeof(Elf64_Phdr)) return std::nullopt;
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = read_at<Elf64_Phdr>(bytes, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) return std::nullopt;
    segments.push_back(*segment);
  }
  return segments;
}

void take_segments(Bytes bytes, ElfLayout layout, ElfFile& elf) {
  const auto header = read_at<Elf64_Ehdr>(bytes, 0);
  const auto segments = header ? read_segments(bytes, *header) : std::nullopt;
  if (!segments) {
    elf.is_damaged = true;
    return;
  }
  const AddressMap map(*segments, layout);
  for (const Elf64_Phdr& segment : *segments) {
    if (segment.p_type == PT_INTERP) {
      const auto name = string_at(bytes, map.start_of(segment), segment.p_filesz);
      elf.is_damaged |= !name;
      elf.interpreter = std::string(name.value_or(""));
    }
    if (segment.p_type == PT_DYNAMIC) take_dynamic_section(bytes, segment, map, elf);
  }
}

}  // namespace

std::optional<ElfFile> parse_elf(Bytes bytes, ElfLayout layout) {
  // type and machine stand at the same place in both classes
  if (bytes.size() < offsetof(Elf64_Ehdr, e_version) || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0)
    return std::nullopt;
  const bool is_big_endian = bytes[EI_DATA] == std::byte{ELFDATA2MSB};
  const auto half = [&](size_t offset) {
    const uint16_t value = *read_at<uint16_t>(bytes, offset);
    return is_big_endian ? static_cast<uint16_t>(__builtin_bswap16(value)) : value;
  };
  ElfFile elf;
  elf.is_64_bit = bytes[EI_CLASS] == std::byte{ELFCLASS64};
  elf.type = half(offsetof(Elf64_Ehdr, e_type));
  elf.machine = half(offsetof(Elf64_Ehdr, e_machine));
  if (elf.is_64_bit && !is_big_endian) take_segments(bytes, layout, elf);
  return elf;
}

std::vector<ElfSymbol> dynamic_symbols(Bytes bytes, const ElfFile& elf) {
  std::vector<ElfSymbol> symbols;
  for (uint64_t i = 1; i < elf.symbol_count; ++i) {  // entry 0 is reserved
    const auto symbol = read_at<Elf64_Sym>(bytes, elf.symbols_at + i * sizeof(Elf64_Sym));
    if (!symbol) break;
    if (ELF64_ST_BIND(symbol->st_info) == STB_LOCAL || symbol->st_name >= elf.strings_size) continue;
    const auto name = string_at(bytes, elf.strings_at + symbol->st_name, elf.strings_size - symbol->st_name);
    if (name) symbols.push_back({*name, symbol->st_value, symbol->st_shndx != SHN_UNDEF});
  }
  return symbols;
}

std::optional<uint64_t> find_export(Bytes bytes, const ElfFile& elf, std::string_view name) {
  for (const ElfSymbol& symbol : dynamic_symbols(bytes, elf))
    if (symbol.is_defined && symbol.name == name) return symbol.value;
  return std::nullopt;
}

std::string machine_name(uint16_t machine) {
  switch (machine) {
    case EM_X86_64: return "x86-64";
    case EM_386: return "i386";
    case EM_AARCH64: return "arm64";
    case EM_ARM: return "arm";
    case EM_RISCV: return "riscv";
    case EM_PPC64: return "ppc64";
    case EM_S390: return "s390";
    case EM_MIPS: return "mips";
    case EM_LOONGARCH: return "loongarch";
    default: return "machine " + std::to_string(machine);
  }
}

}  // namespace gamelan::cli
