#include "sched/program_rules.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "allocator/base/options.h"

using namespace gamelan;
using rules::Kind;

namespace {
struct Parsed {
  Kind kind;
  rules::Rule rule;
  std::string_view name() const { return {rule.name, rule.name_length}; }
  std::string_view reason() const { return {rule.reason, rule.reason_length}; }
};

Parsed parse(std::string_view line) {
  Parsed p{};
  p.kind = rules::parse(line.data(), line.size(), &p.rule);
  return p;
}

// As the file of rules.
rules::Found find_in(const char* text, const char* program) {
  char name[] = "/tmp/program_rules_test-" "XX" "XX" "XX";
  const int fd = mkstemp(name);
  cr_assert(fd >= 0 && write(fd, text, std::string_view(text).size()) > 0);
  close(fd);
  snprintf(mutable_options_test_only().rules, sizeof options().rules, "%s", name);
  const rules::Found found = rules::find(program);
  unlink(name);
  return found;
}
}  // namespace

Test(program_rules, parses_name_threads_and_reason) {
  const Parsed p = parse("  program xz\tthreads=native  it forks  from a thread \r");
  cr_assert(p.kind == Kind::rule && !p.rule.goroutine);
  cr_assert(p.name() == "xz" && p.reason() == "it forks  from a thread");
  cr_assert(parse("program xz threads=goroutine").rule.goroutine);
  cr_assert(parse("program xz threads=native").reason().empty());
}

Test(program_rules, passes_comments_and_empty_lines) {
  for (const char* line : {"", "   ", "# program", "  #"}) cr_assert(parse(line).kind == Kind::blank, "%s", line);
}

Test(program_rules, refuses_everything_else) {
  for (const char* line : {"program", "program xz", "program xz native", "program xz threads=green", "programs xz threads=native",
                           "program xz threads=nativeX", "xz threads=native"})
    cr_assert(parse(line).kind == Kind::wrong, "%s", line);
}

Test(program_rules, star_stands_for_the_rest) {
  const rules::Rule qemu = parse("program qemu-* threads=native").rule, xz = parse("program xz threads=native").rule,
                    every = parse("program * threads=native").rule;
  cr_assert(rules::fits(qemu, "qemu-system-x86_64") && rules::fits(qemu, "qemu-") && !rules::fits(qemu, "qemu"));
  cr_assert(rules::fits(xz, "xz") && !rules::fits(xz, "xzcat") && !rules::fits(xz, "x"));
  cr_assert(rules::fits(every, "xz") && rules::fits(every, ""));
}

Test(program_rules, last_one_that_fits_holds_and_the_file_overrides_what_is_built_in) {
  const char* text = "program * threads=goroutine all\nnonsense\nprogram gdb threads=goroutine mine\nprogram perl threads=native no";
  cr_assert(rules::find("gdb").verdict == rules::Verdict::native);
  const rules::Found gdb = find_in(text, "gdb");
  cr_assert(gdb.verdict == rules::Verdict::goroutine);
  cr_assert(std::string_view(gdb.reason).ends_with(": mine"));
  cr_assert(find_in(text, "perl").verdict == rules::Verdict::native);
  cr_assert(find_in(text, "xz").verdict == rules::Verdict::goroutine);
}

Test(program_rules, libraries_have_rules_of_their_own) {
  cr_assert(parse("library libgomp.so* threads=native").rule.library && !parse("program x threads=native").rule.library);
  cr_assert(rules::find("gdb").verdict == rules::Verdict::native && rules::any_for_libraries());
  cr_assert(rules::find_for_library("libgomp.so.1") == rules::Verdict::native);
  cr_assert(rules::find_for_library("libgomp") == rules::Verdict::none && rules::find_for_library("gdb") == rules::Verdict::none);
  const rules::Found f = find_in("library libgomp.so* threads=goroutine\nlibrary libx.so threads=native\n", "libx.so");
  cr_assert(f.verdict == rules::Verdict::none);
  cr_assert(rules::find_for_library("libgomp.so.1") == rules::Verdict::goroutine);
  cr_assert(rules::find_for_library("libx.so") == rules::Verdict::native);
}

Test(program_rules, long_lines_and_long_files) {
  std::string text = "# " + std::string(3000, 'x') + "\n";
  for (int i = 0; i < 500; i++) text += "program p" + std::to_string(i) + " threads=native number " + std::to_string(i) + "\n";
  cr_assert(std::string_view(find_in(text.c_str(), "p0").reason).ends_with("number 0"));
  cr_assert(std::string_view(find_in(text.c_str(), "p499").reason).ends_with("number 499"));
  cr_assert(find_in(text.c_str(), "p500").verdict == rules::Verdict::none);
}
