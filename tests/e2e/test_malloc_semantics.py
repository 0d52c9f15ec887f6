"""The malloc family behaves as malloc(3) and glibc's manual say: programs/semantics.c, a test per case."""
import re
import xml.etree.ElementTree as ElementTree

import pytest

import harness


def cases_of(program):
    return re.findall(r"^CASE\((\w+)\)", (harness.PROGRAMS / program).read_text(), re.MULTILINE)


@pytest.mark.parametrize("case", cases_of("semantics.c"))
def test_case(case, both_paths, compile_program, run_both):
    ours = run_both([compile_program("semantics.c"), case], path=both_paths)
    assert ours.code == 0, ours.out
    assert f"{case}: ok" in ours.out


def test_malloc_info_is_xml_that_counts(both_paths, compile_program, run_preloaded):
    ours = run_preloaded([compile_program("malloc_info.c")], path=both_paths)
    assert ours.code == 0, ours
    root = ElementTree.fromstring(ours.out)
    assert root.tag == "malloc" and root.get("version")
    in_use = [int(e.get("size")) for e in root.iter("system") if e.get("type") == "current"]
    assert in_use and max(in_use) >= 9_000_000, ours.out


def test_every_heap_call_is_ours(both_paths, compile_program, run_preloaded, statistics):
    with statistics() as stats:
        run_preloaded([compile_program("semantics.c"), "libc_hands_out_our_memory", "no_two_overlap"],
                      path=both_paths, **stats.settings)
    (report,) = stats.reports()
    metrics = report["metrics"]
    assert report["mode"]["path"] == both_paths
    assert metrics["/gc/heap/allocs:objects"] > 6000
    assert metrics["/gc/heap/frees:objects"] > 6000
    assert metrics["/gc/heap/frees/foreign:objects"] == 0
    assert report["libc_heap_bytes"] == 0


def test_the_heap_verifies(both_paths, compile_program, run_preloaded, statistics):
    with statistics() as stats:
        ours = run_preloaded([compile_program("semantics.c"), "no_two_overlap", "many_alignments_live_together",
                              "realloc_keeps_contents"], path=both_paths, verify=1, **stats.settings)
    assert ours.code == 0, ours
    (report,) = stats.reports()
    assert report["metrics"]["/gc/verify/runs:runs"] > 10


def test_off_is_inert(compile_program, run_both, statistics):
    with statistics() as stats:
        ours = run_both([compile_program("semantics.c"), "no_two_overlap"], GAMELAN="off", **stats.settings)
    assert ours.code == 0
    assert all(r["metrics"]["/gc/heap/allocs:objects"] == 0 for r in stats.reports())
