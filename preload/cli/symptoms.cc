#include "preload/cli/symptoms.h"

#include <algorithm>
#include <array>

namespace gamelan::cli {
namespace {

struct KnownSymbol {
  std::string_view prefix;  // of the mangled name
  bool is_exact;
  std::string_view shown;
};

constexpr std::array kAllocatorSymbols = {
    KnownSymbol{"malloc", true, "malloc"},
    KnownSymbol{"calloc", true, "calloc"},
    KnownSymbol{"realloc", true, "realloc"},
    KnownSymbol{"free", true, "free"},
    KnownSymbol{"memalign", true, "memalign"},
    KnownSymbol{"aligned_alloc", true, "aligned_alloc"},
    KnownSymbol{"posix_memalign", true, "posix_memalign"},
    KnownSymbol{"_Znwm", false, "operator new"},
    KnownSymbol{"_Znam", false, "operator new[]"},
    KnownSymbol{"_ZdlPv", false, "operator delete"},
    KnownSymbol{"_ZdaPv", false, "operator delete[]"},
};

struct Sanitizer {
  std::string_view symbol;
  std::string_view library;  // gcc's; clang's is libclang_rt.<tag>
  std::string_view clang_tag;
  std::string_view name;
};

// Those that bring their own malloc.  UBSan does not, and runs under us.
constexpr std::array kSanitizers = {
    Sanitizer{"__asan_init", "libasan.so", "asan", "AddressSanitizer"},
    Sanitizer{"__tsan_init", "libtsan.so", "tsan", "ThreadSanitizer"},
    Sanitizer{"__msan_init", "libmsan.so", "msan", "MemorySanitizer"},
    Sanitizer{"__hwasan_init", "libhwasan.so", "hwasan", "HWAddressSanitizer"},
    Sanitizer{"__lsan_init", "liblsan.so", "lsan", "LeakSanitizer"},
};

struct KnownLibrary {
  std::string_view prefix;
  std::string_view note;
};

constexpr std::string_view kAllocatorNote = "an allocator; its malloc family stands behind ours";
constexpr std::string_view kOpenMpNote = "OpenMP; its threads wait on futexes of their own";

constexpr std::array kNotableLibraries = {
    KnownLibrary{"libjemalloc", kAllocatorNote},
    KnownLibrary{"libtcmalloc", kAllocatorNote},
    KnownLibrary{"libmimalloc", kAllocatorNote},
    KnownLibrary{"libtbbmalloc", kAllocatorNote},
    KnownLibrary{"libsnmalloc", kAllocatorNote},
    KnownLibrary{"librpmalloc", kAllocatorNote},
    KnownLibrary{"libhoard", kAllocatorNote},
    KnownLibrary{"libgomp", kOpenMpNote},
    KnownLibrary{"libomp", kOpenMpNote},
    KnownLibrary{"libiomp5", kOpenMpNote},
    KnownLibrary{"libgc.so", "the Boehm collector; its heap stays its own"},
    KnownLibrary{"libjvm.so", "a Java virtual machine; the Java heap stays its own"},
    KnownLibrary{"libefence", "Electric Fence; its malloc family stands behind ours"},
    KnownLibrary{"libdmalloc", "a checking allocator; its malloc family stands behind ours"},
};

std::vector<std::string> allocator_exports(const std::vector<ElfSymbol>& symbols) {
  std::vector<std::string> found;
  for (const KnownSymbol& known : kAllocatorSymbols) {
    const bool is_there = std::any_of(symbols.begin(), symbols.end(), [&](const ElfSymbol& s) {
      return s.is_defined && (known.is_exact ? s.name == known.prefix : s.name.starts_with(known.prefix));
    });
    if (is_there) found.emplace_back(known.shown);
  }
  return found;
}

bool is_built_with(const Sanitizer& sanitizer, const ElfFile& elf, const std::vector<ElfSymbol>& symbols) {
  const std::string clang_library = "libclang_rt." + std::string(sanitizer.clang_tag);
  return std::any_of(symbols.begin(), symbols.end(), [&](const auto& s) { return s.name == sanitizer.symbol; }) ||
         std::any_of(elf.needed.begin(), elf.needed.end(), [&](const std::string& n) {
           return n.starts_with(sanitizer.library) || n.starts_with(clang_library);
         });
}

std::vector<NotableLibrary> notable_libraries(const ElfFile& elf) {
  std::vector<NotableLibrary> found;
  for (const std::string& name : elf.needed) {
    const auto known = std::find_if(kNotableLibraries.begin(), kNotableLibraries.end(),
                                    [&](const KnownLibrary& k) { return name.starts_with(k.prefix); });
    if (known != kNotableLibraries.end()) found.push_back({name, known->note});
  }
  return found;
}

}  // namespace

Symptoms find_symptoms(const ElfFile& elf, const std::vector<ElfSymbol>& symbols) {
  Symptoms symptoms{allocator_exports(symbols), "", notable_libraries(elf)};
  const auto sanitizer = std::find_if(kSanitizers.begin(), kSanitizers.end(),
                                      [&](const Sanitizer& s) { return is_built_with(s, elf, symbols); });
  if (sanitizer != kSanitizers.end()) symptoms.sanitizer = sanitizer->name;
  return symptoms;
}

}  // namespace gamelan::cli
