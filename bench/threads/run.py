#!/usr/bin/python3
"""bench/threads/run.py [NAME...]: the thread benches natively (NPTL), as goroutines and in Go, by turns.

    run.py                     all rows of thread_bench.py, or those named
    run.py --list              their names
    run.py --turns 5           the best of so many turns (3)
    run.py --only native,go    some contestants
    run.py --json FILE         {name: {contestant: ns}} as well

Columns: nanoseconds per operation, and how many times faster goroutines are. Wants a build (tests/run makes one) and, for
Go's twins, golang-go; what it compiles is kept in build/tests/programs.
"""
import argparse
import json
import sys
from pathlib import Path

import thread_bench
from thread_bench import BENCHES, EPOLL, GO, GOROUTINE, NATIVE, goroutines


def ratio(figures, contestant):
    if contestant not in figures or GOROUTINE not in figures:
        return "-"
    return f"{figures[contestant] / figures[GOROUTINE]:.2f}"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*")
    options.add_argument("--list", action="store_true")
    options.add_argument("--turns", type=int, default=3)
    options.add_argument("--only", default=",".join((NATIVE, GOROUTINE, GO, EPOLL)))
    options.add_argument("--json", type=Path)
    args = options.parse_args()
    if args.list:
        print("\n".join(BENCHES))
        return 0
    if unknown := set(args.names) - set(BENCHES):
        options.error(f"no such bench: {', '.join(sorted(unknown))}; see --list")
    if why := goroutines.why_no_goroutines():
        print(why, file=sys.stderr)

    layout = "{:16} {:>5} {:>11} {:>11} {:>11} {:>11} {:>8} {:>8} {:>8}"
    print(layout.format("ns", "procs", *(f"{c}" for c in (NATIVE, GOROUTINE, GO, EPOLL)), "x NPTL", "x Go", "x epoll"))
    results = {}
    for name in args.names or BENCHES:
        figures = results[name] = thread_bench.measure(name, args.turns, args.only.split(","))
        shown = [f"{figures[c]:.1f}" if c in figures else "-" for c in (NATIVE, GOROUTINE, GO, EPOLL)]
        print(layout.format(name, BENCHES[name].procs, *shown, *(ratio(figures, c) for c in (NATIVE, GO, EPOLL))), flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
