"""Limits and manners: ulimit -v, RLIMIT_DATA, overcommit, locked memory, descriptors, a daemon without stderr."""
import resource
import time
from pathlib import Path

import pytest

from test_malloc_semantics import cases_of

MIB = 1 << 20

# Not compared with a plain run: libc finds no address space for the thread's arena at the end.
EXHAUSTED = """refused: 1, ENOMEM: 1
a big one too: 1, calloc: 1, realloc: 1
intact: 1
served again: 1
a thread allocates: 1
"""


@pytest.mark.parametrize("mebibytes", [60, 130, 400])
def test_out_of_address_space_is_enomem(mebibytes, both_paths, compile_program, run_preloaded):
    ours = run_preloaded([compile_program("exhaust.c")], path=both_paths, limits={resource.RLIMIT_AS: mebibytes * MIB},
                         GAMELAN_THREADS="native")
    assert (ours.code, ours.out) == (0, EXHAUSTED), ours


@pytest.mark.parametrize("mebibytes", [60, 130, 400])
def test_out_of_address_space_for_goroutines(mebibytes, compile_program, run_preloaded):
    """The scheduler needs more to begin with than one more kernel thread would: EAGAIN is an answer there."""
    ours = run_preloaded([compile_program("exhaust.c")], limits={resource.RLIMIT_AS: mebibytes * MIB})
    assert ours.code == 0 and ours.out.splitlines()[:-1] == EXHAUSTED.splitlines()[:-1], ours


def test_out_of_data_segment_is_enomem(both_paths, compile_program, run_preloaded):
    """Free pages stay writable, so that they count against RLIMIT_DATA: a thread's stack may find no room at the end."""
    ours = run_preloaded([compile_program("exhaust.c")], path=both_paths, limits={resource.RLIMIT_DATA: 100 * MIB})
    assert ours.code == 0 and ours.out.splitlines()[:-1] == EXHAUSTED.splitlines()[:-1], ours


def test_python_under_ulimit(both_paths, run_both):
    ours = run_both(["/usr/bin/python3", "-c", "x = [str(i) for i in range(300000)]; print(len(''.join(x)))"],
                    path=both_paths, limits={resource.RLIMIT_AS: 400000 * 1024})
    assert ours.code == 0


def test_python_catches_memory_error(both_paths, run_both):
    program = ("try:\n  x = bytearray(800 << 20)\nexcept MemoryError:\n  print('caught')\n"
               "y = bytearray(50 << 20); print(len(y))")
    ours = run_both(["/usr/bin/python3", "-c", program], path=both_paths, limits={resource.RLIMIT_AS: 500 * MIB})
    assert ours.out == f"caught\n{50 * MIB}\n"


def test_strict_overcommit(compile_program, run_both):
    setting = Path("/proc/sys/vm/overcommit_memory")
    before = setting.read_text()
    try:
        setting.write_text("2")
    except OSError as error:
        pytest.skip(f"cannot set {setting}: {error}")
    try:
        run_both(["/usr/bin/python3", "-c", "print(sum(len(str(i)) for i in range(300000)))"])
        run_both([compile_program("churn.c"), 4, 200_000])
    finally:
        setting.write_text(before)


def test_locked_memory(both_paths, compile_program, run_both):
    ours = run_both([compile_program("lock_memory.c")], path=both_paths)
    assert "grew by less than 24 MiB: 1" in ours.out, ours


@pytest.mark.parametrize("case", cases_of("descriptors.c"))
def test_descriptors(case, both_paths, compile_program, run_both, tmp_path):
    """What a program sees of its descriptors is what it sees without us, statistics and verifier or not."""
    program = compile_program("descriptors.c")
    assert run_both([program, case], path=both_paths).code == 0
    assert run_both([program, case], stats=1, verify=10).code == 0


@pytest.mark.parametrize("settings", [{}, {"stats": 1}, {"GODEBUG": "inittrace=1"}], ids=str)
def test_a_daemon_without_stderr(settings, compile_program, run_both, tmp_path):
    file = tmp_path / "its-own"
    run_both([compile_program("daemon.c"), file], **settings)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and (not file.exists() or file.read_text().count("data\n") < 2):
        time.sleep(0.05)
    time.sleep(0.2)   # its exit handlers
    assert file.read_text() == "data\ndata\n"
