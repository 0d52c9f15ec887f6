"""tests/lint/tree.py: what the lints walk over: the files of a source tree, without what was built."""
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".git", "build", "__pycache__", ".cache", ".pytest_cache"}
CODE = {".cc", ".h", ".c", ".S", ".inc", ".py"}


def files(root):
    """Every file under `root`, as paths relative to it, sorted."""
    found, folders = [], [root]
    while folders:
        for entry in folders.pop().iterdir():
            if entry.is_dir() and not entry.is_symlink():
                folders += [entry] if entry.name not in SKIPPED and not (entry.parent == root and entry.name.startswith("build")) else []
            elif entry.is_file():
                found.append(entry.relative_to(root))
    return sorted(found)


def text(root, file):
    return (root / file).read_text(errors="replace")


def plant(root, tree):
    """Writes a made-up tree: {path: text}."""
    for name, content in tree.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root
