"""tests/goroutines.py: the thread programs, and how each is run natively and as goroutines.

Owns     which programs there are (e2e/programs/threads), what each takes to compile, what a run must leave.
Used by  e2e/test_goroutines.py, tests/threads and accept/threads-*.

A program prints the same and ends the same in every Mode: without us, with us on kernel threads, and as goroutines on any
number of processors. As goroutines, the statistics of every process that left some say that no thread was the kernel's.
"""
import functools
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import harness

PROGRAMS = harness.PROGRAMS / "threads"
PROCS = (1, 2, 8)
TIMEOUT = 30   # seconds: no program takes five, so this is a hang


def _tls_library(name, model, *flags):
    return harness.compile_program(PROGRAMS / "tls_library.c", f"-ftls-model={model}", *flags, name=name, shared=True)


def _tls_libraries():
    """dlopen_tls.c's flags: it opens a library once for each of its cases, and has one linked."""
    general, initial = ("global-dynamic", "-DROOM=10000"), ("initial-exec",)   # static TLS has little room to spare
    opened = {"GENERAL_EARLY": general, "GENERAL_LATE": general, "REOPENED": general,
              "INITIAL_EARLY": initial, "INITIAL_LATE": initial, "INITIAL_LATER": initial}
    linked = _tls_library("linked", *general)
    return [*(f'-D{name}="{_tls_library(name.lower(), *how)}"' for name, how in opened.items()),
            linked, f"-Wl,-rpath,{linked.parent}", "-ldl"]


# What a program takes beyond -pthread.
FLAGS = {"openmp": lambda: ["-fopenmp"], "dlopen_tls": _tls_libraries, "preempt_stress": lambda: ["-O2", "-lm"]}


@dataclass(frozen=True)
class Mode:
    """Who makes a program's threads: nobody of us (no `threads`), "native", or "goroutine" on `procs` processors."""

    threads: str = ""
    procs: int = 0

    def __str__(self):
        return f"{self.threads or 'plain'}{f'-{self.procs}' if self.procs else ''}"

    def settings(self):
        variables = {"GAMELAN_THREADS": self.threads, "GOMAXPROCS": self.procs}
        return {name: value for name, value in variables.items() if value}


PLAIN, NATIVE = Mode(), Mode("native")


def goroutine_modes(procs=PROCS):
    return [Mode("goroutine", n) for n in procs]


@dataclass
class Outcome:
    """One run of one program: what it printed, what its processes' statistics say, where it hung."""

    mode: Mode
    run: harness.Run
    reports: list = field(default_factory=list)
    hang: str = ""


def names():
    return sorted(f.stem for f in PROGRAMS.iterdir() if f.suffix in (".c", ".cc") and not f.stem.endswith("_library"))


def compiled(name):
    (source,) = (f for f in PROGRAMS.glob(f"{name}.c*") if f.suffix in (".c", ".cc"))
    return harness.compile_program(source, *FLAGS.get(name, list)())


def run(name, mode, *args, timeout=TIMEOUT, **settings):
    """Runs a thread program in `mode`; `settings` as in harness.gamelan_env()."""
    return run_argv([compiled(name), *args], mode, timeout=timeout, **settings)


def run_argv(argv, mode, timeout=TIMEOUT, **settings):
    """Runs any program in `mode`."""
    hang = []
    watch = {"timeout": timeout, "on_timeout": lambda pid: hang.append(where_it_hangs(pid))}
    if not mode.threads:
        return Outcome(mode, harness.run(argv, harness.plain_env(), **watch), [], "".join(hang))
    with tempfile.TemporaryDirectory(prefix="gamelan-threads-") as folder:
        Path(folder).chmod(0o777)   # some programs change their user
        done = harness.run_preloaded(argv, stats="json", log_path=f"{folder}/%e.%p.json", **watch,
                                     **{**mode.settings(), **settings})
        reports = [read_report(f) for f in sorted(Path(folder).iterdir())]
    return Outcome(mode, done, reports, "".join(hang))


def read_report(file):
    """What a process left in its log: its statistics, and in "said" whatever else we had to say."""
    report, said = {}, []
    for line in file.read_text(errors="replace").splitlines():
        try:
            report.update(json.loads(line))
        except ValueError:
            said.append(line)
    return {**report, "said": said}


def faults(outcome, plain):
    """What is wrong with a run, beside the same program's run without us."""
    done, found = outcome.run, []
    if plain.run.code or plain.run.timed_out:
        found.append(f"fails without us: {plain.run}\n{plain.hang}")
    if done.timed_out:
        found.append(f"hangs: not done after {done.seconds:.0f} s\n{outcome.hang}")
    elif done.code != plain.run.code:
        found.append(f"exit code {done.code}, without us {plain.run.code}")
    if done.out != plain.run.out:
        found.append(f"prints something else than without us:\n{done.out[-2000:]}")
    for report in outcome.reports:
        found += report_faults(report, outcome.mode)
    if found and done.err:
        found.append(f"stderr: {done.err[-3000:]}")
    return found


def report_faults(report, mode):
    """What one process's log says against a mode: messages of ours, threads of another kind."""
    found = ["says: " + line for line in report["said"]]
    if "metrics" not in report:
        return found
    metrics, threads, exe = report["metrics"], report["mode"]["threads"], report["exe"]
    calls, native = metrics.get("/sched/pthread_create:calls", 0), metrics["/sched/threads/created:threads"]
    if mode.threads and threads != mode.threads and calls + native:
        found.append(f"{exe}: its threads are {threads}")
    if mode.threads == "goroutine":
        if goroutines_created(report) < calls:
            found.append(f"{exe}: {goroutines_created(report)} goroutines for {calls} pthread_create calls")
        if native:
            found.append(f"{exe}: {native} kernel threads made by the program")
    return found


def goroutines_created(report):
    return report["metrics"].get("/sched/goroutines/created:goroutines", 0)


@functools.cache
def why_no_goroutines():
    """Why the library cannot run threads as goroutines here; empty if it can."""
    outcome = run("create_join", Mode("goroutine", 2), "a_result")
    modes = [report["mode"]["threads"] for report in outcome.reports if "mode" in report]
    said = "; ".join(line for report in outcome.reports for line in report["said"])
    return "" if modes == ["goroutine"] else f"no goroutines: {said or modes or outcome.run}"


def where_it_hangs(pid):
    """The state of every kernel thread of a process group, with backtraces where gdb is."""
    lines = []
    for process in sorted(_group(pid)):
        lines.append(f"process {process}:")
        for task in sorted(Path(f"/proc/{process}/task").glob("*"), key=lambda t: int(t.name)):
            lines.append("  " + _task(task))
        lines += ["  " + line for line in _backtraces(process)]
    return "\n".join(lines)


def _group(pid):
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == pid:
            yield int(stat.parent.name)


def _task(task):
    """`4711 xz S futex_wait, 12 + 3 ticks`: state, where in the kernel, user and system time."""
    try:
        name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
        fields = rest.split()
        wait = (task / "wchan").read_text()
        return f"{task.name} {name} {fields[0]} {wait}, {fields[11]} + {fields[12]} ticks"
    except OSError as error:
        return f"{task.name}: {error}"


def _backtraces(process):
    if not shutil.which("gdb"):
        return []
    try:
        done = subprocess.run(["gdb", "-batch", "-nx", "-p", str(process), "-ex", "thread apply all backtrace 25"],
                              capture_output=True, text=True, timeout=60, env=harness.plain_env())
    except subprocess.TimeoutExpired:
        return ["gdb does not come to an end"]
    return [line for line in done.stdout.splitlines() if re.match(r"Thread |#", line)]
