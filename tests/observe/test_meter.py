"""meter: what it says of a container that ends while it is read."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cfslib.isolation.cgroups.hierarchies import home_of
from cfslib.kernel import procfs
from cfslib.observe import meter
from cfslib.observe.meter import Meter
from tests.lessons.test_cgroups import MAKES_GROUPS

needs_groups = pytest.mark.skipif(not MAKES_GROUPS, reason="needs groups of our own")


@pytest.fixture
def group() -> Iterator[Path]:
    place = Path(home_of("pids").ours, f"cfs-meter-{os.getpid()}")
    place.mkdir()
    yield place
    if place.exists():
        place.rmdir()


@needs_groups
def test_a_group_that_is_removed_while_it_is_open_is_gone(group: Path) -> None:
    with (group / "cgroup.procs").open() as file:
        group.rmdir()
        with pytest.raises(OSError, match="No such device") as caught:
            file.read()

    assert procfs.is_gone(caught.value)


def test_a_process_that_ends_while_its_file_is_open_is_gone() -> None:
    pid = os.fork()
    if not pid:
        signal.pause()
    with Path(f"/proc/{pid}/task/{pid}/status").open() as file:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with pytest.raises(ProcessLookupError) as caught:
            file.read()

    assert procfs.is_gone(caught.value)


def test_what_may_not_be_read_is_not_gone() -> None:
    assert not procfs.is_gone(PermissionError(1, "Operation not permitted"))


@needs_groups
def test_once_the_group_is_gone_nothing_is_in_use(
    monkeypatch: pytest.MonkeyPatch, group: Path
) -> None:
    monkeypatch.setattr(meter, "_first_process", lambda _: os.getpid())
    monkeypatch.setattr(meter, "group_of", lambda *_: group)
    used = Meter("pids.max", group)
    here = used.read()
    group.rmdir()

    assert (here, used.read()) == (0, None)
