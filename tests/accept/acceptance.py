"""tests/accept/acceptance.py: what the scripts beside it share.

A script measures, prints what it saw, and ends by verdict() or cannot_show(): one last line, `NAME: figure PASS|FAIL|SKIP`,
and exit code 0, 1 or 77. A script that dies otherwise has failed.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import harness  # noqa: E402,F401

NAME = Path(sys.argv[0]).name
CANNOT = 77


def say(text):
    print(text, flush=True)


def verdict(figure, holds):
    """Ends the script: `figure` says what was measured and what was wanted, `holds` whether that is so."""
    say(f"{NAME}: {figure} {'PASS' if holds else 'FAIL'}")
    sys.exit(0 if holds else 1)


def cannot_show(reason):
    """Ends the script where this machine cannot show it."""
    say(f"{NAME}: cannot be shown here: {reason} SKIP")
    sys.exit(CANNOT)


def numbers(text):
    """{"growth_kib": 12, ...} of a program's `growth_kib 12 ...` line."""
    words = text.split()
    return {key: int(value) for key, value in zip(words[::2], words[1::2])}


class Checks:
    """A script of many small promises: each is said with its outcome, the verdict counts them."""

    def __init__(self):
        self.good = self.bad = 0
        self.skipped = []

    def check(self, what, holds, shown=""):
        say(f"{'ok  ' if holds else 'FAIL'} {what}")
        for line in str(shown).strip().splitlines():
            say(f"       {line}")
        self.good += bool(holds)
        self.bad += not holds

    def skip(self, what, reason):
        say(f"skip {what}: {reason}")
        self.skipped.append(what)

    def verdict(self, what):
        total = self.good + self.bad
        without = f" (not shown here: {', '.join(self.skipped)})" if self.skipped else ""
        verdict(f"{self.good} of {total} {what}{without}", self.bad == 0 and total > 0)
