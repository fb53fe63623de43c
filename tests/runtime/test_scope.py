"""An ordinary user's `cfs run` begins anew in a scope, where systemd gives one.

Here systemd-run is a script that prints how it was called.  That the real one does what
it should takes a machine with systemd.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
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
scope.begin_anew({error}, sys.argv[1])
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


def begin(machine: Path, error: str = 'CannotLimit("no")') -> list[str]:
    words = [sys.executable, "-c", TRY.format(error=error), str(machine), "a word"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


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
    words = TRY.format(error='CannotLimit("no")').replace("be_ordinary()", "")
    line = [sys.executable, "-c", words, str(machine)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)

    assert done.stdout == "not begun\n"
