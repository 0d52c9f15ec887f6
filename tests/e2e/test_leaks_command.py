"""`gamelan leaks`: names and lines, inlined functions, suppressions, formats, exit codes, children, wrong options."""
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import COMMAND, compile_program, run

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "leaks"))
import cases  # noqa: E402

LOSES = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static inline __attribute__((always_inline)) void *grabs(int n) { return malloc(n); }
__attribute__((noinline)) static void f(void) { grabs(30); }
int main(int argc, char **argv) {
  f();
  if (argc > 1) sleep(30);
  puts("done");
}
"""
CHILD = """
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) static void of_child(void) { malloc(70); }
__attribute__((noinline)) static void of_parent(void) { malloc(60); }
int main(void) {
  of_parent();
  if (fork() == 0) {
    of_child();
    _exit(0);
  }
  wait(NULL);
}
"""


def leaks(*argv, env=None):
    return run([COMMAND, "leaks", *argv], env={**os.environ, **(env or {})})


@pytest.fixture(scope="module")
def loses():
    return compile_program(LOSES, name="loses_one")


def test_functions_lines_and_inlined_ones(loses, build):
    ours = leaks("--", loses)
    assert (ours.code, ours.out) == (23, "done\n"), ours
    head, first, second, third, *_, last = ours.err.splitlines()
    assert re.fullmatch(r"loses_one\S*\[\d+\]: direct leak: 30 bytes in 1 block, allocated at", head)
    assert re.search(r"#0 grabs at \S*loses_one\.c:5 \(inlined\)", first), ours
    assert re.search(r"#1 f at \S*loses_one\.c:6 \(loses_one\S*\+0x", second), ours
    assert re.search(r"#2 main at \S*loses_one\.c:8 ", third), ours
    assert re.fullmatch(r"loses_one\S*\[\d+\] at exit: 30 bytes in 1 block leaked; \d+ bytes in \d+ blocks still reachable", last)


def test_suppressions(loses, build, tmp_path):
    file = tmp_path / "known"
    for pattern in ("^f$", "^grabs$", "loses_one.c", "loses_one*"):
        file.write_text(f"# known\nleak:{pattern}\n")
        ours = leaks("--suppressions", file, loses)
        assert ours.code == 0 and f"suppressed by leak:{pattern}: 30 bytes in 1 block\n" in ours.err, ours
    file.write_text("leak:somebody_else\n")
    assert leaks("--suppressions", file, loses).code == 23
    file.write_text("race:x\n")
    ours = leaks("--suppressions", file, loses)
    assert (ours.code, ours.out, ours.err) == (2, "", f"gamelan: {file}:1: want leak:PATTERN\n")
    ours = leaks("--suppressions", tmp_path / "none", loses)
    assert ours.code == 2 and "cannot be read" in ours.err


def test_json(loses, build, tmp_path):
    ours = leaks("--format=json", "--output", tmp_path / "report", loses)
    assert (ours.code, ours.out, ours.err) == (23, "done\n", "")
    report = json.loads((tmp_path / "report").read_text())
    (process,) = report["processes"]
    (leak,) = process["leaks"]
    assert (process["leaked_bytes"], process["leaked_blocks"], leak["kind"], leak["bytes"], leak["blocks"]) == (30, 1, "direct", 30, 1)
    assert [(f["function"], f["inlined"], f["line"]) for f in leak["frames"][:3]] == [("grabs", True, 5), ("f", False, 6), ("main", False, 8)]


def test_sarif(loses, build):
    ours = leaks("--format=sarif", loses)
    report = json.loads(ours.out.removeprefix("done\n"))
    (run_,) = report["runs"]
    (result,) = run_["results"]
    assert report["version"] == "2.1.0" and run_["tool"]["driver"]["name"] == "gamelan leaks"
    assert result["ruleId"] in {rule["id"] for rule in run_["tool"]["driver"]["rules"]}
    place = result["locations"][0]["physicalLocation"]
    assert place["region"]["startLine"] == 5 and place["artifactLocation"]["uri"].endswith("loses_one.c")
    assert result["stacks"][0]["frames"][1]["location"]["message"]["text"] == "f"


def test_exit_codes(loses, build):
    assert leaks("--exit-code=5", loses).code == 5
    assert leaks("--exit-code=0", loses).code == 0
    assert leaks("/bin/false").code == 1
    assert leaks("/bin/true").code == 0
    assert leaks("/bin/sh", "-c", "kill -TERM $$").code == 128 + signal.SIGTERM
    assert leaks("no-such-program").code == 127


def test_every_process_speaks_for_itself(build):
    ours = leaks("--format=json", compile_program(CHILD, name="has_child"))
    processes = json.loads(ours.out)["processes"]
    assert sorted(p["leaked_bytes"] for p in processes) == [60, 70], ours
    assert ours.code == 23


def test_wrong_options_start_nothing(loses, build):
    for argv, wanted in ((["--format=xml", loses], "text"), (["--exit-code=300", loses], "255"), (["-o", "depth=0", loses], "depth=0"),
                         (["--sample=many", loses], "sample=many"), ([], "PROGRAM")):
        ours = leaks(*argv)
        assert ours.code == 2 and ours.out == "" and wanted in ours.err and ours.err.count("\n") == 1, (argv, ours)


def test_signals_go_to_the_program(loses, build):
    """Which does not handle them: its leaks are told before it ends."""
    for sent in (signal.SIGTERM, signal.SIGHUP):
        with subprocess.Popen([COMMAND, "leaks", loses, "waits"], stderr=subprocess.PIPE, text=True) as process:
            time.sleep(1)
            process.send_signal(sent)
            told = process.stderr.read()
            assert process.wait(timeout=20) == 128 + sent
            assert "direct leak: 30 bytes in 1 block" in told and "at a signal: 30 bytes in 1 block leaked" in told, told


@pytest.mark.parametrize("case", [c for c in cases.all_cases() if c.name in ("ring", "vector_of_strings", "dlopened_library", "child")], ids=str)
def test_names_of_leak_programs(case, build):
    ours = leaks("--", *case.argv, env=cases.environment())
    assert case.lost <= cases.names_in(ours.err) and not any(n.startswith("keep_") for n in cases.names_in(ours.err)), ours
