#!/usr/bin/python3
"""tests/real/run.py: real programs, each without us and with us: same output, same exit code, every heap call ours.

    run.py [NAME...]              all programs, or these
    run.py --list                 names, packages
    run.py --paths lists,bitmap   allocation paths to try (default: both)
    run.py --threads goroutine    programs with threads, again and again: every thread a goroutine (or: native)
    run.py --procs 2              GOMAXPROCS for that
    run.py --repetitions N        how often (default 20, and 3 where a run takes more than 10 s)
    run.py --repeat N             seconds are the best of N runs, ours without statistics
    run.py --preload SO           another library (a peer): statistics are not looked at
    run.py --keep                 leave the scratch folders, and say where

The programs are declared in programs.toml, whose head explains the keys; what they work on is in the folder of their
name. Packages are installed as root. Last line: `N passed, N failed`.
"""
import argparse
import fnmatch
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent))
import goroutines  # noqa: E402
import harness  # noqa: E402

WORK_WANTED = 2.0        # seconds of plain work, below which a program is marked "short"
LONG_RUN = 10.0          # seconds of plain work, above which threads are tried less often
REPETITIONS = (20, 3)    # of short and of long runs, with --threads
BAD_RUNS = 3             # after so many, no further repetitions
SERVER_START = 60        # seconds until a server must answer
SERVER_STOP = 30         # seconds from the signal to its exit
CANNOT = 77              # exit code where the library has no goroutines
DEBIAN_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"  # Debian's programs, whatever else is installed beside them


@dataclass
class Program:
    """One table of programs.toml; see there."""

    name: str
    run: str
    exe: str
    packages: list
    prepare: str = ""
    server: str = ""
    ready: str = ""
    stop: str = "TERM"
    server_exit: int = 0
    user: str = ""
    env: dict = field(default_factory=dict)
    normalise: list = field(default_factory=list)
    threads: bool = False
    timeout: int = 180
    may_foreign: str = ""
    may_libc_heap: str = ""


@dataclass(frozen=True)
class How:
    """A way to run with us: the allocation path, and who makes the threads."""

    path: str
    mode: goroutines.Mode = goroutines.PLAIN   # left to us

    def __str__(self):
        return str(self.mode) if self.mode.threads else self.path

    def environment(self):
        return {name: str(value) for name, value in self.mode.settings().items()}


@dataclass
class Outcome:
    """One run: what is compared, what is measured, what the processes' statistics say."""

    out: str
    err: str
    code: int
    server_code: int
    timed_out: bool
    seconds: float
    rss_kib: int
    calls: int = 0
    goroutines: int = 0
    faults: list = field(default_factory=list)


