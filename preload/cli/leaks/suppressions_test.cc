#include "preload/cli/leaks/suppressions.h"

#include <criterion/criterion.h>

using namespace gamelan::cli;

Test(suppressions, a_pattern_holds_anywhere_unless_it_is_tied) {
  cr_assert(matches("Init", "perl_InitAll") && matches("lib*.so", "/usr/lib/libx.so.1") && matches("a*b*c", "xxaxxbxxcxx"));
  cr_assert(matches("^perl", "perl_x") && !matches("^perl", "a_perl"));
  cr_assert(matches("all$", "install") && !matches("all$", "allow"));
  cr_assert(matches("^main$", "main") && !matches("^main$", "main2") && !matches("^main$", "domain"));
  cr_assert(matches("*", "x") && !matches("*", "") && !matches("x", ""));
}

Test(suppressions, are_read_with_comments_and_refused_otherwise) {
  const auto rules = parse_suppressions("# known\n\n  leak:libfoo \nleak:^main$\n", "f");
  cr_assert(rules && rules->size() == 2 && (*rules)[0].pattern == "libfoo");
  const auto wrong = parse_suppressions("leak:x\nrace:y\n", "f");
  cr_assert(!wrong && wrong.failure().exit_code == kExitUsage && wrong.failure().text.starts_with("f:2: "));
  cr_assert(!parse_suppressions("leak:\n", "f"));
}

Test(suppressions, the_first_that_holds_is_counted) {
  std::vector<ProcessFindings> findings(1);
  Frame frame;
  frame.function = "make_cache";
  frame.module = "/usr/lib/libcache.so";
  findings[0].leaks = {{"direct", 10, 2, {frame}, {}}, {"direct", 5, 1, {}, {}}};
  auto rules = *parse_suppressions("leak:nothing\nleak:libcache\nleak:make\n", "f");
  suppress(findings, rules);
  cr_assert(findings[0].leaks[0].suppressed_by == "libcache" && findings[0].leaks[1].suppressed_by.empty());
  cr_assert(rules[1].leaks == 1 && rules[1].bytes == 10 && rules[1].blocks == 2 && rules[2].leaks == 0);
}
