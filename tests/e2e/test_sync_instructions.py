"""Uncontended pthread calls take no more instructions than glibc's, counted by single steps; where ours take more, a limit."""
import goroutines
import harness
import pytest

# Pairs that take more than glibc's: our own test for the mode, and for who holds it. Built by g++ 12, release preset.
LIMITS = {"recursive": 94, "semaphore": 46, "signal": 30, "broadcast": 27, "once": 13, "spin": 20}


def count(**variables):
    done = harness.run([harness.compile_program("sync_step.c", "-Wl,-z,now")], harness.plain_env(**variables), timeout=120)
    assert done.code == 0, done
    return {name: int(steps) for name, steps in map(str.split, done.out.splitlines())}


@pytest.fixture(scope="module")
def counts(build):
    if goroutines.why_no_goroutines():
        pytest.skip(goroutines.why_no_goroutines())
    return count(), count(LIBRARY=build.library.resolve(), GAMELAN_THREADS="goroutine", GOMAXPROCS=1)


@pytest.mark.parametrize("name", ["mutex", "trylock", "errorcheck", "rdlock", "wrlock"])
def test_no_more_than_glibc(counts, name):
    glibc, ours = counts
    assert ours[name] <= glibc[name]


@pytest.mark.parametrize("name", LIMITS)
def test_within_its_limit(counts, name):
    assert counts[1][name] <= LIMITS[name]
