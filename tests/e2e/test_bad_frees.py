"""A second free before reuse, an interior and a foreign pointer are caught and named, whoever frees: programs/bad_free.cc."""
import re
import signal
import subprocess

import pytest

import harness

WORDS = {"double": "double free of", "interior": "interior pointer", "foreign": "foreign pointer"}
CALLS = {"realloc": "realloc", "delete": "operator delete"}   # by the way's last word; else free


def ways():
    return re.findall(r'^    \{"(\w+)", ', (harness.PROGRAMS / "bad_free.cc").read_text(), re.MULTILINE)


def expected_call(way):
    return CALLS.get(way.rsplit("_", 1)[-1], "free")


@pytest.mark.parametrize("way", ways())
def test_caught_and_named(way, both_paths, compile_program, run_preloaded):
    ours = run_preloaded([compile_program("bad_free.cc"), way], path=both_paths)
    assert ours.code == -signal.SIGABRT, ours
    assert "survived" not in ours.out
    address = int(re.search(r"bad (\S+)", ours.out)[1], 16)
    lines = [line for line in ours.err.splitlines() if line.startswith("gamelan[")]
    assert lines, ours
    said = re.match(r"gamelan\[\d+\]: (double free of|interior pointer|foreign pointer) 0x([0-9a-f]+)(.*)", lines[0])
    assert said, ours
    assert said[1] == WORDS[way.split("_")[0]]
    assert int(said[2], 16) == address
    assert f"in {expected_call(way)}()" in said[3]


@pytest.mark.parametrize("way, size", [("double_16", 16), ("double_48", 48), ("double_1000", 1024), ("interior_8", 48)])
def test_the_size_class_is_named(way, size, compile_program, run_preloaded):
    ours = run_preloaded([compile_program("bad_free.cc"), way])
    named = re.search(r"\(size class (\d+)\)", ours.err)
    assert named and size <= int(named[1]) <= 1.25 * size, ours


def test_every_way_is_tried(compile_program, run_plain):
    listed = run_plain([compile_program("bad_free.cc")]).out.split()
    assert sorted(listed) == sorted(ways())


def test_the_line_reaches_a_terminal_less_process(compile_program, tmp_path):
    """With stderr closed from the start there is nowhere to speak, and nothing else may be written into."""
    program = compile_program("bad_free.cc")
    done = subprocess.run(["/bin/sh", "-c", f"exec {program} double_48 2>&- 3>{tmp_path}/other"],
                          env=harness.gamelan_env(), stdout=subprocess.PIPE, timeout=20)
    assert done.returncode == -signal.SIGABRT
    assert (tmp_path / "other").read_text() == ""


def test_the_line_goes_to_log_path(compile_program, run_preloaded, tmp_path):
    ours = run_preloaded([compile_program("bad_free.cc"), "double_48"], log_path=f"{tmp_path}/log.%p")
    assert ours.code == -signal.SIGABRT
    (log,) = tmp_path.iterdir()
    assert "double free of" in log.read_text()
