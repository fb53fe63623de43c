"""Tests in several processes are the same tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.test_readme import TOP

pytestmark = pytest.mark.alike

PLUGIN = """
import pytest
from tests.parallel import pytest_addoption, pytest_runtestloop
from tests.signals import pytest_configure as let_signals_be_as_always
from tests.conftest import in_time

def pytest_configure(config):
    let_signals_be_as_always()
    config.addinivalue_line("markers", "alone(reason)")

@pytest.fixture(scope="session")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    (place / "file").touch()
    yield place
    assert list(place.iterdir()) == [place / "file"]
"""
GOOD = """
import os, pytest

@pytest.mark.parametrize("number", range(3))
def test_here(number, place, capfd, tmp_path):
    os.write(1, b"printed")
    assert capfd.readouterr().out == "printed"
"""
BAD = """
def test_it_fails(place):
    print("what it printed")
    assert 1 + 1 == 3
"""


def run(
    place: Path,
    *options: str,
    ci: str = "",
    before: Sequence[str] = (),
    **files: str,
) -> subprocess.CompletedProcess[str]:
    """Write files of tests, and run them all in two processes."""
    (place / "conftest.py").write_text(PLUGIN)
    for name, text in files.items():
        (place / f"test_{name}.py").write_text(text)
    words = [*before, sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider"]
    words += ["--processes=2", "--rootdir", str(place), str(place), *options]
    words += ["-o", "tmp_path_retention_policy=failed"]
    environ = {"CI": ci, "PYTEST_DEBUG_TEMPROOT": str(place)}
    return subprocess.run(
        [*words, "-c", "/dev/null"],
        cwd=TOP,
        env=environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_all_are_run_and_nothing_is_left(tmp_path: Path) -> None:
    done = run(tmp_path, one=GOOD, two=GOOD, three=GOOD)

    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout
    assert not list(tmp_path.glob("pytest-of-*/pytest-0"))


def test_a_failure_is_shown_with_what_was_printed(tmp_path: Path) -> None:
    done = run(tmp_path, one=GOOD, two=BAD)

    assert done.returncode == 1
    assert "assert (1 + 1) == 3" in done.stdout
    assert "what it printed" in done.stdout
    assert "1 failed, 3 passed" in done.stdout


def test_what_a_fixture_finds_in_the_end_is_an_error(tmp_path: Path) -> None:
    leave = "def test_left(place): (place / 'more').touch()"
    done = run(tmp_path, one=GOOD, two=GOOD, three=leave)

    assert done.returncode == 1
    assert "7 passed, 1 error" in done.stdout


def test_a_process_that_ends_too_early_is_a_failure(tmp_path: Path) -> None:
    done = run(tmp_path, one=GOOD, two="import os\ndef test_end(): os._exit(0)")

    assert done.returncode == 1
    assert "test_two.py::test_end" in done.stdout
    assert "its process ended before it did" in done.stdout


def test_what_a_test_leaves_behind_keeps_nobody_waiting(tmp_path: Path) -> None:
    # It has a copy of the pipe to pytest, which then has no end.
    leave = f"""
import os, pathlib, signal
def test_leave():
    if not (pid := os.fork()):
        signal.pause()
    pathlib.Path("{tmp_path}/pid").write_text(str(pid))
"""
    into_a_file = ["sh", "-c", f'"$@" >{tmp_path}/out 2>&1', "sh"]
    try:
        done = run(tmp_path, before=into_a_file, one=GOOD, two=leave)
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    assert done.returncode == 0
    assert "4 passed" in (tmp_path / "out").read_text()


def test_enough_is_enough(tmp_path: Path) -> None:
    many = GOOD.replace("3", "300")  # more reports than fit into a pipe
    done = run(tmp_path, "-x", one=BAD, two=many, three=many)

    assert done.returncode == 1
    assert "1 failed" in done.stdout
    assert done.stderr == ""


def test_one_that_is_alone_comes_last_and_in_pytest_itself(tmp_path: Path) -> None:
    note = """
import os, pathlib, pytest
def test_note(): pathlib.Path("{place}/{name}").write_text(str(os.getppid()))
"""
    alone = """
import os, pathlib, pytest
@pytest.mark.alone("it looks at what others do")
def test_alone():
    notes = [pathlib.Path("{place}", name).read_text() for name in "ab"]
    assert notes == [str(os.getpid())] * 2
"""
    done = run(
        tmp_path,
        alone=alone.format(place=tmp_path),
        one=note.format(place=tmp_path, name="a"),
        two=note.format(place=tmp_path, name="b"),
    )

    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 xfailed"), ("true", "1 failed")])
def test_what_is_slow_is_said_and_fails_in_ci_only(
    tmp_path: Path, ci: str, outcome: str
) -> None:
    slow = "from tests.conftest import in_time\ndef test_slow(): in_time(2, 1)"
    done = run(tmp_path, ci=ci, one=slow)

    assert outcome in done.stdout
    assert "too slow here: 2, where less than 1 is expected" in done.stdout


ALL = "HUP,INT,QUIT,TERM,CHLD,ALRM,USR1,TSTP,WINCH"
SIGNALS = """
import os, signal, subprocess
def test_signals():
    said = subprocess.check_output(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"])
    _, blocked, _, ignored = said.split()
    assert int(blocked, 16) == int(ignored, 16) & ~(3 << 31) == 0
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
"""


@pytest.mark.parametrize("kind", ["ignore", "block"])
def test_what_they_start_has_signals_as_always(tmp_path: Path, kind: str) -> None:
    done = run(tmp_path, before=["env", f"--{kind}-signal={ALL}"], one=SIGNALS)

    assert done.returncode == 0, done.stdout


def test_with_nohup_they_outlive_a_hangup(tmp_path: Path) -> None:
    # Where a terminal is gone, its shell tells the process group that it has started.
    hang_up = """
import os
def test_up():
    os.killpg(int(os.environ["STARTED"]), 1)
"""
    shell = ["setsid", "nohup", "sh", "-c", 'STARTED=$$ "$@"; exit $?', "sh"]
    done = run(tmp_path, before=shell, one=hang_up)

    assert done.returncode == 0, done.stdout
