#include "preload/cli/symptoms.h"

#include <criterion/criterion.h>

using namespace gamelan::cli;

Test(symptoms, a_plain_program_has_none) {
  const Symptoms symptoms = find_symptoms({}, {{"malloc", 0, false}, {"main", 1, true}});
  cr_assert(symptoms.own_allocator.empty() && symptoms.sanitizer.empty() && symptoms.libraries.empty());
}

Test(symptoms, names_the_allocator_that_is_exported) {
  const Symptoms symptoms =
      find_symptoms({}, {{"_ZnwmSt11align_val_t", 1, true}, {"free", 1, true}, {"malloc_hook", 1, true}});
  cr_assert(symptoms.own_allocator == (std::vector<std::string>{"free", "operator new"}));
}

Test(symptoms, tells_a_sanitizer_by_symbol_or_library) {
  cr_assert(find_symptoms({}, {{"__tsan_init", 0, false}}).sanitizer == "ThreadSanitizer");
  ElfFile gcc, clang;
  gcc.needed = {"libasan.so.8"};
  clang.needed = {"libclang_rt.msan-x86_64.so"};
  cr_assert(find_symptoms(gcc, {}).sanitizer == "AddressSanitizer");
  cr_assert(find_symptoms(clang, {}).sanitizer == "MemorySanitizer");
}

Test(symptoms, lists_notable_libraries) {
  ElfFile elf;
  elf.needed = {"libc.so.6", "libjemalloc.so.2", "libgomp.so.1"};
  const Symptoms symptoms = find_symptoms(elf, {});
  cr_assert_eq(symptoms.libraries.size(), 2);
  cr_assert(symptoms.libraries[0].name == "libjemalloc.so.2" && !symptoms.libraries[0].note.empty());
}
