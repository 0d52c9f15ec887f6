"""What the scheduler says of itself: schedtrace, goroutine dumps, starvation; and `gamelan dump`."""
import os
import re
import signal
import subprocess
import time

import pytest

from harness import COMMAND, compile_program, gamelan_env

HEAD = re.compile(r"SCHED (\d+)ms: gomaxprocs=2 idleprocs=\d+ threads=\d+ spinningthreads=\d+ idlethreads=\d+ runqueue=\d+")
SLEEPERS = """
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static sem_t never;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static volatile int done;
void *waits(void *arg) { sem_wait(&never); return arg; }
void *locks(void *arg) { pthread_mutex_lock(&held); return arg; }
void *spins(void *arg) { while (!done) {} return arg; }
int main(int argc, char **argv) {
  pthread_t t;
  pthread_mutex_lock(&held);
  pthread_create(&t, NULL, waits, NULL);
  pthread_setname_np(t, "patient");
  pthread_create(&t, NULL, locks, NULL);
  pthread_create(&t, NULL, spins, NULL);
  usleep(100000);
  if (argc > 1) kill(getpid(), atoi(argv[1]));
  usleep(400000);
  done = 1;
  puts("done");
}
"""
IDLE = """
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *naps(void *arg) { usleep(600000); return arg; }
int main(void) {
  pthread_t t;
  pthread_create(&t, NULL, naps, NULL);
  pthread_join(t, NULL);
  puts("done");
}
"""
STARVES = """
#include <pthread.h>
#include <stdio.h>
#include <time.h>
static volatile int ran;
static void *waits(void *arg) { ran = 1; return arg; }
static void *spins(void *arg) {
  time_t end = time(NULL) + 14;
  while (time(NULL) < end) {}
  return arg;
}
int main(void) {
  pthread_t a, b;
  pthread_create(&b, NULL, waits, NULL);
  pthread_create(&a, NULL, spins, NULL);
  pthread_join(a, NULL);
  pthread_join(b, NULL);
  puts("done");
}
"""


@pytest.fixture
def observe(build, run_preloaded):
    def run(source, name, *args, **settings):
        ours = run_preloaded([compile_program(source, name=name), *args], timeout=30,
                             **{"GAMELAN_THREADS": "goroutine", "GOMAXPROCS": 2, **settings})
        assert (ours.code, ours.out) == (0, "done\n"), ours
        return ours.err
    return run


def test_schedtrace_while_all_is_idle(observe):
    lines = observe(IDLE, "idle_trace", GODEBUG="schedtrace=100").splitlines()
    assert 4 <= len(lines) <= 8, lines
    times = [int(HEAD.match(line)[1]) for line in lines]
    assert all(re.fullmatch(HEAD.pattern + r" \[\d+ \d+\]", line) for line in lines)
    assert all(95 <= b - a <= 200 for a, b in zip(times, times[1:])), times


def test_no_trace_unless_asked(observe):
    assert observe(IDLE, "idle_trace") == ""


def test_scheddetail_shows_each_p_m_and_g(observe):
    err = observe(SLEEPERS, "sleepers", GODEBUG="schedtrace=200,scheddetail=1")
    assert re.search(HEAD.pattern + r" gcwaiting=0 nmidlelocked=0 stopwait=0 sysmonwait=\d\n", err)
    for line in (r"  P1: status=\d schedtick=\d+ syscalltick=\d+ m=-?\d+ runqsize=\d+ gfreecnt=\d+ timerslen=\d+",
                 r"  M0: p=-?\d+ curg=-?\d+ mallocing=0 throwing=0 preemptoff= locks=\d+ dying=0 spinning=(true|false) "
                 r"blocked=(true|false) lockedg=-1",
                 r"  G2: status=4\(semaphore\) m=-1 lockedm=-1", r"  G3: status=4\(mutex\) m=-1 lockedm=-1",
                 r"  G4: status=2\(\w*\) m=\d+ lockedm=-1"):
        assert re.search(f"^{line}$", err, re.MULTILINE), (line, err)


def check_dump(err):
    assert re.search(r"^gamelan\[\d+\]: goroutine dump \(as asked\): 4 goroutines$", err, re.MULTILINE), err
    for head in (r'goroutine 2 \[semaphore\]: tid \d+ "patient", began at sleepers-\w+\+0x[0-9a-f]+',
                 r"goroutine 3 \[mutex\]: tid \d+, began at sleepers-\w+\+0x[0-9a-f]+",
                 r"goroutine 4 \[running, M\d+ P\d\]: tid \d+, began at .*", r"goroutine 1 \[sleep\]: tid \d+, main"):
        assert re.search(f"^{head}$", err, re.MULTILINE), (head, err)


def test_dump_on_a_signal(observe):
    err = observe(SLEEPERS, "sleepers", signal.SIGQUIT, dump_on=int(signal.SIGQUIT))
    check_dump(err)
    # the address in the stack of goroutine 2 is one of its function
    began, returns = re.search(r'"patient", began at [^+]+\+(0x\w+)\n\t\? sleepers-\w+\+(0x\w+)', err).groups()
    assert 0 < int(returns, 16) - int(began, 16) < 64


@pytest.mark.parametrize("number", [9, 32, 33])
def test_a_signal_that_cannot_be_had(number, observe):
    assert re.fullmatch(rf"gamelan\[\d+\]: GAMELAN_OPTIONS: dump_on={number}: .*; no dumps\n", observe(IDLE, "idle_trace", dump_on=number))


def test_gamelan_dump(build, tmp_path):
    program = compile_program(SLEEPERS, name="sleepers")
    def dump(**settings):
        env = gamelan_env(GAMELAN_THREADS="goroutine", GOMAXPROCS=2, **settings)
        with subprocess.Popen([program], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
            time.sleep(0.2)
            command = subprocess.run([COMMAND, "dump", str(child.pid)], capture_output=True, text=True, timeout=10)
            return command, child.communicate(timeout=10)[1], child.returncode
    command, err, code = dump(dump_on=12)
    assert (command.returncode, command.stderr, code) == (0, "", 0)
    check_dump(err)
    command, err, code = dump()
    assert (command.returncode, err, code) == (1, "", 0) and "dump_on" in command.stderr
    command = subprocess.run([COMMAND, "dump", str(os.getpid())], capture_output=True, text=True, timeout=10)
    assert command.returncode == 1


def test_who_starves_is_named_once(observe):
    err = observe(STARVES, "starves", GOMAXPROCS=1, GODEBUG="asyncpreemptoff=1")
    (line,) = re.findall(r"^gamelan\[\d+\]: goroutine (\d+) was runnable for 10 s and did not run: (.*)$", err, re.MULTILINE)
    assert line == ("2", "it is in the queue of P0, which goroutine 3 has")
    assert err.count("goroutine dump (a goroutine starves)") == 1
