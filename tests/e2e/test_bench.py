"""tests/e2e/test_bench.py: `gamelan bench` from outside: what it prints, writes, refuses, and what it leaves behind.

Figures are not looked at here, only that they are there: a busy machine must not fail a test.
"""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

JEMALLOC = Path("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")
PRINTS_MORE = '#include <unistd.h>\n__attribute__((constructor)) void say() { if (write(1, "more\\n", 5)) {} }\n'
ENDS_BADLY = '#include <stdlib.h>\n__attribute__((constructor)) void end() { _Exit(3); }\n'


@pytest.fixture
def bench(build):
    """bench("--runs", 1, "--", "true"): keywords in capitals are variables, `stdin` an open file."""
    import harness

    def call(*words, stdin=subprocess.DEVNULL, timeout=120, **variables):
        return subprocess.run([build.command, "bench", *map(str, words)], env=harness.plain_env(**variables), stdin=stdin,
                              text=True, capture_output=True, timeout=timeout)
    return call


@pytest.fixture
def bad_peer(compile_program):
    """bad_peer(text): a NAME=PATH of a library that is no allocator but does something else."""
    return lambda text: f"bad={compile_program(text, name='bad_peer', shared=True)}"


def rows_of(file):
    return json.loads(Path(file).read_text())["rows"]


def entries_of(file):
    return {entry["allocator"]: entry for entry in rows_of(file)[0]["entries"]}


def test_compares_a_program(bench):
    done = bench("--quick", "--against", "glibc", "--", "true")
    assert done.returncode == 0 and done.stderr == "", done
    assert re.search(r"^allocator  glibc: \S+", done.stdout, re.MULTILINE)
    assert re.search(r"^machine    \d+ x ", done.stdout, re.MULTILINE)
    assert "rounds     3; ratios are to glibc\n" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("verdict: gamelan against glibc: ")


@pytest.mark.skipif(not JEMALLOC.exists(), reason="no libjemalloc2")
def test_jemalloc_is_the_baseline_wherever_it_stands(bench):
    assert "ratios are to jemalloc\n" in bench("--runs", 1, "--against", "glibc,jemalloc", "--", "true").stdout


def test_json_has_every_member(bench, tmp_path):
    done = bench("--runs", 2, "--against", f"glibc,mine={JEMALLOC}:A=b", "--json", tmp_path / "x", "--", "sleep", "0.05")
    assert done.returncode == 0, done
    report = json.loads((tmp_path / "x").read_text())
    assert list(report) == ["schema", "version", "command", "machine", "allocators", "baseline", "rounds", "quick", "suite",
                            "notes", "rows", "summaries", "verdict"]
    assert report["schema"] == 1 and report["baseline"] == "glibc" and report["rounds"] == 2
    assert [a["name"] for a in report["allocators"]] == ["gamelan", "glibc", "mine"]
    assert report["allocators"][2]["variables"] == {"A": "b"}
    (row,) = report["rows"]
    assert row["name"] == "sleep" and row["group"] == "command" and row["unit"] == "s" and row["not_run"] is None
    for entry in row["entries"]:
        assert entry["void"] is None and entry["rss_curve"]
        assert all(len(entry[key]) == 2 for key in ("figure", "user", "sys", "peak_bytes", "faults"))
        assert set(entry["figure_ratio"]) == {"min", "median", "max", "finding"}


def test_markdown_has_a_table(bench, tmp_path):
    bench("--runs", 1, "--against", "glibc", "--markdown", tmp_path / "x", "--", "true")
    text = (tmp_path / "x").read_text()
    assert text.startswith("**gamelan against glibc") and "\n| true |" in text


