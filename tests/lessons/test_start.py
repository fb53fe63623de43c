"""The checks of notebook 00 know right answers from wrong ones."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.kernel import syscalls
from cfslib.lessons import start
from cfslib.runtime.spec import Spec, Volume
from tests.conftest import needs_namespaces

pytestmark = needs_namespaces

DATA = Path("/data")


def named() -> Spec:
    return Spec(["hostname"], hostname="workshop")


def says_so_only() -> Spec:
    return Spec(["echo", "workshop"])


def prints_nothing() -> Spec:
    return Spec(["true"], hostname="workshop")


def prints_the_default() -> Spec:
    return Spec(["hostname"])


def renames_the_host() -> Spec:
    syscalls.sethostname("workshop")
    return Spec(["hostname"])


def returns_no_spec() -> Spec:
    return None  # type: ignore[return-value]


def cannot_run() -> Spec:
    return Spec(["no-such-program"], hostname="workshop")


def left(directory: Path) -> Spec:
    volumes = [Volume(directory, DATA)]
    return Spec(["sh", "-c", "echo kept > /data/note"], volumes=volumes)


def left_inside(directory: Path) -> Spec:
    return Spec(["sh", "-c", "echo kept > /note"], volumes=[Volume(directory, DATA)])


def left_from_outside(directory: Path) -> Spec:
    (directory / "note").write_text("kept\n")
    return Spec(["true"])


def left_something_else(directory: Path) -> Spec:
    volumes = [Volume(directory, DATA)]
    return Spec(["sh", "-c", "echo lost > /data/note"], volumes=volumes)


def left_read_only(directory: Path) -> Spec:
    volumes = [Volume(directory, DATA, read_only=True)]
    return Spec(["sh", "-c", "echo kept > /data/note"], volumes=volumes)


def test_a_name_of_its_own_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    start.check_named("workshop", named)

    assert capsys.readouterr().out.endswith("Done.\n")


@pytest.mark.parametrize(
    "answer",
    [
        says_so_only,
        prints_nothing,
        prints_the_default,
        renames_the_host,
        returns_no_spec,
        cannot_run,
    ],
)
def test_a_name_that_is_not_one_is_refused(
    answer: Callable[[], Spec], capsys: pytest.CaptureFixture[str]
) -> None:
    before = socket.gethostname()
    start.check_named("workshop", answer)

    assert "Not yet." in capsys.readouterr().out
    assert socket.gethostname() == before


def test_a_note_in_a_volume_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    start.check_note(left)

    assert capsys.readouterr().out.endswith("Done.\n")


@pytest.mark.parametrize(
    "answer", [left_inside, left_from_outside, left_something_else, left_read_only]
)
def test_a_note_that_is_not_kept_is_refused(
    answer: Callable[[Path], Spec], capsys: pytest.CaptureFixture[str]
) -> None:
    start.check_note(answer)

    assert "Not yet." in capsys.readouterr().out
