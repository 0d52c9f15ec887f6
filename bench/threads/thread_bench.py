"""bench/threads/thread_bench.py: runs the thread benches natively, as goroutines and in Go, by turns.

Owns     the list of benches (BENCHES) and how each kind of contestant is started; builds what it needs, when it needs it.
Used by  run.py beside it, and tests/accept/threads-*.

By turns, so that whatever else the machine does meets all; the best of several turns counts. One processor means GOMAXPROCS=1,
and one CPU for who is native.
"""
import functools
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parents[1] / "tests"))
import goroutines  # noqa: E402
import harness  # noqa: E402

NATIVE, GOROUTINE, GO, EPOLL = "native", "goroutine", "go", "epoll"
TIMEOUT = 300
ECHO_SECONDS = 4


@dataclass(frozen=True)
class Bench:
    """One row: a program with arguments on `procs` processors, or an echo server with that many `connections`."""

    program: str
    procs: int = 2
    args: tuple = ()
    connections: int = 0

    @property
    def contestants(self):
        return (NATIVE, GOROUTINE, GO, EPOLL) if self.connections else (NATIVE, GOROUTINE, GO)


BENCHES = {
    "create-join": Bench("create_join"),
    "handover-1p": Bench("handover", 1),
    "handover-2p": Bench("handover", 2),
    "sem-handover-1p": Bench("sem_handover", 1),
    "sem-handover-2p": Bench("sem_handover", 2),
    "ring-1000": Bench("ring"),
    "mutex-2": Bench("mutex_throughput", args=(2,)),
    "mutex-8": Bench("mutex_throughput", args=(8,)),
    "mutex-64": Bench("mutex_throughput", args=(64,)),
    "uncontended": Bench("uncontended"),
    "echo-100": Bench("echo", connections=100),
    "echo-1000": Bench("echo", connections=1000),
    "echo-10000": Bench("echo", connections=10000),
}


def measure(name, turns=3, contestants=None):
    """Nanoseconds per operation (per request, for the echo servers) of each contestant: the best of `turns`."""
    bench = BENCHES[name]
    chosen = [c for c in bench.contestants if contestants is None or c in contestants]
    if goroutines.why_no_goroutines():
        chosen = [c for c in chosen if c != GOROUTINE]
    best = {}
    for _ in range(turns):
        for contestant in chosen:
            once = _echo(bench, contestant) if bench.connections else _program(bench, contestant)
            best[contestant] = min(once, best.get(contestant, once))
    return best


def c_program(name):
    return harness.compile_program(HERE / f"{name}.c", "-O2")


def environment(contestant, procs):
    if contestant == GOROUTINE:
        return harness.gamelan_env(GAMELAN_THREADS="goroutine", GOMAXPROCS=procs)
    return harness.plain_env(**({"GOMAXPROCS": procs} if contestant == GO else {}))


def numbers(text):
    """{"ns_per_op": 12.5} of a program's `ns_per_op 12.5`."""
    words = text.split()
    return dict(zip(words[::2], map(float, words[1::2])))


def _argv(program, contestant):
    if contestant == GO:
        return _go_program(program)
    return c_program({EPOLL: "echo_epoll"}.get(contestant, "echo_threads") if program == "echo" else program)


@functools.cache
def _go_program(name):
    sources = [HERE / f"{name}.go", *([HERE / "measure.go"] if name != "echo" else [])]
    key = hashlib.sha256(b"".join(s.read_bytes() for s in sources)).hexdigest()[:16]
    target = harness.CACHE / f"go-{name}-{key}"
    if not target.exists():
        harness.CACHE.mkdir(parents=True, exist_ok=True)
        env = harness.plain_env(GO111MODULE="off", GOCACHE=harness.CACHE / "go-cache", GOPATH=harness.CACHE / "go-path")
        subprocess.run(["go", "build", "-o", target, *sources], env=env, check=True)
    return target


def _pin(contestant, procs):
    """What a native program on one processor does before it starts."""
    if contestant in (GOROUTINE, GO) or procs > 1:
        return None
    return lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _program(bench, contestant):
    done = harness.run([_argv(bench.program, contestant), *bench.args], environment(contestant, bench.procs), TIMEOUT,
                       before_exec=_pin(contestant, bench.procs))
    if done.code != 0 or done.timed_out:
        raise RuntimeError(f"{bench.program} ({contestant}): {done}")
    return numbers(done.out)["ns_per_op"]


def _echo(bench, contestant):
    load = c_program("echo_load")
    with tempfile.TemporaryFile("w+") as errors:
        server = subprocess.Popen([_argv("echo", contestant)], env=environment(contestant, bench.procs),
                                  stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True)
        try:
            port = server.stdout.readline().split()[1]
            done = harness.run([load, port, bench.connections, ECHO_SECONDS], timeout=TIMEOUT)
            if done.code != 0 or done.timed_out or server.poll() is not None:
                errors.seek(0)
                raise RuntimeError(f"echo ({contestant}), {bench.connections} connections: {done}\n{errors.read()}")
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()
            server.stdout.close()
    return 1e9 / numbers(done.out)["requests_per_second"]
