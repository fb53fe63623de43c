"""The view of the first build: a bar while it lasts, then where the rootfs is."""

import threading
from pathlib import Path

import pytest

from cfslib.images import cache
from cfslib.images.progress import Progress
from cfslib.views import first_build
from tests.conftest import wait_until

pytestmark = pytest.mark.alike


def test_a_bar_moves_while_programs_are_copied(tmp_path: Path) -> None:
    seen: list[tuple[int, str | None]] = []
    go_on = threading.Event()

    def build(progress: Progress) -> str:
        go_on.wait()

        def show(done: int, total: int) -> None:
            progress(done, total)
            seen.append((bar.value, bar.layout.display))

        return cache.current(tmp_path, show)

    bar, told, status = first_build.view(build).box.children
    go_on.set()

    assert wait_until(lambda: "It is there" in told.value)
    assert str(next(tmp_path.glob("rootfs-*"))) in told.value
    assert seen[0][1] is None
    assert seen[-1] == (bar.max, "none")
    assert status.value == ""


def test_what_went_wrong_is_said() -> None:
    def build(progress: Progress) -> str:
        raise OSError("no room")

    _, told, status = first_build.view(build).box.children

    assert wait_until(lambda: "no room" in status.value)
    assert told.value == ""
