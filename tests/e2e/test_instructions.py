"""tests/e2e/test_instructions.py: the fast paths of malloc, free, calloc, realloc, new, delete, counted by single steps.

instructions.toml says how many instructions each may take. Longer: the failure shows the path, disassembled. Shorter: a
warning asks for the new figure, so that what was won is held.
"""
import re
import subprocess
import tomllib
import warnings
from pathlib import Path

import pytest

GOLDEN = tomllib.loads(Path(__file__).with_name("instructions.toml").read_text())
CASES = [f"{call}:{size}" for call, sizes in GOLDEN.items() for size in sizes]


def golden(case):
    call, size = case.split(":")
    return GOLDEN[call][size]


def parse(out):
    """{case: {visit: count}}, {(case, visit): [address...]} of step.cc's lines."""
    counts, paths = {}, {}
    for line in out.splitlines():
        words = line.split()
        if words[0] == "path":
            paths[words[1], words[2]] = [int(address, 16) for address in words[3:]]
        else:
            counts[words[0]] = {name: int(count) for name, count in zip(words[1::2], words[2::2])}
    return counts, paths


def listing(library, path):
    """objdump's lines for the addresses of a path, in the order in which they were executed."""
    text = subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", f"--start-address={min(path)}",
                           f"--stop-address={max(path) + 16}", library], capture_output=True, text=True).stdout
    lines, function = {}, ""
    for line in text.splitlines():
        if heading := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            function = heading[1]
        elif instruction := re.match(r"\s*([0-9a-f]+):\t(.*)", line):
            lines[int(instruction[1], 16)] = f"{instruction[1]:>8}  {instruction[2]:<56} {function}"
    return "\n".join(lines.get(address, f"{address:>8x}  ?") for address in path)


def longer(counts, paths, wanted, case, library):
    """What is to be said of every visit that takes more than it may."""
    return [f"{case}: {name} takes {counts[name]} instructions, may take {limit}:\n{listing(library, paths[case, name])}"
            for name, limit in wanted.items() if counts[name] > limit]


@pytest.fixture(scope="session")
def counted(build):
    import harness
    library = build.library.resolve()
    program = harness.compile_program("step.cc")
    done = harness.run([program, *CASES], harness.plain_env(LIBRARY=library, GAMELAN_OPTIONS="path=lists"), timeout=120)
    assert done.code == 0, done
    return (*parse(done.out), library)


@pytest.mark.parametrize("case", CASES)
def test_fast_paths_take_no_more_than_their_golden_count(counted, case):
    counts, paths, library = counted
    if faults := longer(counts[case], paths, golden(case), case, library):
        pytest.fail("\n".join(faults), pytrace=False)
    if won := {name: counts[case][name] for name, limit in golden(case).items() if counts[case][name] < limit}:
        warnings.warn(f"{case} has become shorter: {won}; write that into instructions.toml")


def test_a_longer_path_would_fail_with_its_listing(counted):
    counts, paths, library = counted
    (fault,) = longer(counts["malloc:16"], paths, {"malloc": 1}, "malloc:16", library)
    assert "malloc takes" in fault and "ret" in fault and "?" not in fault
