"""tests/leaks/cases.py: the leak programs, what is to be found in each, and how a report is read.

Used by  tests/leaks/run.py (beside the peers), tests/e2e/test_leaks.py and tests/accept/leaks-programs."""
import re
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

PROGRAMS = Path(__file__).resolve().parent / "programs"
FLAGS = ["-rdynamic", "-ldl", "-lrt"]

# Cases that lose something, by the functions whose blocks are lost. All others lose nothing.
LOST = {
    "kinds": {
        "direct": ["leak_malloc"], "zeroed": ["leak_calloc"], "grown": ["leak_realloc"], "aligned": ["leak_memalign"],
        "copied": ["leak_strdup"], "large": ["leak_large"], "of_no_bytes": ["leak_nothing"], "list": ["leak_list"],
        "ring": ["leak_ring"], "ring_with_tail": ["leak_ring_with_tail"], "points_at_itself": ["leak_own_tail"],
        "overwritten": ["leak_overwritten"], "many_small": ["leak_many"], "unlinked": ["leak_unlinked"],
        "exited_thread": ["leak_in_thread"], "a_thousand_threads": ["leak_in_thread"], "stack_of_an_exited_thread": ["leak_on_its_stack"],
        "result_that_nobody_took": ["leak_result"], "argument": ["leak_argument", "leak_in_thread"],
        "specific_data_without_destructor": ["leak_specific"], "ends_by_underscore_exit": ["leak_malloc"],
        "child": ["leak_in_child"], "exit_handler": ["leak_at_exit"], "dlopened_library": ["leak_in_library"],
    },
    "containers": {
        "object": ["leak_new"], "array_with_cookie": ["leak_array"], "vector_of_strings": ["leak_vector"],
        "map_of_strings": ["leak_map"], "shared_ptr_ring": ["leak_shared_ring"], "thrown_pointer": ["leak_caught"],
    },
}
SOURCES = {"kinds": "kinds.c", "roots": "roots.c", "containers": "containers.cc"}


@dataclass(frozen=True)
class Case:
    program: str
    name: str

    @property
    def lost(self):
        return set(LOST.get(self.program, {}).get(self.name, []))

    @property
    def argv(self):
        return [str(compiled(self.program)), self.name]

    def __str__(self):
        return f"{self.program}-{self.name}"


def compiled(program):
    return harness.compile_program(PROGRAMS / SOURCES[program], *FLAGS)


def environment():
    """What the programs want to find."""
    return {"LEAK_LIBRARY": str(harness.compile_program(PROGRAMS / "library.c", shared=True))}


def all_cases():
    """By reading the sources: nothing is compiled for a list."""
    return [Case(program, name) for program, source in SOURCES.items()
            for name in re.findall(r"^CASE\((\w+)\)", (PROGRAMS / source).read_text(), re.MULTILINE)]


def names_in(text):
    return set(re.findall(r"\b(?:leak|keep)_[a-z_]+", text))


@dataclass
class Judgement:
    missed: set
    false: set      # names of kept blocks, or the head of a finding that names none of the program's functions

    @property
    def is_right(self):
        return not self.missed and not self.false


def judge(case, findings):
    """`findings`: the text of each reported leak, stack and all."""
    found, false = set(), set()
    for text in findings:
        names = names_in(text)
        found |= names
        false |= {n for n in names if n.startswith("keep_")} or ({text.strip().splitlines()[0]} if not names else set())
    return Judgement(case.lost - found, false | {n for n in found - case.lost if n.startswith("leak_")})


def our_findings(text):
    return re.findall(r"^gamelan\[\d+\]: (?:direct|indirect|cyclic) leak: .*\n(?:    .*\n)*", text, re.MULTILINE)
