"""tests/as_user.py, by which root tries what an ordinary user can do."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import needs_root
from tests.test_readme import TOP

COMMAND = [sys.executable, "tests/as_user.py", "sh", "-c"]


@pytest.fixture(autouse=True)
def _a_place_that_everybody_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/tmp")


@needs_root
def test_it_is_a_user_with_a_home_that_is_gone_afterwards() -> None:
    done = subprocess.run(
        [*COMMAND, "id -u; cd && touch file && pwd; grep CapEff /proc/self/status"],
        cwd=TOP,
        capture_output=True,
        text=True,
    )
    uid, home, _, rights = done.stdout.split()

    assert int(uid) != 0
    assert int(rights, 16) == 0
    assert not Path(home).exists()


@needs_root
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_gone_when_somebody_ends_it(number: int) -> None:
    words = [*COMMAND, "pwd -P; cd; pwd; exec sleep 60"]
    with subprocess.Popen(words, cwd=TOP, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        _, home = (started.stdout.readline().strip() for _ in range(2))
        there = Path(home).exists()
        os.kill(started.pid, number)

    assert there
    assert started.returncode
    assert not Path(home).exists()
