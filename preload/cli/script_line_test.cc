#include "preload/cli/script_line.h"

#include <criterion/criterion.h>

using namespace gamelan::cli;
using namespace std::string_view_literals;

Test(script_line, reads_interpreter_and_argument) {
  const auto line = parse_script_line("#! /usr/bin/perl -w -T \nprint 1");
  cr_assert(line && line->interpreter == "/usr/bin/perl" && line->argument == "-w -T");
}

Test(script_line, reads_interpreter_alone) {
  const auto line = parse_script_line("#!/bin/sh");
  cr_assert(line && line->interpreter == "/bin/sh" && line->argument.empty());
}

Test(script_line, refuses_what_the_kernel_refuses) {
  cr_assert_not(parse_script_line("").has_value());
  cr_assert_not(parse_script_line("echo hello").has_value());
  cr_assert_not(parse_script_line("#!   \n/bin/sh").has_value());
  cr_assert_not(parse_script_line("#!/" + std::string(300, 'x')).has_value());
}

Test(script_line, takes_a_name_that_ends_before_the_limit) {
  const auto line = parse_script_line("#!/bin/sh " + std::string(300, 'x'));
  cr_assert(line && line->interpreter == "/bin/sh");
}

Test(script_line, tells_text_by_its_first_line) {
  cr_assert(looks_like_text("echo hello\n"));
  cr_assert(looks_like_text(""));
  cr_assert_not(
      looks_like_text("\x7f"
                      "OTHER\0\1"sv));
}

Test(script_line, looks_behind_env) {
  cr_assert(program_behind_env({"/usr/bin/env", "python3"}) == "python3");
  cr_assert(program_behind_env({"/usr/bin/env", "-S A=1 node --trace"}) == "node");
  cr_assert_not(program_behind_env({"/usr/bin/env", ""}).has_value());
  cr_assert_not(program_behind_env({"/usr/bin/env", "-i sh"}).has_value());
  cr_assert_not(program_behind_env({"/usr/bin/env", "-S PATH=/opt node"}).has_value());
  cr_assert_not(program_behind_env({"/usr/bin/env", "python3 -x"}).has_value());
  cr_assert_not(program_behind_env({"/usr/bin/environment", "python3"}).has_value());
}
