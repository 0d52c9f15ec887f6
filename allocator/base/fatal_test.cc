#include "allocator/base/fatal.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <unistd.h>

#include "tests/unit/death.h"

using namespace gamelan;
using test::End;
using test::end_of;

Test(fatal, names_the_fault_the_version_and_the_switches) {
  const End end = end_of([] { fatal("the moon fell down"); });
  cr_assert(end.aborted_saying("fatal: the moon fell down (gamelan " GAMELAN_VERSION ", path lists, threads native, gc off)"));
  cr_assert(end.aborted_saying("to bisect: GAMELAN=off"));
}

Test(fatal, says_once_what_else_is_to_be_said) {
  const End end = end_of([] {
    before_the_end = [] {
      (void)!write(2, "and the goroutines\n", 19);
      fatal("worse");
    };
    fatal("bad");
  });
  cr_assert(end.aborted_saying("fatal: bad") && end.aborted_saying("and the goroutines") && end.aborted_saying("fatal: worse"));
}

Test(fatal, user_fatal_writes_its_line_and_aborts) {
  const End end = end_of([] {
    Line line;
    user_fatal(line.text("you did it"));
  });
  cr_assert_eq(end.words, "you did it\n");
  cr_assert_eq(end.signal, SIGABRT);
}

Test(fatal, a_blocked_sigabrt_ends_the_process_all_the_same) {
  const End end = end_of([] {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    fatal("x");
  });
  cr_assert_eq(end.signal, SIGABRT);
}

Test(fatal, the_programs_handler_runs_first_and_may_not_save_the_process) {
  const End end = end_of([] {
    signal(SIGABRT, [](int) { (void)!write(2, "handler ran\n", 12); });
    fatal("x");
  });
  cr_assert(end.aborted_saying("handler ran"));
}

Test(fatal, an_ignored_sigabrt_ends_the_process_all_the_same) {
  const End end = end_of([] {
    signal(SIGABRT, SIG_IGN);
    fatal("x");
  });
  cr_assert_eq(end.signal, SIGABRT);
}

Test(fatal, check_stops_where_its_condition_does_not_hold) {
  cr_assert(end_of([] { GAMELAN_CHECK(1 + 1 == 3); }).aborted_saying("check failed: 1 + 1 == 3"));
  cr_assert_eq(end_of([] { GAMELAN_CHECK(1 + 1 == 2); }).signal, 0);
}
