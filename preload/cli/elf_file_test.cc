#include "preload/cli/elf_file.h"

#include <criterion/criterion.h>
#include <elf.h>

#include <cstring>
#include <random>

using namespace gamelan::cli;

namespace {

// A small object: ELF header, three segments, loader name, dynamic section, strings, two symbols, hash table.
// One LOAD segment maps offset 0 at `base`, so that addresses and offsets differ.
class MadeUpElf {
 public:
  uint64_t base = 0;
  bool has_interpreter = true;
  bool has_gnu_hash = false;
  uint64_t flags_1 = 0;

  std::vector<std::byte> build() {
    bytes_.clear();
    const uint64_t header_at = put(Elf64_Ehdr{});
    const uint64_t segments_at = put(std::array<Elf64_Phdr, 3>{});
    const uint64_t loader_at = put_text("/lib64/ld-linux-x86-64.so.2");
    const uint64_t loader_size = bytes_.size() - loader_at;
    align();
    const uint64_t strings_at = put_text("");
    const uint64_t needed = put_text("libc.so.6") - strings_at;
    const uint64_t soname = put_text("libmade.so") - strings_at;
    const uint64_t exported = put_text("exported") - strings_at;
    const uint64_t imported = put_text("imported") - strings_at;
    const uint64_t strings_size = bytes_.size() - strings_at;
    align();
    const uint64_t symbols_at = put(Elf64_Sym{});
    put(symbol(imported, SHN_UNDEF, 0));
    put(symbol(exported, 7, 0x1234));
    const uint64_t hash_at = has_gnu_hash ? put_gnu_hash() : put_sysv_hash();
    align();
    const uint64_t dynamic_at = bytes_.size();
    entry(DT_NEEDED, needed);
    entry(DT_SONAME, soname);
    entry(DT_STRTAB, base + strings_at);
    entry(DT_STRSZ, strings_size);
    entry(DT_SYMTAB, base + symbols_at);
    entry(has_gnu_hash ? DT_GNU_HASH : DT_HASH, base + hash_at);
    entry(DT_FLAGS_1, flags_1);
    entry(DT_NULL, 0);
    const uint64_t dynamic_size = bytes_.size() - dynamic_at;

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_phoff = segments_at;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 3;
    write(header_at, header);
    const uint32_t first_type = has_interpreter ? PT_INTERP : PT_NULL;
    write(segments_at,
          std::array<Elf64_Phdr, 3>{segment(first_type, loader_at, loader_size), segment(PT_LOAD, 0, bytes_.size()),
                                    segment(PT_DYNAMIC, dynamic_at, dynamic_size)});
    return bytes_;
  }

 private:
  template <class T>
  uint64_t put(const T& value) {
    const uint64_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    write(at, value);
    return at;
  }
  template <class T>
  void write(uint64_t at, const T& value) {
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }
  uint64_t put_text(std::string_view text) {
    const uint64_t at = bytes_.size();
    for (const char c : text) bytes_.push_back(std::byte(c));
    bytes_.push_back(std::byte{0});
    return at;
  }
  void align() { bytes_.resize((bytes_.size() + 7) / 8 * 8); }
  void entry(int64_t tag, uint64_t value) { put(Elf64_Dyn{tag, {value}}); }
  static Elf64_Sym symbol(uint64_t name, uint16_t section, uint64_t value) {
    return {static_cast<uint32_t>(name), ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), STV_DEFAULT, section, value, 8};
  }
  Elf64_Phdr segment(uint32_t type, uint64_t offset, uint64_t size) const {
    return {type, PF_R, offset, base + offset, base + offset, size, size, 8};
  }
  uint64_t put_sysv_hash() { return put(std::array<uint32_t, 2>{1, 3}); }
  // one bucket that starts at symbol 2, the only one in the table; its chain ends at once
  uint64_t put_gnu_hash() {
    const uint64_t at = put(std::array<uint32_t, 4>{1, 2, 1, 0});
    put(uint64_t{0});
    put(std::array<uint32_t, 2>{2, 1});
    return at;
  }

  std::vector<std::byte> bytes_;
};

}  // namespace

