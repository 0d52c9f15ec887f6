"""fork under churn, vfork, posix_spawn, clone, popen, daemons."""
import pytest

from test_malloc_semantics import cases_of


def test_forks_under_churn(both_paths, compile_program, run_both):
    ours = run_both([compile_program("forks.c"), 15], path=both_paths, timeout=120)
    assert ours.code == 0, ours


def test_children_verify(both_paths, compile_program, run_preloaded):
    ours = run_preloaded([compile_program("forks.c"), 6], path=both_paths, verify=300, timeout=120)
    assert ours.code == 0, ours


@pytest.mark.parametrize("case", cases_of("processes.c"))
def test_new_process(case, both_paths, compile_program, run_both):
    ours = run_both([compile_program("processes.c"), case], path=both_paths)
    assert ours.code == 0, ours


def test_a_pipeline_of_preloaded_programs(run_both):
    run_both(["/bin/bash", "-c", "seq 20000 | sort -R --random-source=/bin/ls | sort -n | md5sum | cut -c1-32; "
              "for i in 1 2 3; do (echo $i | cat); done"])
