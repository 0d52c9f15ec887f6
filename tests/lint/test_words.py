"""Words: every folder with code has a README.md, what READMEs name exists, files begin with their story, nothing is put off."""
import re

from tree import CODE, ROOT, files, plant, text

LAYERS = ("allocator", "sched", "gc", "shim", "preload")
# Folders told about by the README of the one above.
TOLD_ABOVE = re.compile(r"bench/(programs|real)|tests/real/[^/]+|tests/e2e/programs|tests/unit/.+")
PUT_OFF = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
FILE_NAME = re.compile(r"(?:[\w.-]+/)*[\w-]+\.(?:cc|h|c|S|inc|py|md|sh|toml|json|txt|cmake|map)")


def folders_without_readme(root):
    all_files = files(root)
    with_code = {f.parent for f in all_files if f.suffix in CODE and f.parent.parts}
    return sorted(str(d) for d in with_code if d / "README.md" not in all_files and not TOLD_ABOVE.fullmatch(str(d)))


def missing_names(root):
    """`file.cc` in a README: a path from the root or from the README's folder, or the name of a file anywhere."""
    all_files = files(root)
    names, found = {str(f) for f in all_files} | {f.name for f in all_files}, []
    for readme in (f for f in all_files if f.name == "README.md"):
        prose = re.sub(r"^```.*?^```", "", text(root, readme), flags=re.MULTILINE | re.DOTALL)
        for word in re.findall(r"`([^`\s]+)`", prose):
            if FILE_NAME.fullmatch(word) and not word.startswith("build/"):
                if word not in names and str(readme.parent / word) not in names:
                    found.append(f"{readme}: `{word}`")
    return found


def put_off(root):
    return [f"{file}:{number}" for file in files(root) if file.suffix not in {".png", ".ico"}
            for number, line in enumerate(text(root, file).splitlines(), 1) if PUT_OFF.search(line)]


def has_story(root, file):
    return bool(re.match(re.escape(f"// {file}: ") + r"\S", text(root, file)))


def without_story(root):
    """Files of the layers that do not begin with `// path/of/file: what it is`; a .cc may leave that to its .h."""
    all_files = set(files(root))
    return sorted(str(f) for f in all_files if f.parts[0] in LAYERS and f.suffix in {".cc", ".h", ".S"}
                  and not f.stem.endswith("_test") and not has_story(root, f)
                  and not (f.suffix == ".cc" and f.with_suffix(".h") in all_files))


def test_every_folder_has_a_readme():
    assert folders_without_readme(ROOT) == []


def test_names_in_readmes_exist():
    assert missing_names(ROOT) == []


def test_nothing_is_put_off():
    assert put_off(ROOT) == []


def test_every_file_says_what_it_is():
    assert without_story(ROOT) == []


def test_planted_folder_without_readme(tmp_path):
    plant(tmp_path, {"sched/README.md": "", "sched/g.cc": "", "tests/real/perl/a.py": "", "docs/picture.svg": ""})
    assert folders_without_readme(tmp_path) == []
    plant(tmp_path, {"gc/mark.cc": "", "sched/deep/g.h": ""})
    assert folders_without_readme(tmp_path) == ["gc", "sched/deep"]


def test_planted_name(tmp_path):
    plant(tmp_path, {"sched/README.md": "See `g.cc`, `sched/g.cc`, `malloc(3)`, `*_test.cc`.\n```\n`no.cc`\n```\n", "sched/g.cc": ""})
    assert missing_names(tmp_path) == []
    plant(tmp_path, {"README.md": "See `sched/gone.cc` and `g.cc`."})
    assert missing_names(tmp_path) == ["README.md: `sched/gone.cc`"]


def test_planted_words(tmp_path):
    plant(tmp_path, {"a.cc": "mkstemp(\"/tmp/a-" + "X" * 6 + "\");\n"})
    assert put_off(tmp_path) == []
    plant(tmp_path, {"b.py": "# fine\n# TO" + "DO later\n", "c.md": "X" * 3 + " here\n"})
    assert put_off(tmp_path) == ["b.py:2", "c.md:1"]


def test_planted_story(tmp_path):
    plant(tmp_path, {"sched/g.h": "// sched/g.h: the goroutine.\n", "sched/g.cc": "int g;\n", "sched/g_test.cc": "",
                     "bench/x.cc": "int x;\n"})
    assert without_story(tmp_path) == []
    plant(tmp_path, {"sched/p.h": "#pragma once\n// sched/p.h: too late.\n", "gc/m.cc": "// gc/mark.cc: of another.\n"})
    assert without_story(tmp_path) == ["gc/m.cc", "sched/p.h"]
