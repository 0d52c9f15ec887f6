#!/usr/bin/python3
"""tests/real/run.py: real programs, each without us and with us: same output, same exit code, every heap call ours.

    run.py [NAME...]              all programs, or these
    run.py --list                 names, packages
    run.py --paths lists,bitmap   allocation paths to try (default: both)
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
import harness  # noqa: E402

WORK_WANTED = 2.0        # seconds of plain work, below which a program is marked "short"
TIMEOUT = 180            # seconds for one run of one program
SERVER_START = 60        # seconds until a server must answer
SERVER_STOP = 30         # seconds from the signal to its exit
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
    may_foreign: str = ""
    may_libc_heap: str = ""


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

    def preloaded(self, path, statistics):
        """What a run with us has in its environment on top; our statistics go to one file per process."""
        options = f"path={path}"
        if statistics:
            stats = self._make(f"stats-{path}")   # its own: a process left over from another run may write late
            stats.chmod(0o777)
            options += f":stats=json:log_path={stats}/%e.%p.json"
        return {"LD_PRELOAD": str(self.preload), "GAMELAN_OPTIONS": options}

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


def run_once(program, scratch, path=None, statistics=True):
    """One run, without us (no path) or with us on that allocation path."""
    work = scratch._make("work")
    plain = scratch.environment(free_port())
    env = {**plain, **scratch.preloaded(path, statistics)} if path else plain
    server, server_code, server_rss, faults = None, program.server_exit, 0, []
    if program.server:
        server = Server(scratch, env, plain)
        if not server.came_up:
            faults.append("server does not answer: " + server.log()[-2000:])
    try:
        run = harness.run(shell(program.run), env, TIMEOUT, cwd=work, user=scratch.user)
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


def check(program, preload, paths, repeat, keep):
    """Runs one program in every way; returns table rows and faults."""
    scratch = Scratch(program, preload)
    try:
        if program.prepare:
            prepared = harness.run(shell(program.prepare), scratch.environment(0), 300, cwd=scratch.data,
                                   user=scratch.user)
            if prepared.code != 0:
                return [[program.name, "-", "-", "-", "-", "-", "-", "-", "FAIL"]], [f"prepare: {prepared}"]
        plain = best(lambda: run_once(program, scratch), max(repeat, 1))
        if plain.code != 0 or plain.faults:
            return ([[program.name, "-", f"{plain.seconds:.2f}", "-", "-", "-", "-", "-", "FAIL"]],
                    [f"without us: exit code {plain.code}\n{plain.out[-1500:]}\n{plain.err[-3000:]}", *plain.faults])
        rows, faults = [], []
        for path in paths:
            row, found = check_path(program, scratch, path, plain, repeat)
            rows.append(row)
            faults += [f"{path}: {fault}" for fault in found]
        return rows, faults
    finally:
        if keep:
            print(f"{program.name}: {scratch.folder}", file=sys.stderr)
        else:
            scratch.remove()


def check_path(program, scratch, path, plain, repeat):
    ours = run_once(program, scratch, path)
    if repeat and not ours.faults and ours.code == plain.code:
        ours.seconds = best(lambda: run_once(program, scratch, path, statistics=False), repeat).seconds
    faults = list(ours.faults)
    if ours.timed_out:
        faults.append(f"hangs: not done after {TIMEOUT} s")
    if ours.code != plain.code:
        faults.append(f"exit code {ours.code}, without us {plain.code}: {ours.err[-3000:]}")
    if ours.out != plain.out:
        faults.append("output differs:\n" + difference(plain.out, ours.out))
    if re.search(r"^gamelan\[\d+\]:", ours.err, re.MULTILINE):
        faults.append("we speak on its stderr: " + ours.err[-2000:])
    if is_ours(scratch.preload):
        ours.calls, found = read_statistics(program, scratch.folder / f"stats-{path}", path)
        faults += found
    verdict = "FAIL" if faults else "short" if plain.seconds < WORK_WANTED else "ok"
    return [program.name, path, f"{plain.seconds:.2f}", f"{ours.seconds:.2f}", f"{ours.seconds / plain.seconds:.2f}",
            f"{plain.rss_kib / 1024:.0f}", f"{ours.rss_kib / 1024:.0f}", str(ours.calls), verdict], faults


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
    options.add_argument("--repeat", type=int, default=0)
    options.add_argument("--preload", type=Path, default=harness.LIBRARY)
    options.add_argument("--keep", action="store_true")
    args = options.parse_args()

    programs = load_programs()
    chosen = args.names + args.only
    unknown = set(chosen) - {p.name for p in programs}
    if unknown:
        options.error(f"no such program: {', '.join(sorted(unknown))}; see --list")
    programs = [p for p in programs if not chosen or p.name in chosen]
    if args.list:
        for p in programs:
            print(f"{p.name:18} {' '.join(p.packages)}")
        return 0
    if not args.preload.exists():
        sys.exit(f"run.py: {args.preload} is missing: build first, with ./tests/run")
    install(programs)

    layout = "{:18} {:6} {:>8} {:>8} {:>6} {:>7} {:>7} {:>12}  {}"
    print(layout.format("program", "path", "plain s", "ours s", "ratio", "MiB", "ours", "heap calls", "verdict"))
    failed = 0
    for program in programs:
        rows, faults = check(program, args.preload.resolve(), args.paths.split(","), args.repeat, args.keep)
        for row in rows:
            print(layout.format(*row), flush=True)
        for fault in faults:
            print("    " + fault.replace("\n", "\n    "), flush=True)
        failed += bool(faults)
    print(f"\n{len(programs) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
