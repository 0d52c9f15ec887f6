"""`gamelan check PID`: a process that goes on, native threads and goroutines; again and again; who cannot be checked."""
import json
import os
import re
import subprocess
import time

import pytest

from harness import COMMAND, compile_program, gamelan_env, run

LIVES = r"""
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *volatile kept;
static int wrong, moves;
__attribute__((noinline)) static void loses(int n) { kept = malloc(n); kept = 0; }
__attribute__((noinline)) static void forgets(void) { volatile char b[9000]; memset((void *)b, 0, sizeof b); }
static void *allocates(void *arg) {
  for (;;) {
    free(malloc(100));
    if (usleep(300) != 0) __atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&moves, 1, __ATOMIC_SEQ_CST);
  }
  return arg;
}
static void *computes(void *arg) {
  void *mine = malloc(50);
  for (volatile long i = 0;; i++) if (i < 0) puts(mine);
  return arg;
}
int main(void) {
  pthread_t t;
  char line[20];
  for (int i = 0; i < 3; i++) pthread_create(&t, NULL, allocates, NULL);
  pthread_create(&t, NULL, computes, NULL);
  loses(123);
  kept = malloc(77);
  forgets();
  puts("ready");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {  // "more": another one; "how": what the threads saw
    if (line[0] == 'm') {
      void *before = kept;
      loses(456);
      kept = before;
      forgets();
    }
    printf("%d %d\n", wrong, moves);
    fflush(stdout);
  }
  _exit(0);
}
"""


@pytest.fixture
def alive(build, request):
    """A running program: ask(word) returns what it answers."""
    class Alive:
        def __init__(self, **settings):
            program = compile_program(LIVES, name="lives")
            env = gamelan_env(exitcode=0, **settings)
            self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env)
            request.addfinalizer(self.end)
            assert self.process.stdout.readline() == "ready\n"
            self.pid = self.process.pid

        def ask(self, word):
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
            return self.process.stdout.readline().split()

        def end(self):
            self.process.stdin.close()
            self.process.wait(timeout=20)
    return Alive


def check(pid, *options):
    return run([COMMAND, "check", *options, pid], env=dict(os.environ))


@pytest.mark.parametrize("threads", ["native", "goroutine"])
def test_a_process_that_goes_on(threads, alive):
    program = alive(GAMELAN_GC="leak", GAMELAN_THREADS=threads)
    ours = check(program.pid)
    assert ours.code == 23, ours
    assert re.match(r"lives\S*\[%d\]: direct leak: 123 bytes in 1 block, allocated at\n    #0 loses at \S+lives\S*\.c:\d+ " % program.pid, ours.err), ours
    assert re.search(r"\] as checked: 123 bytes in 1 block leaked; \d+ bytes in \d+ blocks still reachable\n$", ours.err)
    before = int(program.ask("how")[1])
    program.ask("more")
    for _ in range(10):
        report = json.loads(check(program.pid, "--format=json").out)
        assert sorted(leak["bytes"] for leak in report["processes"][0]["leaks"]) == [123, 456], report
    time.sleep(0.1)
    wrong, moves = map(int, program.ask("how"))
    assert moves > before and program.process.poll() is None
    if threads == "goroutine":
        assert wrong == 0
    children = subprocess.run(["ps", "--ppid", str(program.pid), "-o", "pid="], capture_output=True, text=True).stdout.split()
    assert children == []


def test_codes_and_suppressions(alive, tmp_path):
    program = alive(GAMELAN_GC="leak")
    (tmp_path / "known").write_text("leak:loses\n")
    ours = check(program.pid, "--suppressions", tmp_path / "known")
    assert ours.code == 0 and "suppressed by leak:loses: 123 bytes in 1 block" in ours.err
    assert check(program.pid, "--exit-code=4").code == 4


def test_who_cannot_be_checked(alive):
    program = alive()
    ours = check(program.pid)
    assert (ours.code, ours.err) == (1, f"gamelan: process {program.pid}: it does not run with GAMELAN_GC=leak\n")
    assert check(999999999).code in (1, 2)
    assert check("all").code == 2
    assert program.process.poll() is None
