"""GAMELAN_GC=leak: every leak program, both kinds of threads; counts, kinds and bytes; exit codes; what the program asks for."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import run_preloaded

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "leaks"))
import cases  # noqa: E402

LEAK = {"GAMELAN_GC": "leak"}


def leaks_of(argv, **settings):
    return run_preloaded(argv, **{**LEAK, **cases.environment(), **settings})


@pytest.mark.parametrize("threads", ["native", "goroutine"])
@pytest.mark.parametrize("case", cases.all_cases(), ids=str)
def test_case(case, threads, build):
    ours = leaks_of(case.argv, GAMELAN_THREADS=threads)
    verdict = cases.judge(case, cases.our_findings(ours.err))
    assert verdict.is_right, (verdict, ours)
    if case.name != "child":   # whose leaks are another process'
        assert ours.code == (23 if case.lost else 0), ours


KINDS = {
    "direct": "200 bytes in 2 blocks (2 direct)",
    "grown": "2560 bytes in 1 block (1 direct)",
    "large": "5000000 bytes in 1 block (1 direct)",
    "of_no_bytes": "0 bytes in 1 block (1 direct)",
    "list": "480 bytes in 10 blocks (1 direct, 9 indirect)",
    "ring": "144 bytes in 3 blocks (1 cyclic, 2 indirect)",
    "ring_with_tail": "144 bytes in 3 blocks (1 direct, 2 indirect)",
    "points_at_itself": "48 bytes in 1 block (1 direct)",
    "a_thousand_threads": "70000 bytes in 1000 blocks (1000 direct)",
    "many_small": "2400000 bytes in 100000 blocks (100000 direct)",
}


@pytest.mark.parametrize("name, summary", KINDS.items())
def test_kinds_and_sums(name, summary, build):
    ours = leaks_of(cases.Case("kinds", name).argv)
    assert f": {summary}; still reachable: " in ours.err.splitlines()[-1], ours


def test_the_program_s_own_exit_code_stands(compile_program, build):
    program = compile_program("#include <stdlib.h>\nint main(int n, char **v) { malloc(9); return atoi(v[1]); }", name="loses")
    assert leaks_of([program, 0]).code == 23
    assert leaks_of([program, 0], exitcode=7).code == 7
    assert leaks_of([program, 0], exitcode=0).code == 0
    assert leaks_of([program, 3]).code == 3


def test_output_is_not_lost(compile_program, build):
    """The report ends the process by itself: what the program printed last must be out."""
    program = compile_program('#include <stdio.h>\n#include <stdlib.h>\nint main(void) { malloc(9); printf("printed"); return 0; }',
                              name="prints")
    ours = leaks_of([program])
    assert (ours.code, ours.out) == (23, "printed")


ASKS = """
#include <stdio.h>
#include <stdlib.h>
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));
void __lsan_ignore_object(const void *) __attribute__((weak));
static void *volatile kept;
__attribute__((noinline)) static void ignores(void) {
  if (!__lsan_disable) return;
  __lsan_disable();
  void *volatile *p = malloc(100);
  __lsan_enable();
  *p = malloc(200);
  __lsan_ignore_object(malloc(300));
}
__attribute__((noinline)) static void loses(void) { kept = malloc(400); kept = 0; }
__attribute__((noinline)) static void forgets(void) { volatile char b[9000]; for (int i = 0; i < 9000; i++) b[i] = 0; }
int main(void) {
  ignores();
  forgets();
  int before = __lsan_do_recoverable_leak_check ? __lsan_do_recoverable_leak_check() : 0;
  loses();
  forgets();
  int after = __lsan_do_recoverable_leak_check ? __lsan_do_recoverable_leak_check() : 1;
  printf("%d %d\\n", before, after);
}
"""


@pytest.mark.parametrize("threads", ["native", "goroutine"])
def test_lsan_s_functions(threads, compile_program, build, run_plain):
    program = compile_program(ASKS, name="asks")
    assert run_plain([program]).out == "0 1\n"
    ours = leaks_of([program], GAMELAN_THREADS=threads)
    assert (ours.code, ours.out) == (23, "0 1\n"), ours
    assert re.search(r"leaks as asked in asks\S*: none", ours.err) and "400 bytes in 1 block (1 direct)" in ours.err, ours


def test_lists_are_not_for_leak_mode(build):
    ours = leaks_of(cases.Case("kinds", "direct").argv, path="lists")
    assert ours.code == 23 and "path=lists: a collector needs path=bitmap" in ours.err and "(2 direct)" in ours.err, ours


def test_only_and_skip(build):
    shell = ["/bin/sh", "-c", "/bin/ls / >/dev/null; /bin/true"]
    def who(**options):
        return set(re.findall(r"leaks at exit in (\S+):", leaks_of(shell, **options).err))
    assert who() == {"sh", "ls", "true"}
    assert who(only="ls,tru*") == {"ls", "true"}
    assert who(skip="sh,true") == {"ls"}
    assert who(only="*", skip="l*") == {"sh", "true"}


@pytest.mark.parametrize("case", ["nobody_moves", "no_call_is_interrupted", "many_stop_it", "children_have_a_world_of_their_own",
                                  "signals_are_not_lost", "threads_of_libc"])
def test_native_threads_stop_unnoticed(case, build, compile_program):
    """A collector is on: they publish their waiting calls, and no call ends with EINTR."""
    program = compile_program("threads/world.c")
    ours = leaks_of([program, case], GAMELAN_THREADS="native", exitcode=0)
    assert (ours.code, ours.out) == (0, f"{case}: ok\n"), ours


def test_a_closed_stderr(build):
    """ls closes it in an exit handler: the report goes to a copy."""
    done = leaks_of(["/bin/ls", "/"])
    assert re.search(r"leaks at exit in ls: none; still reachable: \d+ bytes in \d+ blocks\n$", done.err), done


@pytest.mark.parametrize("program", [["/usr/bin/python3", "-c", "print(sum(range(10)))"], ["/usr/bin/git", "--version"],
                                     ["/bin/bash", "-c", "echo $((6 * 7)); ls / | wc -l"]], ids=["python3", "git", "bash"])
def test_programs_run_as_before(program, build, run_both):
    ours = run_both(program, **LEAK, exitcode=0)
    assert ours.code == 0


def test_stacks_by_sample(build):
    ours = leaks_of(cases.Case("kinds", "many_small").argv, sample=100_000)
    assert "2400000 bytes in 100000 blocks" in ours.err and "stack was not kept" in ours.err, ours
    assert "leak_many" in ours.err   # some were
    assert "leak_many" not in leaks_of(cases.Case("kinds", "many_small").argv, sample=0).err


def test_libunwind_is_ours_alone(compile_program, build):
    """The program finds libgcc's unwinder, not libunwind's."""
    program = compile_program('#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <stdio.h>\nint main(void) { Dl_info i; void *f = dlsym(RTLD_DEFAULT, "unw_step");'
                              ' void *g = dlsym(RTLD_DEFAULT, "_Unwind_Backtrace"); printf("%d %s", f != 0, g && dladdr(g, &i) ? i.dli_fname : ""); }',
                              name="looks")
    assert "libunwind" not in leaks_of([program]).out and leaks_of([program]).out.startswith("0")
