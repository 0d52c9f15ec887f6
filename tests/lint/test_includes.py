"""The include order of the layers: allocator/base < allocator < sched < gc and shim, which do not see each other < preload.

bench, tests and unit tests (`*_test.cc`, which stand beside their source) see everything.
"""
import re

import pytest

from tree import ROOT, files, plant, text

BELOW = {
    "allocator/base": (),
    "allocator": ("allocator/base",),
    "sched": ("allocator", "allocator/base"),
    "gc": ("sched", "allocator", "allocator/base"),
    "shim": ("sched", "allocator", "allocator/base"),
    "preload": ("gc", "shim", "sched", "allocator", "allocator/base"),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def layer_of(file):
    """The layer that holds a path, the most specific one; None outside of them."""
    name = str(file)
    return max((layer for layer in BELOW if name.startswith(layer + "/")), key=len, default=None)


def is_unit_test(file):
    return file.stem.endswith("_test")


def violations(root):
    known, found = {str(f) for f in files(root)}, []
    for file in files(root):
        if file.suffix not in {".cc", ".h", ".inc", ".S"} or not layer_of(file):
            continue
        for quote, name in INCLUDE.findall(text(root, file)):
            if quote == "<" and name not in known:
                continue   # the system's
            if name not in known:
                found.append(f'{file}: "{name}" is no file of the tree, seen from its root')
            elif is_unit_test(file):
                continue
            elif not layer_of(name):
                found.append(f"{file}: includes {name}, which is in no layer")
            elif layer_of(name) not in (layer_of(file), *BELOW[layer_of(file)]):
                found.append(f"{file}: {layer_of(file)} must not see {layer_of(name)} ({name})")
    return found


def misplaced_unit_tests(root):
    """Unit tests that include nothing of their own folder, nor the fixtures: what they test stands elsewhere."""
    return [str(f) for f in files(root) if f.suffix == ".cc" and is_unit_test(f) and layer_of(f)
            and not any(name.rpartition("/")[0] in (str(f.parent), "tests/unit") for _, name in INCLUDE.findall(text(root, f)))]


def test_every_include_looks_down():
    assert violations(ROOT) == []


def test_unit_tests_stand_beside_their_source():
    assert misplaced_unit_tests(ROOT) == []


def test_the_layers_have_code():
    """A renamed folder must not make this lint look at nothing."""
    seen = {layer_of(f) for f in files(ROOT) if f.suffix == ".cc"}
    assert {"allocator/base", "allocator", "sched", "shim", "preload"} <= seen


@pytest.mark.parametrize("file, include", [
    ("allocator/base/word.h", '#include "allocator/heap.h"'),
    ("allocator/heap.cc", '#include "sched/g.h"'),
    ("sched/g.cc", '#include "preload/init.h"'),
    ("sched/g.cc", '#  include "gc/mark.h"'),
    ("gc/mark.cc", '#include "shim/fork.h"'),
    ("shim/fork.cc", '#include "gc/mark.h"'),
    ("shim/fork.cc", '#include <gc/mark.h>'),
    ("allocator/heap.cc", '#include "../sched/g.h"'),
    ("preload/init.cc", '#include "tests/helper.h"'),
    ("preload/init.cc", '#include "no/such.h"'),
])
def test_a_planted_include_is_found(file, include, tmp_path):
    plant(tmp_path, PLANTED)
    assert violations(tmp_path) == []
    plant(tmp_path, {file: include + "\n"})
    (found,) = violations(tmp_path)
    assert found.startswith(file)


def test_a_planted_unit_test_is_found(tmp_path):
    plant(tmp_path, {**PLANTED, "allocator/heap_test.cc": '#include "allocator/heap.h"\n#include "sched/g.h"\n'})
    assert violations(tmp_path) == [] and misplaced_unit_tests(tmp_path) == []
    plant(tmp_path, {"gc/lonely_test.cc": '#include "sched/g.h"\n'})
    assert misplaced_unit_tests(tmp_path) == ["gc/lonely_test.cc"]


PLANTED = {
    "allocator/base/word.h": "#include <stdint.h>\n",
    "allocator/heap.h": '#include "allocator/base/word.h"\n',
    "allocator/heap.cc": '#include "allocator/heap.h"\n',
    "sched/g.h": '#include "allocator/heap.h"\n',
    "sched/g.cc": '#include "sched/g.h"\n',
    "gc/mark.h": '#include "sched/g.h"\n',
    "gc/mark.cc": '#include "allocator/base/word.h"\n',
    "shim/fork.h": '#include "sched/g.h"\n',
    "shim/fork.cc": '#include "shim/fork.h"\n',
    "preload/init.h": "",
    "preload/init.cc": '#include "gc/mark.h"\n#include "shim/fork.h"\n#include "preload/init.h"\n',
    "tests/helper.h": '#include "preload/init.h"\n',
}
