"""tests/e2e/test_cli.py: the `gamelan` command from outside: run, doctor, stat, help (bench: test_bench.py).

The library is a stand-in made here, so that what fails is the command; the last tests take the real one if it is built.
Every refusal must come before the program starts, in one line, with its exit code.
"""
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GAMELAN_BUILD", ROOT / "build/release")).resolve()
GAMELAN = BUILD / "gamelan"
NOBODY = 65534

pytestmark = pytest.mark.skipif(not GAMELAN.exists(), reason=f"{GAMELAN} is not built")


def compile_c(source, output, *flags):
    """Compiles C or C++ text; returns the output's path."""
    language = "c++" if any(flag.startswith("-std=c++") for flag in flags) else "c"
    subprocess.run(["g++" if language == "c++" else "gcc", "-x", language, "-", "-o", output, *flags],
                   input=source, text=True, check=True, capture_output=True)
    return Path(output)


@pytest.fixture(scope="session")
def place():
    """A folder that every user may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="gamelan-cli-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def library(place):
    """A stand-in for libgamelan.so: it publishes the page with 1, 2, 3, ... in its rows."""
    source = (ROOT / "allocator/base/metrics.cc").read_text() + """
        __attribute__((constructor)) static void fill() {
          for (unsigned i = 0; i < gamelan_metrics.count; ++i) gamelan_metrics.value[i] = i + 1;
        }"""
    return compile_c(source, place / "libgamelan.so", "-std=c++20", "-shared", "-fPIC", f"-I{ROOT}")


@pytest.fixture(scope="session")
def hello(place):
    """An ordinary dynamic program."""
    return compile_c('#include <stdio.h>\nint main() { puts("hello"); }\n', place / "hello")


@pytest.fixture
def gamelan(library):
    """gamelan("run", "ls", cwd=...): runs the command; extra keywords in capitals are environment variables."""
    def call(*words, cwd=None, user=None, stdin="", command=GAMELAN, **variables):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("GAMELAN", "LD_PRELOAD"))}
        environment["GAMELAN_LIB"] = str(library)
        environment.update(variables)
        prefix = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user is not None else []
        return subprocess.run([*prefix, str(command), *map(str, words)], cwd=cwd, env=environment, input=stdin,
                              text=True, capture_output=True, timeout=60)
    return call


def assert_refused(result, code, *parts):
    assert result.returncode == code, result
    assert result.stdout == ""
    assert result.stderr.startswith("gamelan: ") and result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert str(part) in result.stderr


# run: what it starts


def test_run_preloads_the_library(gamelan, library):
    result = gamelan("run", "--", "sh", "-c", "echo $LD_PRELOAD; grep -c libgamelan.so /proc/self/maps")
    assert result.returncode == 0
    preload, mapped = result.stdout.split()
    assert preload == str(library) and int(mapped) > 0
    assert result.stderr == ""


def test_run_comes_first_among_other_preloads(gamelan, library, place):
    other = compile_c("int other_preload;", place / "other.so", "-shared", "-fPIC")
    result = gamelan("run", "sh", "-c", "echo $LD_PRELOAD", LD_PRELOAD=f"{other} /old/libgamelan.so:{library}")
    assert result.stdout == f"{library}:{other}\n"


def test_run_twice_is_run_once(gamelan, library):
    result = gamelan("run", GAMELAN, "run", "sh", "-c", "echo $LD_PRELOAD")
    assert result.stdout == f"{library}\n"


@pytest.mark.parametrize("words", [("run", "--"), ("run",)])
def test_everything_behind_the_program_is_its_own(gamelan, words):
    result = gamelan(*words, "printf", "%s,", "--gc", "stat", "--", "-o", "--help", "a b", "")
    assert result.stdout == "--gc,stat,--,-o,--help,a b,,"


def test_a_program_may_be_called_like_a_command(gamelan):
    assert gamelan("run", "stat", "-c", "%n", "/").stdout == "/\n"


def test_exit_code_is_the_programs_own(gamelan):
    assert gamelan("run", "sh", "-c", "exit 77").returncode == 77


def test_signal_is_the_programs_own(gamelan):
    assert gamelan("run", "sh", "-c", "kill -SEGV $$").returncode == -signal.SIGSEGV


def test_process_and_descriptors_are_the_programs_own(gamelan, library):
    environment = dict(os.environ, GAMELAN_LIB=str(library))
    words = ["sh", "-c", "echo $$; set -- /proc/$$/fd/*; echo $#"]  # no pipe: the shell has its ends open for a while
    streams = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with subprocess.Popen([GAMELAN, "run", *words], env=environment, **streams) as process:
        pid, descriptors = process.communicate()[0].split()
    plain = subprocess.run(words, check=True, **streams)
    assert int(pid) == process.pid
    assert descriptors == plain.stdout.split()[1]


def test_argv0_is_as_typed(gamelan):
    assert gamelan("run", "sh", "-c", "cat /proc/self/cmdline").stdout == "cat\0/proc/self/cmdline\0"
    assert gamelan("run", "cat", "/proc/self/cmdline").stdout == "cat\0/proc/self/cmdline\0"


def test_path_is_searched_as_execvp_does(gamelan, hello, place):
    first = place / "not-permitted"
    first.mkdir()
    (first / "hello").write_text("not executable")
    assert gamelan("run", "hello", PATH=f"/nonexistent:{first}:{place}").stdout == "hello\n"
    assert gamelan("run", "hello", PATH="", cwd=place).stdout == "hello\n"
    assert_refused(gamelan("run", "hello", PATH=str(first)), 126, first / "hello", "not executable")


def test_flags_become_environment(gamelan, place):
    result = gamelan("run", "--gc", "off", "--threads=native", "--stats=json", "--log", "x.%p", "-o", "thp=never",
                     "-ostrict=1", "--off", "env", cwd=place, GAMELAN_OPTIONS="path=lists")
    settings = dict(line.split("=", 1) for line in result.stdout.splitlines() if line.startswith("GAMELAN"))
    assert settings.pop("GAMELAN_LIB")
    assert settings == {
        "GAMELAN": "off", "GAMELAN_GC": "off", "GAMELAN_THREADS": "native",
        "GAMELAN_OPTIONS": f"path=lists:stats=json:log_path={place}/x.%p:thp=never:strict=1"}


def test_stats_flag_does_not_swallow_the_program(gamelan):
    result = gamelan("run", "--stats", "sh", "-c", "echo $GAMELAN_OPTIONS")
    assert result.stdout == "stats=text\n"


# run: what it refuses


def test_refuses_what_is_not_there(gamelan, place):
    assert_refused(gamelan("run", "no-such-program"), 127, "no-such-program: not found in PATH")
    assert_refused(gamelan("run", place / "nothing"), 127, place / "nothing", "no such file")
    assert_refused(gamelan("run", ""), 127, "not found")


def test_refuses_a_directory(gamelan, place):
    assert_refused(gamelan("run", place), 126, place, "is a directory")


def test_refuses_what_is_not_executable(gamelan, place):
    file = place / "plain.txt"
    file.write_text("echo never")
    assert_refused(gamelan("run", file), 126, file, "is not executable", "chmod +x")


def test_refuses_what_is_no_regular_file(gamelan):
    assert_refused(gamelan("run", "/dev/null"), 126, "/dev/null", "not a regular file")


@pytest.mark.parametrize("flag", ["-static", "-static-pie"])
def test_refuses_a_static_program(gamelan, place, flag):
    program = compile_c("int main() { return 0; }", place / f"program{flag}", flag)
    assert_refused(gamelan("run", program), 126, program, "statically linked")


def test_refuses_a_32_bit_program(gamelan, place):
    program = place / "i386"
    header = struct.pack("<4sBBBB8xHHI", b"\x7fELF", 1, 1, 1, 0, 2, 3, 1)  # 32-bit, little-endian, ET_EXEC, EM_386
    program.write_bytes(header.ljust(4096, b"\0"))
    program.chmod(0o755)
    assert_refused(gamelan("run", program), 126, program, "32-bit", "i386")


def test_refuses_another_machine(gamelan, hello, place):
    program = place / "arm64"
    content = bytearray(hello.read_bytes())
    struct.pack_into("<H", content, 18, 183)
    program.write_bytes(content)
    program.chmod(0o755)
    assert_refused(gamelan("run", program), 126, program, "arm64")


def test_refuses_a_musl_program(gamelan, place):
    program = compile_c("int main() { return 0; }", place / "musl", "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1")
    assert_refused(gamelan("run", program), 126, program, "musl")


def test_names_a_missing_loader(gamelan, place):
    loader = "/gone/ld-linux-x86-64.so.2"
    program = compile_c("int main() { return 0; }", place / "loaderless", f"-Wl,--dynamic-linker={loader}")
    assert_refused(gamelan("run", program), 127, program, f"{loader} does not exist")


def test_refuses_libraries_object_files_and_damage(gamelan, hello, library, place):
    assert_refused(gamelan("run", library), 126, library, "shared library")
    thing = compile_c("int main() { return 0; }", place / "main.o", "-c")
    thing.chmod(0o755)
    assert_refused(gamelan("run", thing), 126, thing, "object file")
    cut = place / "cut"
    cut.write_bytes(hello.read_bytes()[:80])
    cut.chmod(0o755)
    assert_refused(gamelan("run", cut), 126, cut, "damaged")
    junk = place / "junk"
    junk.write_bytes(b"\0\1\2\3" * 20)
    junk.chmod(0o755)
    assert_refused(gamelan("run", junk), 126, junk, "neither an ELF program nor a script")


as_root = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")


@pytest.fixture
def command_for_all(place):
    """A copy of the command where every user may execute it."""
    return Path(shutil.copy(GAMELAN, place / "gamelan"))


@as_root
def test_refuses_setuid_where_the_user_would_change(gamelan, hello, place, command_for_all):
    program = Path(shutil.copy(hello, place / "setuid"))
    program.chmod(0o4755)
    assert_refused(gamelan("run", program, user=NOBODY, command=command_for_all), 126, program, "is setuid to user 0")
    assert gamelan("run", program).stdout == "hello\n"  # root gains nothing by it, and the loader keeps us


@as_root
def test_refuses_setgid_where_the_group_would_change(gamelan, hello, place, command_for_all):
    program = Path(shutil.copy(hello, place / "setgid"))
    program.chmod(0o2755)
    assert_refused(gamelan("run", program, user=NOBODY, command=command_for_all), 126, program, "is setgid to group 0")


@as_root
def test_refuses_file_capabilities(gamelan, hello, place, command_for_all):
    program = Path(shutil.copy(hello, place / "capable"))
    try:
        os.setxattr(program, "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))
    except OSError:
        pytest.skip("file capabilities cannot be set here")
    assert_refused(gamelan("run", program, user=NOBODY, command=command_for_all), 126, program, "file capabilities")
    assert gamelan("run", program).stdout == "hello\n"


@as_root
def test_refusals_agree_with_the_kernel(gamelan, library, place, command_for_all):
    """What `run` refuses is exactly what the kernel starts in secure mode."""
    secure = compile_c('#include <stdio.h>\n#include <sys/auxv.h>\nint main() { printf("%lu", getauxval(AT_SECURE)); }',
                       place / "secure")
    for mode in (0o755, 0o4755, 0o2755, 0o2745, 0o6755):
        program = Path(shutil.copy(secure, place / f"secure{mode:o}"))
        program.chmod(mode)
        plain = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", program],
                               capture_output=True, text=True)
        ours = gamelan("run", program, user=NOBODY, command=command_for_all)
        assert (ours.returncode == 126) == (plain.stdout == "1"), oct(mode)


@as_root
def test_refuses_what_cannot_be_read(gamelan, hello, place, command_for_all):
    program = Path(shutil.copy(hello, place / "unreadable"))
    program.chmod(0o711)
    assert_refused(gamelan("run", program, user=NOBODY, command=command_for_all), 126, program, "cannot be read")


# run: scripts


def script(path, first_line, body=""):
    path.write_text(f"{first_line}\n{body}\n")
    path.chmod(0o755)
    return path


def test_runs_scripts_five_deep(gamelan, place):
    interpreter = "/bin/sh"
    for depth in range(1, 7):
        interpreter = script(place / f"depth{depth}", f"#!{interpreter}", "echo ran")
        result = gamelan("run", interpreter)
        if depth <= 5:
            assert result.stdout == "ran\n"
        else:
            assert_refused(result, 126, interpreter, "script number 6")
            with pytest.raises(OSError):  # as the kernel
                subprocess.run([interpreter], check=False)


def test_runs_text_without_interpreter_line_as_execvp_does(gamelan, place):
    text = place / "text"
    text.write_text('echo "$0 $1"\n')
    text.chmod(0o755)
    assert gamelan("run", text, "one").stdout == f"{text} one\n"


def test_blames_a_static_interpreter(gamelan, place):
    interpreter = compile_c("int main() { return 0; }", place / "static-shell", "-static")
    program = script(place / "for-static", f"#!{interpreter}")
    assert_refused(gamelan("run", program), 126, f"{program}: its interpreter {interpreter}", "statically linked")


def test_blames_a_missing_interpreter(gamelan, place):
    program = script(place / "for-nothing", "#!/gone/interpreter -x")
    assert_refused(gamelan("run", program), 127, f"{program}: its interpreter /gone/interpreter", "no such file")


def test_looks_behind_env(gamelan, place):
    compile_c("int main() { return 0; }", place / "static-tool", "-static")
    program = script(place / "for-env", "#!/usr/bin/env static-tool")
    assert_refused(gamelan("run", program, PATH=f"{place}:/usr/bin"), 126, "static-tool", "statically linked")
    assert gamelan("run", script(place / "for-sh", "#!/usr/bin/env sh", "echo ran")).stdout == "ran\n"
    lost = script(place / "for-lost", "#!/usr/bin/env no-such-tool")
    assert_refused(gamelan("run", lost), 127, f"{lost}: its interpreter no-such-tool: not found in PATH")


# run: usage and our own failures


@pytest.mark.parametrize("words, parts", [
    (["-o", "stats=banana"], ["stats=banana", "0, 1, text or json"]),
    (["-o", "strict=7"], ["strict=7", "a whole number from 0 to 1"]),
    (["-o", "banana=1"], ["banana=1", "no such option", "stats"]),
    (["-o", "stats"], ["want key=value"]),
    (["--stats=banana"], ["stats=banana", "0, 1, text or json"]),
    (["--log", "/tmp/a:b"], ["log_path=/tmp/a:b", "':'"]),
    (["--gc", "banana"], ["banana", "off, leak, collect"]),
    (["--threads", "banana"], ["banana", "auto, goroutine, native"]),
    (["--banana"], ["--banana"]),
])
def test_wrong_options_are_usage_errors(gamelan, words, parts):
    assert_refused(gamelan("run", *words, "true"), 2, *parts)


@pytest.mark.parametrize("words", [
    "", "run", "run --", "run --gc", "doctor", "stat", "stat x", "stat 0", "stat 1 --watch -1", "stat 1 --count 2",
    "completion zsh", "help banana", "help run stat", "version x"])
def test_wrong_usage(gamelan, words):
    assert_refused(gamelan(*words.split()), 2)


@pytest.mark.parametrize("name", ["report", "trace", "banana", "ls"])
def test_unknown_commands_name_the_known_ones(gamelan, name):
    assert_refused(gamelan(name), 2, f"{name} is not a command", "run, leaks, check, doctor, stat, dump, bench, help")


def test_our_own_failures_are_125(gamelan, library, place, tmp_path):
    assert_refused(gamelan("run", "true", GAMELAN_LIB="/gone/libgamelan.so"), 125, "/gone/libgamelan.so")
    assert_refused(gamelan("run", "true", GAMELAN_LIB=__file__), 125, "not a shared library")
    for name in ("with space", "with:colon"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(library, folder)
        assert_refused(gamelan("run", "true", GAMELAN_LIB=str(folder / "libgamelan.so")), 125, name, "LD_PRELOAD")


def test_finds_the_library_beside_itself_and_where_it_is_installed(gamelan, library, tmp_path):
    for folder in ("bin", "lib", "lib/gamelan"):
        (tmp_path / folder).mkdir()
    command = shutil.copy(GAMELAN, tmp_path / "bin")
    for place in ("lib", "lib/gamelan", "bin"):  # each goes before the one before it
        shutil.copy(library, tmp_path / place)
        result = gamelan("run", "sh", "-c", "echo $LD_PRELOAD", command=command, GAMELAN_LIB="")
        assert result.stdout == f"{tmp_path / place / 'libgamelan.so'}\n"


def test_a_full_disk_is_not_success(gamelan, library):
    with open("/dev/full", "w") as full:
        result = subprocess.run([GAMELAN, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 125 and "cannot write" in result.stderr


# doctor


def test_doctor_says_yes(gamelan, hello):
    result = gamelan("doctor", hello)
    assert result.returncode == 0
    assert "can run under gamelan: yes\n" in result.stdout
    assert "ELF 64-bit x86-64" in result.stdout and "(glibc)" in result.stdout


def test_doctor_says_no_and_why_and_reports_the_others(gamelan, hello, place):
    static = compile_c("int main() { return 0; }", place / "static-for-doctor", "-static")
    result = gamelan("doctor", hello, static, place / "nothing")
    assert result.returncode == 1
    verdicts = [line.strip() for line in result.stdout.splitlines() if "can run" in line]
    assert verdicts[0] == "can run under gamelan: yes"
    assert verdicts[1].startswith("can run under gamelan: no: is statically linked")
    assert verdicts[2] == "can run under gamelan: no: no such file"


def test_doctor_follows_scripts_and_path(gamelan, place):
    program = script(place / "for-doctor", "#!/bin/sh -e")
    answer = json.loads(gamelan("doctor", "--json", program, "sh").stdout)
    assert answer[0]["scripts"] == [{"path": str(program), "interpreter": "/bin/sh", "argument": "-e"}]
    assert answer[0]["binary"]["path"] == "/bin/sh" and answer[0]["can_run"]
    assert answer[1]["file"] == "sh" and answer[1]["path"].endswith("/sh")


def test_doctor_agrees_with_run(gamelan, hello, library, place):
    for file in (hello, library, place, place / "nothing", "true", "no-such-program", "/etc/passwd", "/dev/null"):
        said = json.loads(gamelan("doctor", "--json", file).stdout)[0]
        assert gamelan("run", file).returncode == said["exit_code"], file
        assert said["can_run"] == (said["exit_code"] == 0)


def test_doctor_tells_own_allocator_and_sanitizer(gamelan, place):
    own = compile_c("""#include <stddef.h>
        void* malloc(size_t n) { (void)n; return 0; }
        void free(void* p) { (void)p; }
        int main() { return 0; }""", place / "own-malloc", "-rdynamic", "-fno-builtin")
    binary = json.loads(gamelan("doctor", "--json", own).stdout)[0]["binary"]
    assert binary["own_allocator"] == ["malloc", "free"]

    checked = compile_c("void __asan_init(void) {}\nint main() { return 0; }", place / "checked", "-rdynamic")
    result = gamelan("doctor", checked)
    assert result.returncode == 0
    assert "yes, but gamelan stands aside: built with AddressSanitizer" in result.stdout


def test_doctor_prints_json_for_any_name(gamelan, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\"\n"))
    odd.write_text("")
    odd.chmod(0o755)
    answer = subprocess.run([GAMELAN, "doctor", "--json", odd], capture_output=True)
    assert json.loads(answer.stdout)[0]["can_run"]


# stat


@pytest.fixture
def sleeper(library, place):
    """A process under the stand-in library that is past main's first line, and so past every constructor."""
    program = place / "sleeper"
    if not program.exists():
        compile_c("""#include <stdio.h>
            #include <unistd.h>
            int main() { puts("up"); fflush(stdout); pause(); }""", program)
    environment = dict(os.environ, GAMELAN_LIB=str(library))
    with subprocess.Popen([GAMELAN, "run", program], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"up\n"
        yield process
        process.kill()


def metric_names():
    lines = (ROOT / "allocator/base/metrics.inc").read_text().splitlines()
    return [line.split('"')[1] for line in lines if line.startswith("METRIC(")]


def test_stat_prints_every_row_as_json(gamelan, sleeper):
    answer = json.loads(gamelan("stat", sleeper.pid, "--json").stdout)
    assert answer["pid"] == sleeper.pid and answer["program"] == "sleeper"
    assert answer["threads"] == "native" and answer["gc"] == "off"
    assert answer["metrics"] == {name: i + 1 for i, name in enumerate(metric_names())}


def test_stat_prints_text(gamelan, sleeper):
    result = gamelan("stat", sleeper.pid)
    assert result.returncode == 0
    assert result.stdout.startswith(f"process {sleeper.pid} (sleeper)\n")
    for name in metric_names():
        assert f"  {name} " in result.stdout


def test_stat_watches(gamelan, sleeper):
    result = gamelan("stat", sleeper.pid, "--json", "--watch", "0.05", "--count", "3")
    assert result.returncode == 0
    assert [json.loads(line)["pid"] for line in result.stdout.splitlines()] == [sleeper.pid] * 3


def test_stat_watches_to_the_end(library, sleeper):
    watcher = subprocess.Popen([GAMELAN, "stat", str(sleeper.pid), "--json", "--watch", "0.05"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    assert json.loads(watcher.stdout.readline())
    sleeper.kill()
    sleeper.wait()
    out, err = watcher.communicate(timeout=20)
    assert watcher.returncode == 0 and err == ""


def test_stat_reads_a_library_that_was_replaced(gamelan, library, sleeper):
    kept = library.read_bytes()
    library.unlink()
    result = gamelan("stat", sleeper.pid)
    library.write_bytes(kept)
    assert result.returncode == 0 and "/memory/scavenged:bytes" in result.stdout, result


def test_stat_errors(gamelan, place):
    assert_refused(gamelan("stat", 2**22 + 1), 1, "no such process")
    assert_refused(gamelan("stat", os.getpid()), 1, f"process {os.getpid()}", "not running under gamelan")


@as_root
def test_stat_says_what_permission_it_needs(gamelan, sleeper, command_for_all):
    assert_refused(gamelan("stat", sleeper.pid, user=NOBODY, command=command_for_all), 1, "no permission", "ptrace")


# help, version, completion


def test_help_has_every_row(gamelan):
    options = (ROOT / "allocator/base/options.inc").read_text().splitlines()
    names = [line.split("(")[1].split(",")[0] for line in options if line.startswith("OPTION_")]
    text = gamelan("help", "options").stdout
    assert names and all(f"\n  {name}\n" in text for name in names)
    text = gamelan("help", "metrics").stdout
    assert all(f"  {name} " in text for name in metric_names())


@pytest.mark.parametrize("words", [
    "help", "--help", "-h", "help environment", "help exit-codes", "help run", "help doctor", "help stat", "help bench",
    "help completion", "help help", "help version", "run --help", "stat -h"])
def test_help_is_printed_and_succeeds(gamelan, words):
    result = gamelan(*words.split())
    assert result.returncode == 0 and result.stdout and result.stderr == ""


def test_version(gamelan):
    assert gamelan("--version").stdout == gamelan("version").stdout
    assert gamelan("version").stdout.startswith("gamelan ")


def test_completion_completes(gamelan, tmp_path):
    file = tmp_path / "completion"
    file.write_text(gamelan("completion", "bash").stdout)

    def complete(*words):
        body = f'source {file}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gamelan; printf "%s\\n" "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", body, "-", *words], capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert complete("gamelan", "do") == ["doctor"]
    assert complete("gamelan", "run", "--gc", "") == ["off", "leak", "collect"]
    assert "thp=never" in complete("gamelan", "run", "-o", "thp")
    assert "--stats=json" in complete("gamelan", "run", "--st")
    assert complete("gamelan", "bench", "--against", "je") == ["jemalloc"]
    assert complete("gamelan", "bench", "--runs", "3", "--su") == ["--suite"]
    assert complete("gamelan", "help", "opt") == ["options"]


# the real library


real = pytest.mark.skipif(not (BUILD / "libgamelan.so").exists(), reason="libgamelan.so is not built")


@real
def test_real_library_is_found_and_runs(gamelan):
    result = gamelan("run", "--", sys.executable, "-c", "print(1)", GAMELAN_LIB="")
    assert (result.returncode, result.stdout, result.stderr) == (0, "1\n", "")


@real
def test_real_library_is_seen_by_stat(gamelan):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GAMELAN")}
    with subprocess.Popen([GAMELAN, "run", sys.executable, "-c", "print(flush=True); input()"], env=environment,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        answer = json.loads(gamelan("stat", process.pid, "--json").stdout)
        process.communicate(b"\n")
    assert answer["metrics"]["/memory/classes/heap/objects:bytes"] > 0
