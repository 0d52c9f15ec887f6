"""Settings: a wrong one is said in one line per process tree and the program runs; strict=1 ends it; right ones are silent."""
import re

import pytest

WRONG = [
    ({"GOGC": "banana"}, "GOGC=banana", "100"),
    ({"GOGC": "-5"}, "GOGC=-5", "100"),
    ({"GAMELAN_GOGC": "1e3"}, "GAMELAN_GOGC=1e3", "100"),
    ({"GOMEMLIMIT": "lots"}, "GOMEMLIMIT=lots", "off"),
    ({"GOMEMLIMIT": "12QiB"}, "GOMEMLIMIT=12QiB", "off"),
    ({"GOMAXPROCS": "none"}, "GOMAXPROCS=none", "number"),
    ({"GOMAXPROCS": "0"}, "GOMAXPROCS=0", "number"),
    ({"GAMELAN_GC": "maybe"}, "GAMELAN_GC=maybe", "off"),
    ({"GAMELAN_GC": "collect"}, "GAMELAN_GC=collect", "leak"),
    ({"GAMELAN_THREADS": "green"}, "GAMELAN_THREADS=green", "auto"),
    ({"GAMELAN_OPTIONS": "nosuch=1"}, "nosuch=1", "unknown"),
    ({"GAMELAN_OPTIONS": "verify"}, "verify", "default"),
    ({"GAMELAN_OPTIONS": "path=tree"}, "path=tree", "lists|bitmap"),
    ({"GAMELAN_OPTIONS": "verify=-1"}, "verify=-1", "number"),
    ({"GAMELAN_OPTIONS": "stats=yes"}, "stats=yes", "json"),
]

RIGHT = [
    {"GOGC": "off"}, {"GOGC": "200"}, {"GAMELAN_GOGC": "50", "GOGC": "banana"}, {"GOMEMLIMIT": "256MiB"},
    {"GOMEMLIMIT": "1GiB"}, {"GOMEMLIMIT": "2T"}, {"GOMEMLIMIT": "100k"}, {"GOMEMLIMIT": "off"}, {"GOMEMLIMIT": "123456789"},
    {"GOMAXPROCS": "1"}, {"GAMELAN_GC": "off"}, {"GAMELAN_THREADS": "native"}, {"GAMELAN_THREADS": "auto"},
    {"GODEBUG": "nosuchkey=1,madvdontneed=1"}, {"GAMELAN_OPTIONS": "path=lists:verify=10:"}, {"GAMELAN_OPTIONS": ""},
    {"GOGC": ""}, {"GOGC": "banana", "GAMELAN_INHERIT_GO": "0"},
]


def lines_of_ours(run):
    return [line for line in run.err.splitlines() if line.startswith("gamelan[")]


@pytest.mark.parametrize("settings, names, used", WRONG, ids=[w[1] for w in WRONG])
def test_wrong_is_said_once_and_the_program_runs(settings, names, used, run_preloaded):
    ours = run_preloaded(["/bin/echo", "runs"], **settings)
    assert (ours.code, ours.out) == (0, "runs\n")
    (line,) = lines_of_ours(ours)
    assert re.match(r"gamelan\[\d+\]: ", line) and names in line and used in line


@pytest.mark.parametrize("settings, names, used", WRONG, ids=[w[1] for w in WRONG])
def test_strict_ends_with_2(settings, names, used, run_preloaded):
    options = ":".join(filter(None, [settings.get("GAMELAN_OPTIONS"), "strict=1"]))
    ours = run_preloaded(["/bin/echo", "runs"], **{**settings, "GAMELAN_OPTIONS": options})
    assert (ours.code, ours.out) == (2, "")
    assert names in ours.err


@pytest.mark.parametrize("settings", RIGHT, ids=str)
def test_right_is_silent(settings, run_preloaded):
    ours = run_preloaded(["/bin/echo", "runs"], **settings)
    assert (ours.code, ours.out, ours.err) == (0, "runs\n", "")


def test_once_per_process_tree(run_preloaded):
    script = "/bin/echo a; sh -c '/bin/echo b; /bin/echo c'; (/bin/echo d)"
    ours = run_preloaded(["/bin/sh", "-c", script], GOGC="banana", GAMELAN_OPTIONS="nosuch=1")
    assert ours.out == "a\nb\nc\nd\n"
    assert len(lines_of_ours(ours)) == 2, ours.err


def test_said_anew_where_the_value_is_new(run_preloaded):
    ours = run_preloaded(["/bin/sh", "-c", "/bin/echo a; GOGC=apple /bin/echo b"], GOGC="banana")
    assert ["banana" in line for line in lines_of_ours(ours)] == [True, False], ours.err


def test_the_example_of_the_manual(run_preloaded):
    ours = run_preloaded(["/bin/echo"], GOGC="banana")
    assert re.fullmatch(r"gamelan\[\d+\]: GOGC=banana: want a number or off; using 100\n", ours.err)


def test_inittrace_prints_the_boot_sequence(run_preloaded):
    """osinit, schedinit, mallocinit, gcinit, newproc, gcenable, in Go's format, whichever call comes first."""
    ours = run_preloaded(["/bin/ls", "/"], GODEBUG="inittrace=1")
    steps = re.findall(r"init (\w+) @[\d.]+ ms, [\d.]+ ms clock, \d+ bytes, \d+ allocs", ours.err)
    assert steps == ["osinit", "schedinit", "mallocinit", "gcinit", "newproc", "gcenable"], ours.err


def test_off_beats_everything(run_preloaded):
    ours = run_preloaded(["/bin/echo", "runs"], GAMELAN="off", GODEBUG="inittrace=1")
    assert (ours.code, ours.out, ours.err) == (0, "runs\n", "")


@pytest.mark.parametrize("program", [["/bin/ls", "/"], ["/bin/bash", "-c", ":"]], ids=["ls", "bash"])
def test_statistics_as_text(program, run_preloaded):
    """ls closes its stderr in an exit handler of its own: the statistics must be out by then, or go round it."""
    ours = run_preloaded(program, stats=1)
    assert re.search(r"^gamelan\[\d+\]: /gc/heap/allocs:objects \d+$", ours.err, re.MULTILINE)


ENDS_AT_ONCE = """
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
  const pid_t child = fork();
  free(malloc(100));
  if (child == 0) _Exit(3);
  const pid_t vfork_child = vfork();
  if (vfork_child == 0) _exit(4);
  int a = 0, b = 0;
  waitpid(child, &a, 0), waitpid(vfork_child, &b, 0);
  _exit(WEXITSTATUS(a) * 10 + WEXITSTATUS(b));
}
"""


def test_statistics_of_who_ends_by_underscore_exit(compile_program, run_preloaded, statistics):
    """The process and its fork child; a vfork child is its parent still."""
    with statistics() as stats:
        ours = run_preloaded([compile_program(ENDS_AT_ONCE)], **stats.settings)
    assert ours.code == 34, ours
    assert len(stats.reports()) == 2
