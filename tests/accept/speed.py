"""tests/accept/speed.py: what the speed-* scripts share: one run of the suite, and its rows.

The suite takes a quarter of an hour, so its JSON is kept in build/bench and used again as long as it is newer than the
library and the suite's rows, complete (every row, at least 5 rounds) and made with all four peers.
"""
import json
import subprocess

from acceptance import cannot_show, harness, say

PEERS = ("glibc", "jemalloc", "mimalloc", "tcmalloc")
ROUNDS = 5
SUITE = harness.ROOT / "build/bench/suite.json"
MADE_FROM = (harness.LIBRARY, harness.COMMAND, harness.ROOT / "bench/suite.toml")


def bench(*words, env=None, timeout=3500):
    """Runs `gamelan bench` with the library under test, and shows what it prints when it fails."""
    env = harness.plain_env(GAMELAN_LIB=harness.LIBRARY.resolve()) if env is None else env
    done = subprocess.run([harness.COMMAND, "bench", *map(str, words)], env=env, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=timeout)
    if done.returncode != 0:
        say(done.stdout + done.stderr)
    return done


def suite():
    """The report of a whole run of the suite, as bench/README.md describes it."""
    if not is_fresh():
        SUITE.parent.mkdir(parents=True, exist_ok=True)
        done = bench("--suite", "--against", ",".join(PEERS), "--runs", ROUNDS, "--json", SUITE)
        if done.returncode != 0:
            raise SystemExit(f"gamelan bench --suite ended with {done.returncode}")
        say(done.stdout)
    report = json.loads(SUITE.read_text())
    if missing := set(PEERS) - {a["name"] for a in report["allocators"]}:
        cannot_show(f"no {', '.join(sorted(missing))}: {'; '.join(report['notes'])}")
    return report


def is_fresh():
    if not SUITE.exists() or any(SUITE.stat().st_mtime < file.stat().st_mtime for file in MADE_FROM):
        return False
    report = json.loads(SUITE.read_text() or "{}")
    return report.get("rounds", 0) >= ROUNDS and "--rows" not in report["command"]


def rows(report, *groups):
    return [row for row in report["rows"] if row["group"] in groups]


def row_named(report, name):
    return next(row for row in report["rows"] if row["name"] == name)


def entry(row, allocator):
    """The allocator's entry of a row; None where it is void, so that nobody compares with nothing."""
    found = next((e for e in row["entries"] if e["allocator"] == allocator), None)
    return None if found is None or found["void"] else found


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def figure(row, allocator, key="figure"):
    """The median over the rounds; None where void."""
    found = entry(row, allocator)
    return median(found[key]) if found and found[key] else None


def ratio_to_best(row, key="figure", among=PEERS):
    """Ours over the least of `among`; None where ours or all of them are void."""
    ours = figure(row, "gamelan", key)
    others = [value for peer in among if (value := figure(row, peer, key)) is not None]
    return ours / min(others) if ours is not None and others else None


def summary(report, against="jemalloc"):
    return next(s for s in report["summaries"] if s["allocator"] == "gamelan" and s["against"] == against)


def not_counted(report, *groups):
    """What of these groups says nothing for us: rows that were not run, entries of ours that are void."""
    return [f"{row['name']}: {row['not_run'] or next(e['void'] for e in row['entries'] if e['allocator'] == 'gamelan')}"
            for row in rows(report, *groups) if entry(row, "gamelan") is None]
