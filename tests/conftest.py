"""tests/conftest.py: the fixtures of tests/e2e and tests/lint; the work is done in harness.py."""
import contextlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "lint")]
import harness  # noqa: E402


@pytest.fixture(scope="session")
def build():
    """What was built: `build.library` (libgamelan.so), `build.command` (gamelan), `build.folder`."""
    for file in (harness.LIBRARY, harness.COMMAND):
        if not file.exists():
            pytest.fail(f"{file} is missing: build first, with ./tests/run")
    return SimpleNamespace(folder=harness.BUILD, library=harness.LIBRARY, command=harness.COMMAND)


@pytest.fixture(params=harness.PATHS)
def both_paths(request):
    """The test runs once per allocation path; the value goes on as `path=both_paths`."""
    return request.param


@pytest.fixture
def gamelan_env():
    """gamelan_env(path="lists", GOGC=50): an environment that preloads us. See harness.gamelan_env."""
    return harness.gamelan_env


@pytest.fixture
def run_plain():
    """run_plain(argv, ...): without us. See harness.run."""
    return harness.run


@pytest.fixture
def run_preloaded():
    """run_preloaded(argv, path="lists", ...): with us. See harness.run_preloaded."""
    return harness.run_preloaded


@pytest.fixture
def compile_program():
    """compile_program(source, *flags): a small C or C++ program, cached. See harness.compile_program."""
    return harness.compile_program


@pytest.fixture
def statistics(tmp_path):
    """`with statistics() as s:` run with `**s.settings`; then s.reports() are the JSON objects of every process."""

    @contextlib.contextmanager
    def collect():
        folder = tmp_path / "statistics"
        folder.mkdir()
        yield SimpleNamespace(settings={"stats": "json", "log_path": f"{folder}/%e.%p.json"},
                              reports=lambda: [json.loads(f.read_text()) for f in sorted(folder.iterdir())])

    return collect


@pytest.fixture
def run_both():
    """run_both(argv, ...): without us and with us; stdout and exit code (and stderr, if asked) must be the same.

    Returns our run. `normalise` maps the text of a stream to what is compared; other keywords as in run_preloaded.
    """

    def both(argv, stderr=False, normalise=lambda text: text, timeout=60, cwd=None, stdin=None, limits=None,
             **settings):
        variables = {k: v for k, v in settings.items() if not k.islower()}
        plain = harness.run(argv, harness.plain_env(**variables), timeout, cwd, stdin, limits)
        ours = harness.run_preloaded(argv, timeout, cwd, stdin, limits, **settings)
        assert not plain.timed_out and not ours.timed_out, f"without us: {plain}\nwith us: {ours}"
        assert ours.code == plain.code, f"without us: {plain}\nwith us: {ours}"
        assert normalise(ours.out) == normalise(plain.out)
        if stderr:
            assert normalise(ours.err) == normalise(plain.err)
        return ours

    return both
