#!/usr/bin/python3
"""tests/leaks/run.py [NAME...]: the leak programs under us, LeakSanitizer, valgrind and heaptrack, one after the other.

    run.py                       all cases, all tools that are there
    run.py ring roots-epoll_data some
    run.py --tools ours,valgrind
    run.py --threads native      our threads: native, goroutine (default: both, as two tools)

A tool misses a leak if none of its findings names the function that lost the block, and is wrong if a finding names one that
kept it, or none of the program's. Last line: `TOOL: N missed, N false of N cases; ...`. As root it installs what is missing."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import cases  # noqa: E402
from cases import harness  # noqa: E402

PACKAGES = {"valgrind": "valgrind", "heaptrack": "heaptrack"}
TIMEOUT = 120


def run(argv, env):
    done = subprocess.run(argv, env={**os.environ, **cases.environment(), **env}, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, errors="replace")
    return done.stdout


def ours(threads):
    def tool(case):
        env = harness.gamelan_env(GAMELAN_GC="leak", GAMELAN_THREADS=threads)
        return cases.our_findings(run(case.argv, {k: v for k, v in env.items() if k != "PATH"}))
    return tool


def lsan(case):
    library = subprocess.run(["gcc", "-print-file-name=liblsan.so"], capture_output=True, text=True).stdout.strip()
    text = run(case.argv, {"LD_PRELOAD": os.path.realpath(library)})
    return re.findall(r"^(?:Direct|Indirect) leak of .*\n(?:    #.*\n)*", text, re.MULTILINE)


def valgrind(case):
    text = run(["valgrind", "--leak-check=full", "--trace-children=no", "--child-silent-after-fork=no", "--num-callers=30", *case.argv], {})
    text = re.sub(r"^==\d+== ?", "", text, flags=re.MULTILINE)
    return re.findall(r"^[\d,]+ (?:\([^)]*\) )?bytes in [\d,]+ blocks are (?:definitely|possibly|indirectly) lost.*\n(?:   .*\n)*", text, re.MULTILINE)


def heaptrack(case):
    """It calls a leak what is not freed: there is no mark."""
    with tempfile.TemporaryDirectory() as folder:
        run(["heaptrack", "-o", f"{folder}/trace", *case.argv], {})
        findings = []
        for trace in Path(folder).iterdir():
            text = run(["heaptrack_print", "--print-leaks=1", "-p", "0", "-a", "0", "-T", "0", str(trace)], {})
            leaks = text.split("MEMORY LEAKS", 1)[-1].split("\ntotal runtime")[0]
            findings += re.split(r"(?m)^(?=[\d.]+\w* leaked over [\d,]+ calls from$)", leaks)[1:]
        return findings


TOOLS = {"ours-native": ours("native"), "ours-goroutine": ours("goroutine"), "lsan": lsan, "valgrind": valgrind, "heaptrack": heaptrack}


def install(names):
    for name in names:
        package = PACKAGES.get(name)
        if package and not shutil.which(name) and os.geteuid() == 0:
            subprocess.run(["apt-get", "install", "-y", "-qq", package], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def is_there(name):
    return name.startswith("ours") or name == "lsan" or shutil.which(name)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*")
    options.add_argument("--tools", default=",".join(TOOLS))
    args = options.parse_args()
    wanted = [c for c in cases.all_cases() if not args.names or c.name in args.names or str(c) in args.names]
    names = args.tools.split(",")
    if unknown := set(names) - set(TOOLS):
        options.error(f"no such tool: {', '.join(sorted(unknown))}; there are {', '.join(TOOLS)}")
    install(names)
    names = [n for n in names if is_there(n)]
    print(f"{'case':42}" + "".join(f"{n:>16}" for n in names))
    missed, false = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for case in wanted:
        row = ""
        for name in names:
            try:
                verdict = cases.judge(case, TOOLS[name](case))
            except subprocess.TimeoutExpired:
                verdict = cases.Judgement(case.lost or {"no end"}, set())
            missed[name] += bool(verdict.missed)
            false[name] += bool(verdict.false)
            row += f"{'missed' if verdict.missed else 'false' if verdict.false else 'ok':>16}"
        print(f"{str(case):42}{row}", flush=True)
    print("; ".join(f"{n}: {missed[n]} missed, {false[n]} false of {len(wanted)} cases" for n in names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
