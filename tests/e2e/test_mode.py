"""Native or goroutines: who decides, what `stats` shows of it, and when a word is said."""
import json
import re

import pytest

from harness import compile_program

ONE_THREAD = """
#include <pthread.h>
#include <stdio.h>
static void *run(void *arg) { return arg; }
int main(void) {
  pthread_t t;
  if (pthread_create(&t, NULL, run, NULL) || pthread_join(t, NULL)) return 1;
  puts("done");
}
"""
NO_THREAD = """
#include <pthread.h>
#include <stdio.h>
int main(void) {
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&m);
  puts("done");
}
"""
ASKED = {"GAMELAN_THREADS": "goroutine"}
REFUSED = "GAMELAN_THREADS=goroutine: threads stay native: "


@pytest.fixture
def decide(build, run_preloaded, tmp_path):
    """What became of a program: (mode, reason, what was said besides)."""
    def run(source=ONE_THREAD, name="one_thread", **settings):
        log = tmp_path / "log"
        log.unlink(missing_ok=True)
        ours = run_preloaded([compile_program(source, name=name)], stats="json", log_path=log, **settings)
        assert (ours.code, ours.out) == (0, "done\n"), ours
        *said, report = log.read_text().splitlines()
        mode = json.loads(report)["mode"]
        return mode["threads"], mode["reason"], [re.sub(r"^gamelan\[\d+\]: ", "", line) for line in said]
    return run


@pytest.fixture
def rules(tmp_path):
    def write(text):
        (tmp_path / "rules").write_text(text)
        return tmp_path / "rules"
    return write


def test_auto_is_goroutines_and_says_nothing(decide):
    assert decide() == ("goroutine", "nothing speaks against it", [])
    assert decide(glibc="rebuilt") == ("native", "a build of glibc that was not tested", [])


def test_asked_for_by_name(decide):
    assert decide(**ASKED) == ("goroutine", "GAMELAN_THREADS=goroutine", [])
    assert decide(GAMELAN_THREADS="native") == ("native", "GAMELAN_THREADS=native", [])


def test_the_mode_shows_before_the_first_thread(decide):
    assert decide(NO_THREAD, "no_thread", **ASKED) == ("goroutine", "GAMELAN_THREADS=goroutine", [])


@pytest.mark.parametrize("glibc, reason", [("other", "a glibc that was not tested"), ("failing", "self-test: glibc=failing")])
def test_a_wish_that_cannot_be_met_is_said_once(glibc, reason, decide):
    assert decide(glibc=glibc, **ASKED) == ("native", reason, [REFUSED + reason])


def test_a_program_without_threads_hears_nothing(decide):
    assert decide(NO_THREAD, "no_thread", glibc="other", **ASKED)[2] == []


def test_another_build_of_a_tested_version_is_for_those_who_ask(decide, rules):
    file = rules("program one_thread* threads=goroutine")
    assert decide(glibc="rebuilt", **ASKED)[0] == "goroutine"
    assert decide(glibc="rebuilt", rules=file) == ("native", "a build of glibc that was not tested", [])
    assert decide(glibc="other", rules=file) == ("native", "a glibc that was not tested", [])


def test_rules(decide, rules):
    file = rules("# ours\n\nprogram one_* threads=goroutine it gains\nprogram other threads=native\n")
    assert decide(rules=file) == ("goroutine", f"{file}: it gains", [])
    file = rules("program * threads=goroutine\nprogram one_thread* threads=native it loses\n")
    assert decide(rules=file) == ("native", f"{file}: it loses", [])
    assert decide(rules=file, **ASKED)[0] == "goroutine"


def test_a_wrong_rule_is_named(decide, rules):
    file = rules("program one_thread* threads=goroutine fine\nprogram green\n")
    mode, _, said = decide(rules=file)
    assert mode == "goroutine"
    assert said == [f"{file}:2: want program|library NAME threads=native|goroutine REASON; the line is skipped"]