class Scratch:
    """A program's folder in /tmp, reachable for the user it runs as: data (prepared once), a fresh work per run."""

    def __init__(self, program, preload):
        self.program = program
        self.user = program.user if program.user and os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix=f"gamelan-{program.name}-"))
        self.folder.chmod(0o755)
        # A copy: a build that goes on beside us must not change the library under a running program.
        self.preload = Path(shutil.copy(preload, self.folder))
        self.preload.chmod(0o755)
        self.data = self._make("data")

    def _make(self, name):
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        folder.chmod(0o755)
        if self.user:
            shutil.chown(folder, self.user)
        return folder

    def environment(self, port):
        return {"PATH": DEBIAN_PATH, "LANG": "C.UTF-8", "TZ": "UTC", "HOME": str(self.folder / "work"),
                "HERE": str(HERE / self.program.name), "REAL": str(HERE), "ROOT": str(harness.ROOT),
                "DATA": str(self.data), "WORK": str(self.folder / "work"), "PORT": str(port), **self.program.env}

    def preloaded(self, how, statistics):
        """What a run with us has in its environment on top; our statistics go to one file per process."""
        options = f"path={how.path}"
        if statistics:
            stats = self._make(self.statistics(how).name)
            stats.chmod(0o777)
            options += f":stats=json:log_path={stats}/%e.%p.json"
        return {"LD_PRELOAD": str(self.preload), "GAMELAN_OPTIONS": options, **how.environment()}

    def statistics(self, how):
        """The folder for them, its own for each way: a process left over from another run may write late."""
        return self.folder / f"stats-{how}"

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Server:
    """A program's server: started, awaited, ended by a signal to its process id."""

    def __init__(self, scratch, env, plain_env):
        self.out = open(scratch.folder / "server.log", "w+b")
        self.child = subprocess.Popen(shell(scratch.program.server), env=env, cwd=scratch.folder / "work",
                                      stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out,
                                      start_new_session=True, **harness.as_user(scratch.user))
        self.stop_signal = signal.Signals["SIG" + scratch.program.stop]
        self.usage = None
        self.came_up = self._await(scratch.program.ready, plain_env)

    def _await(self, ready, env):
        deadline = time.monotonic() + SERVER_START
        while time.monotonic() < deadline and not self._ended():
            if subprocess.run(shell(ready), env=env, capture_output=True).returncode == 0:
                return True
            time.sleep(0.1)
        return False

    def _ended(self):
        if self.usage is None:
            pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if pid:
                self.child.returncode, self.usage = os.waitstatus_to_exitcode(status), usage
        return self.usage is not None

    def stop(self):
        """Returns exit code (None: had to be killed) and peak RSS."""
        deadline = time.monotonic() + SERVER_STOP
        if not self._ended():
            self.child.send_signal(self.stop_signal)
        while not self._ended() and time.monotonic() < deadline:
            time.sleep(0.02)
        code = self.child.returncode if self._ended() else None
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        while not self._ended():
            time.sleep(0.02)
        return code, self.usage.ru_maxrss

    def log(self):
        self.out.seek(0)
        return self.out.read().decode(errors="replace")


def shell(script):
    return ["/bin/bash", "-euo", "pipefail", "-c", script]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run_once(program, scratch, how=None, statistics=True):
    """One run, without us or with us in the way `how`."""
    work = scratch._make("work")
    plain = scratch.environment(free_port())
    env = {**plain, **scratch.preloaded(how, statistics)} if how else plain
    server, server_code, server_rss, faults = None, program.server_exit, 0, []

    def say_where_it_hangs(pid):
        faults.append(goroutines.where_it_hangs(pid))
        if server:
            faults.append("server:\n" + goroutines.where_it_hangs(server.child.pid))

    if program.server:
        server = Server(scratch, env, plain)
        if not server.came_up:
            faults.append("server does not answer: " + server.log()[-2000:])
    try:
        run = harness.run(shell(program.run), env, program.timeout, cwd=work, user=scratch.user,
                          on_timeout=say_where_it_hangs)
    finally:
        if server:
            server_code, server_rss = server.stop()
    if server and server_code != program.server_exit:
        faults.append(f"server ended with {server_code}: {server.log()[-2000:]}")
    return Outcome(normalised(program, run.out), run.err, run.code, server_code, run.timed_out, run.seconds,
                   max(run.rss_kib, server_rss), faults=faults)


def normalised(program, text):
    for pattern, replacement in program.normalise:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


def read_statistics(program, folder, path):
    """Returns heap calls counted, and what is wrong with the statistics files of one run."""
    calls, faults, counted = 0, [], False
    for file in sorted(folder.iterdir()):
        try:
            stats = json.loads(file.read_text())
            metrics = stats["metrics"]
            allocs, frees = metrics["/gc/heap/allocs:objects"], metrics["/gc/heap/frees:objects"]
            foreign, libc = metrics["/gc/heap/frees/foreign:objects"], stats["libc_heap_bytes"]
        except (ValueError, KeyError) as error:
            faults.append(f"{file.name}: {error!r}: {file.read_text(errors='replace')[:500]!r}")
            continue
        calls += allocs + frees
        counted |= allocs > 0 and fnmatch.fnmatch(file.name.rsplit(".", 2)[0], program.exe)
        if foreign and not program.may_foreign:
            faults.append(f"{file.name}: {foreign} foreign frees")
        if libc and not program.may_libc_heap:
            faults.append(f"{file.name}: {libc} bytes on glibc's heap")
        if stats["mode"]["path"] != path:
            faults.append(f"{file.name}: path is {stats['mode']['path']}")
    if not counted:
        faults.append(f"no statistics of a process {program.exe!r} that allocated")
    return calls, faults


