#include "preload/cli/search_path.h"

#include <criterion/criterion.h>

using namespace gamelan::cli;

Test(search_path, splits_and_keeps_empty_elements) {
  cr_assert(split_search_path("/a:/b") == (std::vector<std::string>{"/a", "/b"}));
  cr_assert(split_search_path(":/a:") == (std::vector<std::string>{"", "/a", ""}));
  cr_assert(split_search_path("") == (std::vector<std::string>{""}));
}

Test(search_path, has_a_default) {
  cr_assert(split_search_path(nullptr) == (std::vector<std::string>{"/bin", "/usr/bin"}));
}

Test(search_path, finds_a_program_and_says_what_it_does_not_find) {
  const auto found = find_program("sh", {"/nonexistent", "/bin"});
  cr_assert(found && *found == "/bin/sh");
  cr_assert_eq(find_program("no-such-program", {"/bin"}).failure().exit_code, kExitNotFound);
  cr_assert_eq(find_program("", {"/bin"}).failure().exit_code, kExitNotFound);
}

Test(search_path, remembers_that_permission_was_missing) {
  // /etc/passwd is a file, but none to execute
  cr_assert_eq(find_program("passwd", {"/etc", "/nonexistent"}).failure().exit_code, kExitCannotPreload);
  const auto found = find_program("passwd", {"/etc", "/usr/bin"});
  cr_assert(found && *found == "/usr/bin/passwd");
}
