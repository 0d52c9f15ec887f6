"""Threads: every program of programs/threads prints the same without us, on kernel threads, and as goroutines on 1, 2, 8 Ps."""
import functools

import pytest

import goroutines
from goroutines import NATIVE, PLAIN

plain_run = functools.cache(lambda name: goroutines.run(name, PLAIN))


@pytest.fixture(params=[NATIVE, *goroutines.goroutine_modes()], ids=str)
def mode(request, build):
    if request.param.threads == "goroutine" and goroutines.why_no_goroutines():
        pytest.skip(goroutines.why_no_goroutines())
    return request.param


@pytest.mark.parametrize("name", goroutines.names())
def test_the_same_in_every_mode(name, mode):
    plain = plain_run(name)
    assert plain.run.code == 0 and not plain.run.timed_out, f"without us: {plain.run}\n{plain.hang}"
    assert goroutines.faults(goroutines.run(name, mode), plain) == []