def read_threads(program, folder, mode):
    """Returns goroutines created, and what in the statistics of one run says that not every thread was one."""
    created, faults, counted = 0, [], False
    for file in sorted(folder.iterdir()):
        report = goroutines.read_report(file)
        faults += [f"{file.name}: {fault}" for fault in goroutines.report_faults(report, mode)]
        if "metrics" in report:
            created += goroutines.goroutines_created(report)
            counted |= goroutines.goroutines_created(report) > 0 and fnmatch.fnmatch(report["exe"], program.exe)
    if mode.threads == "goroutine" and not counted:
        faults.append(f"no process {program.exe!r} made goroutines")
    return created, faults


def check(program, preload, ways, args):
    """Runs one program in every way; returns table rows and faults."""
    scratch = Scratch(program, preload)
    try:
        if program.prepare:
            prepared = harness.run(shell(program.prepare), scratch.environment(0), 300, cwd=scratch.data,
                                   user=scratch.user)
            if prepared.code != 0:
                return [[program.name, *["-"] * 7, "FAIL"]], [f"prepare: {prepared}"]
        plain = best(lambda: run_once(program, scratch), max(args.repeat, 1))
        if plain.code != 0 or plain.faults:
            return ([[program.name, "-", f"{plain.seconds:.2f}", *["-"] * 5, "FAIL"]],
                    [f"without us: exit code {plain.code}\n{plain.out[-1500:]}\n{plain.err[-3000:]}", *plain.faults])
        rows, faults = [], []
        for how in ways:
            row, found = (check_threads if how.mode.threads else check_path)(program, scratch, how, plain, args)
            rows.append(row)
            faults += [f"{how}: {fault}" for fault in found]
        return rows, faults
    finally:
        if args.keep:
            print(f"{program.name}: {scratch.folder}", file=sys.stderr)
        else:
            scratch.remove()


def check_path(program, scratch, how, plain, args):
    ours = checked_run(program, scratch, how, plain)
    if args.repeat and not ours.faults:
        ours.seconds = best(lambda: run_once(program, scratch, how, statistics=False), args.repeat).seconds
    verdict = "FAIL" if ours.faults else "short" if plain.seconds < WORK_WANTED else "ok"
    return table_row(program, how, plain, ours, ours.calls, verdict), ours.faults


def check_threads(program, scratch, how, plain, args):
    """Many repetitions, each of which must be right."""
    wanted = args.repetitions or REPETITIONS[plain.seconds > LONG_RUN]
    faults, good, bad, ours = [], 0, 0, None
    while good + bad < wanted and bad < BAD_RUNS:
        once = checked_run(program, scratch, how, plain)
        good, bad = good + (not once.faults), bad + bool(once.faults)
        faults += [f"run {good + bad}: {fault}" for fault in once.faults]
        if ours is None or once.seconds < ours.seconds:
            ours = once
    if args.repeat and not faults:
        plain, ours = time_by_turns(program, scratch, how, args.repeat)
    verdict = f"{good} of {wanted}" + (" FAIL" if faults else "")
    return table_row(program, how, plain, ours, ours.goroutines, verdict), faults


def time_by_turns(program, scratch, how, repeat):
    """The quickest runs without us and with us, each after one of the other, so that a busy machine meets both."""
    pairs = [(run_once(program, scratch), run_once(program, scratch, how, statistics=False)) for _ in range(repeat)]
    return tuple(min(side, key=lambda outcome: outcome.seconds) for side in zip(*pairs))


def checked_run(program, scratch, how, plain):
    """One run with us with statistics; its `faults` say all that is wrong with it beside the plain run."""
    ours = run_once(program, scratch, how)
    if ours.timed_out:
        ours.faults.append(f"hangs: not done after {program.timeout} s")
    if ours.code != plain.code:
        ours.faults.append(f"exit code {ours.code}, without us {plain.code}: {ours.err[-3000:]}")
    if ours.out != plain.out:
        ours.faults.append("output differs:\n" + difference(plain.out, ours.out))
    if re.search(r"^gamelan\[\d+\]:", ours.err, re.MULTILINE):
        ours.faults.append("we speak on its stderr: " + ours.err[-2000:])
    if is_ours(scratch.preload):
        ours.calls, found = read_statistics(program, scratch.statistics(how), how.path)
        ours.faults += found
        if how.mode.threads:
            ours.goroutines, found = read_threads(program, scratch.statistics(how), how.mode)
            ours.faults += found
    return ours


