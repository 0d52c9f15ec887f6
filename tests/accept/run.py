#!/usr/bin/python3
"""tests/accept/run.py [NAME...]: runs acceptance scripts, all or those named, and keeps their figures.

Every executable file beside this one without a suffix is a script; see acceptance.py for its contract. The figure and
verdict go into the section "Acceptance" of bench/RESULTS.md, a row per name, the newest run replacing the last.
Last line: `N passed, N failed, N skipped`.
"""
import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parents[1] / "bench/RESULTS.md"
HEADING = "## Acceptance"
TABLE = ["| name | figure | verdict | date | machine |", "| --- | --- | --- | --- | --- |"]
ABOUT = "The \"must show\" lines of the issues, each by `tests/run --accept NAME`: the newest run of each."
TIMEOUT = 3600


def scripts():
    return {f.name: f for f in sorted(HERE.iterdir()) if f.is_file() and not f.suffix and os.access(f, os.X_OK)}


def run(name, script):
    """Returns figure and verdict."""
    print(f"== {name}", flush=True)
    child = subprocess.Popen([script], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    last = ""
    for line in child.stdout:
        print(line, end="", flush=True)
        last = line.strip() or last
    code = child.wait(TIMEOUT)
    verdict = {0: "PASS", 77: "SKIP"}.get(code, "FAIL")
    figure = last.removeprefix(f"{name}: ").removesuffix(verdict).strip()
    return figure or f"exit code {code}", verdict


def machine():
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    kernel = ".".join(platform.release().split("-")[0].split(".")[:2])
    return f"{os.cpu_count()} cores {model}, {memory} GiB, Linux {kernel}, glibc {platform.libc_ver()[1]}"


def keep(name, figure, verdict):
    """Puts the row into RESULTS.md, where the section and table are made if they are missing."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else ["# Results"]
    if HEADING not in lines:
        lines += ["", HEADING, "", ABOUT, "", *TABLE]
    start = lines.index(HEADING)
    end = next((i for i in range(start + 1, len(lines)) if lines[i].startswith("## ")), len(lines))
    cell = figure.replace("|", "/")
    row = f"| {name} | {cell} | {verdict} | {datetime.date.today()} | {machine()} |"
    rows = [line for line in lines[start:end] if line.startswith("| ") and line not in TABLE]
    rows = sorted([r for r in rows if not r.startswith(f"| {name} |")] + [row])
    RESULTS.write_text("\n".join(lines[:start] + [HEADING, "", ABOUT, "", *TABLE, *rows, *([""] if end < len(lines) else [])]
                                 + lines[end:]) + "\n")


def main():
    known = scripts()
    chosen = sys.argv[1:] or list(known)
    if unknown := [name for name in chosen if name not in known]:
        sys.exit(f"accept/run.py: no script {', '.join(unknown)}; there are {', '.join(known)}")
    count = {"PASS": 0, "FAIL": 0, "SKIP": 0}
    for name in chosen:
        figure, verdict = run(name, known[name])
        keep(name, figure, verdict)
        count[verdict] += 1
    print(f"\n{count['PASS']} passed, {count['FAIL']} failed, {count['SKIP']} skipped")
    return 1 if count["FAIL"] or not count["PASS"] + count["SKIP"] else 0


if __name__ == "__main__":
    sys.exit(main())
