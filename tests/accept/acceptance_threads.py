"""tests/accept/acceptance_threads.py: what the threads-* scripts share: goroutines or SKIP, the runner of real programs."""
import re
import subprocess
import sys

from acceptance import cannot_show, harness, say

sys.path.insert(0, str(harness.ROOT / "bench/threads"))
import goroutines  # noqa: E402,F401
import thread_bench  # noqa: E402,F401


def want_goroutines():
    """Ends the script where the library has none."""
    if why := goroutines.why_no_goroutines():
        cannot_show(why)


def real_programs(*arguments):
    """Runs tests/real/run.py with goroutines; returns {program: ratio of its seconds to plain ones}, passed and failed."""
    runner = subprocess.Popen(["/usr/bin/python3", harness.ROOT / "tests/real/run.py", "--threads", "goroutine", *arguments],
                              stdout=subprocess.PIPE, text=True)
    ratios, passed, failed = {}, 0, 1
    for line in runner.stdout:
        say(line.rstrip())
        if found := re.match(r"(\S+) +goroutine\S* +[\d.]+ +[\d.]+ +([\d.]+) ", line):
            ratios[found[1]] = float(found[2])
        if found := re.match(r"(\d+) passed, (\d+) failed", line):
            passed, failed = map(int, found.groups())
    runner.wait()
    return ratios, passed, failed


def threads_suite(*arguments):
    """Runs tests/threads; returns its last line and whether all was well."""
    runner = subprocess.Popen([harness.ROOT / "tests/threads", *arguments], stdout=subprocess.PIPE, text=True)
    last = ""
    for line in runner.stdout:
        say(line.rstrip())
        last = line.strip() or last
    return last, runner.wait() == 0
