"""The janitor removes groups, whatever becomes of us.

To remove a group is to remove a directory, so any directory will do here; that what
runs in a group is ended first, the tests of `cgroups` show.
"""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.cgroups import janitor
from cfslib.isolation.cgroups.janitor import Janitor
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from tests.conftest import in_own_mounts, is_alive, needs_namespaces, wait_until


@contextmanager
def looked_after(*groups: Path) -> Generator[Janitor]:
    janitor = Janitor()
    names = list(map(os.fsencode, groups))
    janitor.look_after(names)
    try:
        for group in groups:
            group.mkdir()
        yield janitor
    finally:
        janitor.remove(names)
        janitor.dismiss()


def test_what_was_made_is_gone_in_the_end(tmp_path: Path) -> None:
    def work() -> bool:
        with looked_after(tmp_path / "made", tmp_path / "made/inside"):
            return (tmp_path / "made/inside").exists()

    assert in_child(work) is True
    assert not (tmp_path / "made").exists()


def test_it_removes_them_when_we_are_killed(tmp_path: Path) -> None:
    def be_killed() -> None:
        with looked_after(tmp_path / "made", tmp_path / "made/inside"):
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(be_killed)
    assert wait_until(lambda: not (tmp_path / "made").exists())


def test_what_was_removed_before_is_no_longer_on_its_list(tmp_path: Path) -> None:
    def be_killed() -> None:
        with looked_after(tmp_path / "kept") as janitor:
            janitor.remove([os.fsencode(tmp_path / "kept")])
            (tmp_path / "kept").mkdir()  # somebody else's, by now
            with looked_after(tmp_path / "other"):
                os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(be_killed)
    assert wait_until(lambda: not (tmp_path / "other").exists())
    assert (tmp_path / "kept").exists()


def its_list() -> int:
    """Return our descriptor of the list of the only janitor."""
    for fd in Path("/proc/self/fd").iterdir():
        if "cfs-janitor" in os.readlink(fd):
            return int(fd.name)
    raise LookupError


def test_a_place_on_its_list_is_used_again(tmp_path: Path) -> None:
    def sizes() -> set[int]:
        names = [os.fsencode(tmp_path / f"{number}") for number in range(9)]
        with looked_after(tmp_path / "stays") as janitor:
            seen = set()
            for name in names:
                janitor.look_after([name])
                seen.add(os.fstat(its_list()).st_size)
                janitor.remove([name])
            return seen

    assert len(in_child(sizes)) == 1


def test_a_line_that_is_half_written_when_we_are_killed_is_no_path(
    tmp_path: Path,
) -> None:
    def be_killed() -> None:
        (tmp_path / "kept").mkdir()
        # It takes the names from last to first, and so comes past the half one.
        with looked_after(tmp_path / "kept-apart", tmp_path / "after"):
            written = len(os.fsencode(tmp_path / "kept"))
            os.pwrite(its_list(), bytes(len("-apart")), written)
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(be_killed)
    assert wait_until(lambda: not (tmp_path / "after").exists())
    assert (tmp_path / "kept").exists()


def test_it_removes_them_even_if_a_child_of_ours_lives_on(tmp_path: Path) -> None:
    def leave_a_child() -> None:
        with looked_after(tmp_path / "made"):
            pid = os.fork()
            if pid == 0:
                signal.pause()
            (tmp_path / "pid").write_text(str(pid))
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(leave_a_child)
    cleaned = wait_until(lambda: not (tmp_path / "made").exists())
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    assert cleaned


def test_we_remove_them_when_the_janitor_is_killed(tmp_path: Path) -> None:
    def kill_it() -> None:
        with looked_after(tmp_path / "made"):
            os.kill(only_child(), signal.SIGKILL)

    in_child(kill_it)

    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_heeds_no_signal(number: signal.Signals, tmp_path: Path) -> None:
    def tell_it() -> bool:
        with looked_after(tmp_path / "made"):
            pid = only_child()
            wait_until(lambda: procfs.status(pid)["Name"] == "cfs-janitor")
            os.kill(pid, number)
            signal.sigtimedwait([signal.SIGCHLD], 0.1)
            return is_alive(pid) and (tmp_path / "made").exists()

    assert in_child(tell_it)


def test_it_keeps_nothing_of_ours_open() -> None:
    def descriptors() -> int:
        with looked_after():
            fds = f"/proc/{only_child()}/fd"
            wait_until(lambda: len(os.listdir(fds)) == 1)
            return len(os.listdir(fds))

    assert in_child(descriptors) == 1  # the list


def only_child() -> int:
    us = os.getpid()
    children = Path(f"/proc/{us}/task/{us}/children").read_text().split()
    return int(children[0])


@needs_namespaces
def test_told_to_finish_it_removes_them_where_we_cannot(tmp_path: Path) -> None:
    def change_root() -> None:
        janitor = Janitor()
        janitor.look_after([os.fsencode(tmp_path / "made")])
        (tmp_path / "made").mkdir()
        idmaps.unshare_as_root(Namespace.MNT)
        mounts.keep_private()
        mounts.bind("/proc", tmp_path)
        janitor.finish()

    in_child(change_root)

    assert not (tmp_path / "made").exists()


@needs_namespaces
def test_what_was_never_made_in_a_read_only_tree_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()

    def in_a_read_only_tree() -> None:
        mounts.bind(tmp_path, tmp_path)
        mounts.make_read_only(tmp_path, MountFlag.NOSUID | MountFlag.NODEV)
        janitor.remove(os.fsencode(tmp_path / "never"))
        with pytest.raises(OSError, match="Read-only"):
            janitor.remove(os.fsencode(tmp_path / "made"))

    in_own_mounts(in_a_read_only_tree)
