"""An ordinary user's `cfs run` begins anew in a scope, where systemd gives one.

Here systemd-run is a script that prints how it was called.  That the real one does what
it should takes a machine with systemd.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from cfslib.runtime import scope
from tests.conftest import ROOT

NOBODY = 65534
SAY = "#!/bin/sh\necho $XDG_RUNTIME_DIR; for word; do echo $word; done\n"
TRY = """
import os, sys
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.runtime import scope
from tests.runtime.test_scope import be_ordinary
be_ordinary()
scope.PATIENCE = 1
error = {error}
scope.begin_anew(error, sys.argv[1], {files})
print(*getattr(error, "__notes__", []))
print("not begun")
"""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """Make a directory with what a user's systemd has, for everybody to see."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # ours is private
        place = Path(name)
        place.chmod(0o755)
        (place / "systemd").mkdir()
        (place / "systemd/private").touch()
        (place / "systemd/private").chmod(0o666)
        (place / "systemd-run").write_text(SAY)
        (place / "systemd-run").chmod(0o755)
        monkeypatch.setenv("XDG_RUNTIME_DIR", name)
        yield place


def be_ordinary() -> None:
    if os.geteuid() == 0:
        os.setresuid(NOBODY, NOBODY, NOBODY)


def begin(
    machine: Path, error: str = 'CannotLimit("no")', files: Sequence[str] = ()
) -> list[str]:
    done = tried(machine, TRY.format(error=error, files=[*files]))
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


def tried(machine: Path, program: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", program, str(machine), "a word"]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def test_it_begins_anew_with_the_same_words(machine: Path) -> None:
    said = begin(machine)

    assert said[0] == str(machine)
    assert {"--user", "--scope", "--property=Delegate=yes"} < set(said)
    assert said[-1] == "a word"
    assert sys.executable in said[said.index("--") :]


def test_another_error_is_no_reason(machine: Path) -> None:
    assert begin(machine, 'OSError("disk full")') == ["not begun"]


@pytest.mark.parametrize("missing", ["systemd-run", "systemd/private"])
def test_without_a_systemd_of_ones_own_nothing_is_begun(
    missing: str, machine: Path
) -> None:
    (machine / missing).unlink()

    assert begin(machine) == ["not begun"]


def test_it_begins_anew_once_wherever_that_leads(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in scope.environment().items():
        monkeypatch.setenv(name, value)

    assert begin(machine) == ["not begun"]


def test_a_systemd_run_that_cannot_be_executed_is_none(machine: Path) -> None:
    (machine / "systemd-run").write_text("no program\n")

    assert begin(machine) == ["not begun"]


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_root_needs_none(machine: Path) -> None:
    words = TRY.format(error='CannotLimit("no")', files=[])
    done = tried(machine, words.replace("be_ordinary()", ""))

    assert done.stdout.split("\n") == ["", "not begun", ""]


# What was read from a pipe is not there a second time.


@pytest.mark.parametrize("kind", ["fifo", "descriptor", "gone"])
def test_what_can_be_read_once_is_not_read_twice(kind: str, machine: Path) -> None:
    file = machine / kind
    if kind == "fifo":
        os.mkfifo(file)
    if kind == "descriptor":
        file = Path("/dev/stdin")
    hint, end = begin(machine, files=[str(file)])

    assert hint == f"Hint: to begin anew in a scope, {file} has to be a file."
    assert end == "not begun"


def test_a_file_is_read_again(machine: Path) -> None:
    file = machine / "profile.json"
    file.touch()
    file.chmod(0o644)

    assert begin(machine, files=[str(file)])[-1] == "a word"


# A systemd that hangs.


def test_a_systemd_run_that_hangs_is_ended_and_named(machine: Path) -> None:
    (machine / "systemd-run").write_text("#!/bin/sh\nexec 3<>fifo; read word <&3\n")
    os.mkfifo(machine / "fifo", 0o666)
    (machine / "fifo").chmod(0o666)
    program = TRY.format(error='CannotLimit("no")', files=[])
    done = tried(machine, f"import os\nos.chdir({str(machine)!r})\n{program}")

    assert done.returncode == -signal.SIGKILL
    first, hint = done.stderr.splitlines()
    assert first == "cfs: systemd-run has not answered for 1 s"
    assert "systemctl --user" in hint


def test_who_begins_anew_has_no_child_and_is_left_alone(machine: Path) -> None:
    look = 'read it </proc/$$/task/$$/children; echo "[$it]"; exec sleep 2'
    (machine / "systemd-run").write_text(f"#!/bin/sh\n{look}\n")

    assert begin(machine) == ["[]"]
