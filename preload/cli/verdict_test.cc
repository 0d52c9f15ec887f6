#include "preload/cli/verdict.h"

#include <criterion/criterion.h>
#include <elf.h>

using namespace gamelan::cli;

namespace {

ElfFile program(std::optional<std::string> loader = "/lib64/ld-linux-x86-64.so.2") {
  ElfFile elf;
  elf.is_64_bit = true;
  elf.machine = EM_X86_64;
  elf.type = ET_DYN;
  elf.has_dynamic_section = true;
  elf.is_pie = true;
  elf.interpreter = std::move(loader);
  return elf;
}

void expect_matter(const ElfFile& elf, const char* matter) {
  const auto why = why_not_preloadable(elf);
  cr_assert(why && why->starts_with(matter), "want '%s', got '%s'", matter, why.value_or("yes").c_str());
}

}  // namespace

Test(verdict, accepts_glibc_programs) {
  cr_assert_not(why_not_preloadable(program()).has_value());
  cr_assert_not(why_not_preloadable(program("/nix/store/abc-glibc/lib/ld-linux-x86-64.so.2")).has_value());
  ElfFile fixed = program();
  fixed.type = ET_EXEC;
  cr_assert_not(why_not_preloadable(fixed).has_value());
}

Test(verdict, accepts_the_loader_itself) {
  ElfFile loader = program(std::nullopt);
  loader.is_pie = false;
  loader.soname = "ld-linux-x86-64.so.2";
  cr_assert_not(why_not_preloadable(loader).has_value());
}

Test(verdict, refuses_static_and_shared_objects) {
  expect_matter(program(std::nullopt), "is statically linked");
  ElfFile shared = program(std::nullopt);
  shared.is_pie = false;
  expect_matter(shared, "is a shared library");
}

Test(verdict, refuses_other_machines) {
  ElfFile elf = program();
  elf.machine = EM_AARCH64;
  expect_matter(elf, "is built for arm64");
  elf.is_64_bit = false;
  elf.machine = EM_386;
  expect_matter(elf, "is a 32-bit program (i386)");
  elf.machine = EM_X86_64;
  expect_matter(elf, "is an x32 program");
}

Test(verdict, refuses_other_libcs) {
  expect_matter(program("/lib/ld-musl-x86_64.so.1"), "is linked against musl");
  expect_matter(program("/system/bin/linker64"), "is linked against bionic");
  expect_matter(program("/lib/mystery.so"), "is linked against an unknown libc (loader /lib/mystery.so)");
  ElfFile renamed = program("/opt/ld.so");
  renamed.needed = {"libc.musl-x86_64.so.1"};
  expect_matter(renamed, "is linked against musl");
}

Test(verdict, refuses_what_is_no_program) {
  ElfFile elf = program();
  elf.type = ET_REL;
  expect_matter(elf, "is an object file");
  elf.type = ET_CORE;
  expect_matter(elf, "is a core dump");
  elf = program();
  elf.is_damaged = true;
  expect_matter(elf, "is damaged");
}