def table_row(program, how, plain, ours, count, verdict):
    return [program.name, str(how), f"{plain.seconds:.2f}", f"{ours.seconds:.2f}", f"{ours.seconds / plain.seconds:.2f}",
            f"{plain.rss_kib / 1024:.0f}", f"{ours.rss_kib / 1024:.0f}", str(count), verdict]


def best(run, repeat):
    """The quickest of `repeat` runs, or the first one that went wrong."""
    quickest = None
    for _ in range(repeat):
        outcome = run()
        if outcome.faults or outcome.timed_out or outcome.code != 0:
            return outcome
        if quickest is None or outcome.seconds < quickest.seconds:
            quickest = outcome
    return quickest


def difference(plain, ours):
    plain, ours = plain.splitlines(), ours.splitlines()
    for i, (a, b) in enumerate(zip(plain, ours)):
        if a != b:
            return f"line {i + 1}: without us {a[:300]!r}, with us {b[:300]!r}"
    return f"{len(plain)} lines without us, {len(ours)} with us"


def is_ours(preload):
    return preload.name == "libgamelan.so"


def load_programs():
    with open(HERE / "programs.toml", "rb") as file:
        return [Program(name=name, **table) for name, table in tomllib.load(file).items()]


def install(programs):
    wanted = sorted({package for program in programs for package in program.packages})
    missing = [p for p in wanted if "ii" != subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}", p], capture_output=True, text=True).stdout.strip()]
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    print("+ apt-get update && " + " ".join(command), flush=True)
    if os.geteuid() != 0:
        sys.exit("run.py: packages are missing; run the line above as root")
    # RUNLEVEL=1 keeps init scripts from starting the servers that we only want to have.
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "env": env}
    subprocess.run(["apt-get", "update"], check=True, **quiet)
    subprocess.run(command, check=True, **quiet)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*")
    options.add_argument("--only", action="append", default=[], metavar="NAME")
    options.add_argument("--list", action="store_true")
    options.add_argument("--paths", default=",".join(harness.PATHS))
    options.add_argument("--threads", choices=("native", "goroutine"))
    options.add_argument("--procs", type=int, default=0)
    options.add_argument("--repetitions", type=int, default=0)
    options.add_argument("--repeat", type=int, default=0)
    options.add_argument("--preload", type=Path, default=harness.LIBRARY)
    options.add_argument("--keep", action="store_true")
    args = options.parse_args()

    programs = load_programs()
    chosen = args.names + args.only
    unknown = set(chosen) - {p.name for p in programs}
    if unknown:
        options.error(f"no such program: {', '.join(sorted(unknown))}; see --list")
    programs = [p for p in programs if (p.name in chosen if chosen else p.threads or not args.threads)]
    if args.list:
        for p in programs:
            print(f"{p.name:22} {' '.join(p.packages)}")
        return 0
    if not args.preload.exists():
        sys.exit(f"run.py: {args.preload} is missing: build first, with ./tests/run")
    if args.threads == "goroutine" and goroutines.why_no_goroutines():
        print(goroutines.why_no_goroutines())
        return CANNOT
    install(programs)
    ways = [How(path) for path in args.paths.split(",")]
    if args.threads:
        ways = [How("lists", goroutines.Mode(args.threads, args.procs))]

    layout = "{:22} {:11} {:>8} {:>8} {:>6} {:>7} {:>7} {:>12}  {}"
    print(layout.format("program", "way", "plain s", "ours s", "ratio", "MiB", "ours",
                        "goroutines" if args.threads else "heap calls", "verdict"))
    failed = 0
    for program in programs:
        rows, faults = check(program, args.preload.resolve(), ways, args)
        for columns in rows:
            print(layout.format(*columns), flush=True)
        for fault in faults:
            print("    " + fault.replace("\n", "\n    "), flush=True)
        failed += bool(faults)
    print(f"\n{len(programs) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
