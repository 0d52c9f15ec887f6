"""tests/harness.py: run programs with and without us, and compile the small ones.

Owns     no state but the compile cache in build/tests/programs.
Used by  conftest.py (fixtures), tests/real/run.py and tests/accept/*; standard library only.
Never    lets a process outlive its call: every program gets a session of its own, killed as a group.

GAMELAN_BUILD names another build folder, GAMELAN_PRELOAD another library to preload (a peer, for comparison).
"""
import fcntl
import hashlib
import os
import pwd
import resource
import select
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("GAMELAN_BUILD", ROOT / "build/release"))
LIBRARY = Path(os.environ.get("GAMELAN_PRELOAD", BUILD / "libgamelan.so"))
COMMAND = BUILD / "gamelan"
PROGRAMS = ROOT / "tests/e2e/programs"
CACHE = ROOT / "build/tests/programs"
PATHS = ("lists", "bitmap")

# What a test must not inherit from whoever runs it: our own switches, Go's, and other preloads.
OURS = ("GAMELAN", "GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG", "LD_PRELOAD")


# A shell's background job ignores these, and so would every program that we start: dumps on SIGQUIT, python's own tests.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@dataclass(frozen=True)
class Run:
    """What became of one program. `code` is the exit code, or -N for death by signal N."""

    argv: list
    code: int
    out: str
    err: str
    seconds: float      # by the wall clock
    cpu_seconds: float  # user + system, with every child waited for
    rss_kib: int        # peak, of the largest process
    timed_out: bool = False

    def __str__(self):
        how = "timed out" if self.timed_out else f"exit code {self.code}"
        return f"{self.argv}: {how} after {self.seconds:.1f} s\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def plain_env(**variables):
    """The environment without us and without our switches, plus `variables`."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    env.update({k: str(v) for k, v in variables.items()})
    return env


def gamelan_env(library=None, **settings):
    """The environment that preloads us. UPPERCASE settings are variables, lowercase ones go into GAMELAN_OPTIONS:

        gamelan_env(path="bitmap", verify=100, GOMEMLIMIT="256MiB")
    """
    options = ":".join(f"{k}={v}" for k, v in settings.items() if k.islower())
    env = plain_env(**{k: v for k, v in settings.items() if not k.islower()})
    env["LD_PRELOAD"] = str(library or LIBRARY)
    if options:
        env["GAMELAN_OPTIONS"] = ":".join(filter(None, [env.get("GAMELAN_OPTIONS"), options]))
    return env


def run(argv, env=None, timeout=60, cwd=None, stdin=None, limits=None, user=None, before_exec=None, on_timeout=None):
    """Runs `argv` to its end or to `timeout` seconds, then kills whatever is left of its process group.

    `stdin` is text for the program to read. `limits` maps resource.RLIMIT_* to a soft limit. `before_exec` runs in the
    child. `on_timeout` is called with the process id of a program that hangs, before it is killed. Output goes through
    files, not pipes: a daemon left behind cannot keep us waiting for end of file.
    """
    argv = [str(a) for a in argv]

    def prepare():
        for which, soft in (limits or {}).items():
            resource.setrlimit(which, (soft, resource.getrlimit(which)[1]))
        if before_exec:
            before_exec()

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as source:
        source.write((stdin or "").encode())
        source.seek(0)
        start = time.monotonic()
        child = subprocess.Popen(argv, env=env or plain_env(), cwd=cwd, stdin=source, stdout=out, stderr=err,
                                 start_new_session=True, **as_user(user),
                                 preexec_fn=prepare if limits or before_exec else None)
        timed_out = not _wait(child.pid, timeout)
        if timed_out:
            if on_timeout:
                on_timeout(child.pid)
            _kill_group(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        _kill_group(child.pid)
        return Run(argv, child.returncode, _text(out), _text(err), seconds, usage.ru_utime + usage.ru_stime,
                   usage.ru_maxrss, timed_out)


def as_user(name):
    """subprocess.Popen's arguments that make the child run as `name`; none if there is no name."""
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []} if name else {}


def run_preloaded(argv, timeout=60, cwd=None, stdin=None, limits=None, before_exec=None, on_timeout=None, **settings):
    """run() with us preloaded; `settings` as in gamelan_env()."""
    return run(argv, gamelan_env(**settings), timeout, cwd, stdin, limits, before_exec=before_exec, on_timeout=on_timeout)


def _wait(pid, timeout):
    fd = os.pidfd_open(pid)
    try:
        return bool(select.select([fd], [], [], timeout)[0])
    finally:
        os.close(fd)


def _kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _text(file):
    file.seek(0)
    return file.read().decode(errors="replace")


def compile_program(source, *flags, name=None, shared=False, language=None):
    """Compiles C or C++ and returns the path of the program (or, with `shared`, of the library).

    `source` is a file, a file name under tests/e2e/programs, or the text itself (then `name` is wanted, and `language`
    unless it is "c"). The result is kept in build/tests/programs under a hash of text, headers and flags, so that the
    second call costs nothing, from any number of processes at once.
    """
    if isinstance(source, str) and "\n" not in source:
        source = PROGRAMS / source
    file = source if isinstance(source, Path) else None
    if file:
        text, folder = source.read_text(), source.parent
        name, language = name or source.stem, language or ("c" if source.suffix == ".c" else "c++")
    else:
        text, folder, language = source, PROGRAMS, language or "c"
    driver = ["gcc", "-std=gnu17"] if language == "c" else ["g++", "-std=gnu++20"]
    driver += ["-O1", "-g", "-Wall", "-fno-builtin", "-fno-allocation-dce", "-pthread", f"-I{PROGRAMS}"]
    flags = [*(["-shared", "-fPIC"] if shared else []), *map(str, flags)]

    headers = "".join(h.read_text() for h in sorted({*folder.glob("*.h"), *PROGRAMS.glob("*.h")}))
    key = hashlib.sha256("\0".join([*driver, *flags, headers, text]).encode()).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    target = CACHE / (f"lib{name}-{key}.so" if shared else f"{name}-{key}")
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _compile(driver, flags, file, text, language, name, target)
    return target


def _compile(driver, flags, file, text, language, name, target):
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        if not file:
            file = Path(scratch) / f"{name}.{'c' if language == 'c' else 'cc'}"
            file.write_text(text)
        made = Path(scratch) / "program"
        done = subprocess.run([*driver, "-o", made, file, *flags], env=plain_env(), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{name}: does not compile\n{done.stderr}")
        made.rename(target)