Test(elf_file, refuses_what_is_not_elf) {
  cr_assert_not(parse_elf(Bytes()).has_value());
  const std::vector<std::byte> zeros(64);
  cr_assert_not(parse_elf(zeros).has_value());
}

Test(elf_file, reads_loader_needed_and_soname) {
  const auto bytes = MadeUpElf().build();
  const auto elf = parse_elf(bytes);
  cr_assert(elf && elf->is_64_bit && !elf->is_damaged && elf->has_dynamic_section && !elf->is_pie);
  cr_assert(elf->machine == EM_X86_64 && elf->type == ET_DYN);
  cr_assert(elf->interpreter == "/lib64/ld-linux-x86-64.so.2");
  cr_assert(elf->needed == std::vector<std::string>{"libc.so.6"});
  cr_assert(elf->soname == "libmade.so");
}

Test(elf_file, reads_symbols_by_either_hash_table) {
  for (const bool has_gnu_hash : {false, true}) {
    MadeUpElf made;
    made.base = 0x400000;
    made.has_gnu_hash = has_gnu_hash;
    const auto bytes = made.build();
    const auto elf = parse_elf(bytes);
    const auto symbols = dynamic_symbols(bytes, *elf);
    cr_assert_eq(symbols.size(), 2);
    cr_assert(symbols[0].name == "imported" && !symbols[0].is_defined);
    cr_assert(find_export(bytes, *elf, "exported") == 0x1234);
    cr_assert_not(find_export(bytes, *elf, "imported").has_value());
  }
}

Test(elf_file, reads_an_image_whose_addresses_were_relocated) {
  MadeUpElf made;
  made.base = 0x7f0000000000;  // as the loader leaves the dynamic section of a mapped library
  auto bytes = made.build();
  Elf64_Phdr dynamic;
  const size_t at = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
  std::memcpy(&dynamic, bytes.data() + at, sizeof dynamic);
  dynamic.p_vaddr -= made.base;  // segments stay relative
  std::memcpy(bytes.data() + at, &dynamic, sizeof dynamic);
  const auto elf = parse_elf(bytes, ElfLayout{true, made.base});
  cr_assert(find_export(bytes, *elf, "exported") == 0x1234);
}

Test(elf_file, tells_a_position_independent_program) {
  MadeUpElf made;
  made.flags_1 = DF_1_PIE;
  cr_assert(parse_elf(made.build())->is_pie);
}

Test(elf_file, has_no_loader_when_static) {
  MadeUpElf made;
  made.has_interpreter = false;
  cr_assert_not(parse_elf(made.build())->interpreter.has_value());
}

Test(elf_file, reads_the_machine_of_a_big_endian_file) {
  std::vector<std::byte> bytes(64);
  std::memcpy(bytes.data(), ELFMAG, SELFMAG);
  bytes[EI_CLASS] = std::byte{ELFCLASS64};
  bytes[EI_DATA] = std::byte{ELFDATA2MSB};
  bytes[offsetof(Elf64_Ehdr, e_machine) + 1] = std::byte{EM_S390};
  cr_assert_eq(parse_elf(bytes)->machine, EM_S390);
}

Test(elf_file, says_damaged_when_headers_point_past_the_end) {
  auto bytes = MadeUpElf().build();
  bytes.resize(sizeof(Elf64_Ehdr));
  cr_assert(parse_elf(bytes)->is_damaged);
}

// Every prefix, and 20 000 objects with a few random bytes each: no answer is wrong, but none may crash or hang.
Test(elf_file, survives_cut_and_random_bytes, .timeout = 60) {
  MadeUpElf made;
  for (const bool has_gnu_hash : {false, true}) {
    made.has_gnu_hash = has_gnu_hash;
    const auto whole = made.build();
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      if (const auto elf = parse_elf(cut)) dynamic_symbols(cut, *elf);
    }
    std::minstd_rand random(7);
    for (int i = 0; i < 10000; ++i) {
      auto bytes = whole;
      for (int n = 0; n < 8; ++n) bytes[4 + random() % (bytes.size() - 4)] = std::byte(random());
      if (const auto elf = parse_elf(bytes)) dynamic_symbols(bytes, *elf);
    }
  }
}
