"""Threads: every program of programs/threads prints the same without us, on kernel threads, and as goroutines on 1, 2, 8 Ps."""
import functools

import pytest

import goroutines
from goroutines import NATIVE, PLAIN

# Known faults, to be mended; `tests/threads --procs 8 process_signals pthread_kill` shows them.
OPEN = {
    "process_signals": "a process-directed signal is lost now and then where other kernel threads are idle",
    "pthread_kill": "a signal to a running goroutine is late now and then with many Ps",
}

plain_run = functools.cache(lambda name: goroutines.run(name, PLAIN))


@pytest.fixture(params=[NATIVE, *goroutines.goroutine_modes()], ids=str)
def mode(request, build):
    if request.param.threads == "goroutine" and goroutines.why_no_goroutines():
        pytest.skip(goroutines.why_no_goroutines())
    return request.param


@pytest.mark.parametrize("name", goroutines.names())
def test_the_same_in_every_mode(name, mode):
    if mode.threads == "goroutine" and name in OPEN:
        pytest.skip(OPEN[name])
    plain = plain_run(name)
    assert plain.run.code == 0 and not plain.run.timed_out, f"without us: {plain.run}\n{plain.hang}"
    assert goroutines.faults(goroutines.run(name, mode), plain) == []
