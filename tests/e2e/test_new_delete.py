"""operator new and delete, all forms: programs/new_delete.cc, a test per case."""
import pytest

from test_malloc_semantics import cases_of


@pytest.mark.parametrize("case", cases_of("new_delete.cc"))
def test_case(case, both_paths, compile_program, run_both):
    ours = run_both([compile_program("new_delete.cc"), case], path=both_paths)
    assert ours.code == 0, ours.out
    assert f"{case}: ok" in ours.out