def test_html_is_one_file_with_its_plots(bench, tmp_path):
    pytest.importorskip("matplotlib", reason="apt-get install python3-matplotlib")
    done = bench("--runs", 1, "--against", "glibc", "--html", tmp_path / "x.html", "--", "sleep", "0.02")
    assert done.returncode == 0, done
    page = (tmp_path / "x.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and page.count("<svg ") == 3 and "verdict" in page
    assert not re.search(r"<(script|link|img|iframe)\b", page)
    assert set(re.findall(r"https?://[^/\"']+", page)) == {"http://www.w3.org"}   # names of XML, nothing to fetch


# ---- void

def test_another_output_voids_the_entry(bench, bad_peer, tmp_path):
    done = bench("--runs", 2, "--against", f"glibc,{bad_peer(PRINTS_MORE)}", "--json", tmp_path / "x", "--", "true")
    assert done.returncode == 0 and re.search(r"^bad +void: output differs from glibc's$", done.stdout, re.MULTILINE)
    entries = entries_of(tmp_path / "x")
    assert entries["bad"]["void"] == "output differs from glibc's" and entries["bad"]["figure"] == []
    assert entries["gamelan"]["void"] is None


def test_a_failing_run_voids_the_entry(bench, bad_peer, tmp_path):
    done = bench("--runs", 2, "--against", f"glibc,{bad_peer(ENDS_BADLY)}", "--json", tmp_path / "x", "--", "true")
    assert done.returncode == 0 and entries_of(tmp_path / "x")["bad"]["void"] == "ended with exit code 3"


def test_a_void_baseline_voids_the_verdict(bench, bad_peer):
    done = bench("--runs", 1, "--against", bad_peer(ENDS_BADLY), "--", "true")
    assert done.returncode == 1 and done.stdout.splitlines()[-1] == "verdict: void: bad: ended with exit code 3"


def test_an_output_that_always_differs_can_be_ignored(bench):
    command = ("--runs", 2, "--against", "glibc", "--", "sh", "-c", "echo $$")
    assert "output differs from run to run (--ignore-output" in bench(*command).stdout
    assert "void" not in bench("--ignore-output", *command).stdout


def test_the_last_words_of_a_failing_program_are_told(bench):
    done = bench("--runs", 1, "--against", "glibc", "--", "sh", "-c", "echo no such luck >&2; kill -SEGV $$")
    assert done.returncode == 1 and "void: was killed by SIGSEGV (no such luck)" in done.stdout


def test_a_hanging_run_is_given_up(bench):
    done = bench("--runs", 1, "--timeout", 0.2, "--against", "glibc", "--", "sleep", 30)
    assert done.returncode == 1 and "void: it did not end within 0.2 s" in done.stdout


# ---- what it refuses

@pytest.mark.parametrize("words, told", [
    ([], "want a PROGRAM to run, or --suite"),
    (["--runs", "0", "true"], "whole number from 1 to 50"),
    (["--runs", "x", "true"], "whole number from 1 to 50"),
    (["--against", "hoard", "true"], "'hoard' is no allocator; want jemalloc, glibc, mimalloc, tcmalloc, NAME=PATH"),
    (["--against", "x=/no/such.so", "true"], "x cannot be preloaded: /no/such.so cannot be read"),
    (["--against", "x=/etc/passwd", "true"], "is not a shared library for x86-64"),
    (["--against", "glibc,glibc", "true"], "glibc is given twice; want NAME=PATH for one of them"),
    (["--threads", "green", "true"], "want one of native, goroutine, both"),
    (["--fail-above", "0", "true"], "want a number above 0"),
    (["--timeout", "-1", "true"], "want a number of seconds above 0"),
    (["--ready", "true", "true"], "--ready and --load belong together"),
    (["--load", "true", "true"], "--ready and --load belong together"),
    (["--rows", "x", "true"], "--rows is for --suite"),
    (["--suite", "true"], "--suite takes no PROGRAM, but 'true' is given"),
    (["--suite", "--rows", "no-such-row"], "no row matches 'no-such-row'"),
    (["--json", "/no/such/folder/x", "true"], "/no/such/folder/x cannot be written"),
    (["--frobnicate", "true"], "--frobnicate"),
])
def test_bad_options_get_one_line_and_exit_2(bench, words, told):
    done = bench(*words)
    assert done.returncode == 2 and done.stdout == "", done
    assert done.stderr.startswith("gamelan: bench: ") and done.stderr.count("\n") == 1 and told in done.stderr


def test_a_program_that_is_not_there_ends_with_127(bench):
    done = bench("no-such-program")
    assert done.returncode == 127 and done.stderr.count("\n") == 1


def test_without_matplotlib_it_says_what_to_install(bench, tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError\n")
    (tmp_path / "importlib").mkdir()
    (tmp_path / "importlib/__init__.py").write_text("")
    (tmp_path / "importlib/util.py").write_text("def find_spec(name): return None\n")
    done = bench("--html", tmp_path / "x.html", "--against", "glibc", "true", PYTHONPATH=tmp_path)
    assert done.returncode == 125 and done.stderr == "gamelan: bench: --html needs matplotlib: apt-get install python3-matplotlib\n"


def test_fail_above_is_an_exit_code(bench):
    command = ("--runs", 1, "--against", "glibc", "--", "true")
    assert bench("--fail-above", 1000, *command).returncode == 0
    done = bench("--fail-above", 0.001, *command)
    assert done.returncode == 1 and re.fullmatch(r"gamelan: bench: time is [\d.]+ of glibc's, above 0.001\n", done.stderr)


# ---- how programs are run

def test_a_file_on_stdin_is_read_by_every_run(bench, tmp_path):
    (tmp_path / "text").write_text("one\ntwo\n")
    with open(tmp_path / "text") as text:
        done = bench("--runs", 2, "--against", "glibc", "--", "grep", "two", stdin=text)
    assert done.returncode == 0 and "void" not in done.stdout


def test_threads_chooses_our_contenders(bench, tmp_path):
    bench("--runs", 1, "--threads", "both", "--against", "glibc", "--json", tmp_path / "x", "--", "true")
    allocators = json.loads((tmp_path / "x").read_text())["allocators"]
    assert [(a["name"], a["variables"]) for a in allocators if a["is_ours"]] == [
        ("gamelan-native", {"GAMELAN_THREADS": "native"}), ("gamelan-goroutine", {"GAMELAN_THREADS": "goroutine"})]


SERVER = "trap 'exit 0' TERM; echo up >$0; while :; do sleep 0.02; done"


def test_a_server_is_awaited_loaded_and_ended(bench, tmp_path):
    flag = tmp_path / "up"
    done = bench("--runs", 2, "--against", "glibc", "--ready", f"test -s {flag}", "--load", f"cat {flag} && rm {flag}",
                 "--json", tmp_path / "x", "--", "sh", "-c", SERVER, flag)
    assert done.returncode == 0 and "void" not in done.stdout, done
    assert all(len(e["figure"]) == 2 for e in entries_of(tmp_path / "x").values())


def test_a_server_that_ends_before_it_serves_voids_the_entry(bench):
    done = bench("--runs", 1, "--against", "glibc", "--ready", "false", "--load", "true", "--", "sh", "-c", "exit 4")
    assert done.returncode == 1 and "void: the server ended with exit code 4" in done.stdout


def test_nothing_of_a_run_outlives_it(bench, tmp_path):
    """A daemon with a session of its own, whose parent has gone."""
    done = bench("--runs", 1, "--against", "glibc", "--", "sh", "-c", f"setsid sleep 77.7 & echo $! >>{tmp_path}/pids")
    assert done.returncode == 0, done
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 3 and not any(Path(f"/proc/{pid}").exists() for pid in pids)   # the first one warms


def test_an_interrupt_ends_the_run_and_reports_nothing(build, tmp_path):
    import harness
    child = subprocess.Popen([build.command, "bench", "--json", tmp_path / "x", "--against", "glibc", "--", "sleep", "60"],
                             env=harness.plain_env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline().startswith("machine")
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=10)
    assert child.returncode == 130 and err == "gamelan: bench: interrupted; nothing is reported\n"
    assert (tmp_path / "x").read_text() == ""


def on_a_terminal(command, **variables):
    """What it writes to a terminal."""
    import harness
    leader, follower = pty.openpty()
    child = subprocess.Popen(command, env=harness.plain_env(TERM="xterm", **variables), stderr=follower,
                             stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    os.close(follower)
    seen = b""
    while select.select([leader], [], [], 20)[0]:
        try:
            seen += os.read(leader, 4096)
        except OSError:   # the other side is closed
            break
    os.close(leader)
    assert child.wait() == 0
    return seen.decode()


def test_a_terminal_gets_a_progress_bar_unless_no_color(build):
    command = [build.command, "bench", "--runs", "1", "--against", "glibc", "--", "true"]
    assert re.search(r"\[#+\.+\] \d/3 gamelan", on_a_terminal(command))
    assert on_a_terminal(command, NO_COLOR="1") == ""


# ---- the suite

def test_a_row_of_the_suite_is_built_and_run(bench, tmp_path):
    done = bench("--suite", "--quick", "--rows", "cfrac", "--against", "glibc", "--json", tmp_path / "x")
    assert done.returncode == 0, done
    (row,) = rows_of(tmp_path / "x")
    assert row["name"] == "cfrac" and row["group"] == "program"
    assert all(entry["void"] is None for entry in row["entries"])
    assert re.search(r"^verdict: gamelan against glibc: time [\d.]+, peak RSS [\d.]+ \(geometric means of 1 rows\)",
                     done.stdout, re.MULTILINE)


def test_a_row_whose_program_is_missing_is_printed_all_the_same(bench, tmp_path):
    (tmp_path / "suite.toml").write_text("""
        [[row]]
        name = "missing"
        group = "real"
        commands = ["no-such-command"]
        packages = ["no-such-package"]
        run = ["no-such-command"]
        """)
    done = bench("--suite", "--against", "glibc", GAMELAN_BENCH=tmp_path)
    assert done.returncode == 0
    assert re.search(r"^missing +not run: no no-such-command: apt-get install no-such-package$", done.stdout, re.MULTILINE)


def test_a_suite_that_cannot_be_read_says_where(bench, tmp_path):
    (tmp_path / "suite.toml").write_text("[[row]]\nname =\n")
    done = bench("--suite", GAMELAN_BENCH=tmp_path)
    assert done.returncode == 125 and done.stderr.startswith("gamelan: bench: suite.toml: line 2: ")
