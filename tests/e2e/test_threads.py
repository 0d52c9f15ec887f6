"""Threads: churn with every byte checked and the heap verified, every way to end a thread, short lives without growth."""
import re

import pytest

from test_malloc_semantics import cases_of


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_churn(threads, both_paths, compile_program, run_both):
    ours = run_both([compile_program("churn.c"), threads, 1_000_000, threads], path=both_paths, timeout=120)
    assert ours.code == 0, ours


def test_churn_with_the_verifier(both_paths, compile_program, run_preloaded, statistics):
    with statistics() as stats:
        ours = run_preloaded([compile_program("churn.c"), 8, 400_000], path=both_paths, verify=20, timeout=120,
                             **stats.settings)
    assert ours.code == 0, ours
    (report,) = stats.reports()
    assert report["metrics"]["/gc/verify/runs:runs"] > 5
    if both_paths == "lists":   # the bitmap path frees in place, whoever owns the span
        assert report["metrics"]["/gc/heap/frees/remote:objects"] > 1000


@pytest.mark.parametrize("case", cases_of("thread_ends.cc"))
def test_thread_ends(case, both_paths, compile_program, run_both):
    ours = run_both([compile_program("thread_ends.cc"), case], path=both_paths)
    assert ours.code == 0, ours


def test_the_heap_verifies_after_threads_ended(both_paths, compile_program, run_preloaded):
    ours = run_preloaded([compile_program("thread_ends.cc")], path=both_paths, verify=50)
    assert ours.code == 0, ours


@pytest.mark.parametrize("threads", ["native", "goroutine"])
def test_short_lives_leave_nothing(threads, both_paths, compile_program, run_preloaded):
    ours = run_preloaded([compile_program("short_threads.c"), 4000], path=both_paths, GAMELAN_THREADS=threads)
    assert ours.code == 0, ours
    assert int(re.search(r"growth_kib (-?\d+)", ours.out)[1]) < 4096, ours.out


def test_caches_are_reused(compile_program, run_preloaded, statistics):
    with statistics() as stats:
        run_preloaded([compile_program("short_threads.c"), 2000], GAMELAN_THREADS="native", **stats.settings)
    (report,) = stats.reports()
    assert report["metrics"]["/sched/threads/created:threads"] == 2000
    assert report["metrics"]["/sched/mcaches:mcaches"] <= 100
