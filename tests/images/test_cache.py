import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import cfslib
from cfslib.children.in_child import in_child
from cfslib.images import cache
from cfslib.images.cache import InUse
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from tests.conftest import needs_namespaces, needs_root, own_world, wait_until
from tests.images.conftest import builds, environment, write

pytestmark = pytest.mark.long
# What takes longer to import than a container takes to start.
HEAVY = {"argparse", "contextlib", "dataclasses", "enum", "functools", "json", "os"}
HEAVY |= {"pathlib", "re", "shutil", "socket", "subprocess", "tempfile", "typing"}


def test_the_second_time_there_is_nothing_to_do(place: Path) -> None:
    first = cache.current(place)
    before = os.stat(first).st_mtime_ns

    assert cache.current(place) == first
    assert os.stat(first).st_mtime_ns == before
    assert Path(first, "etc/passwd").exists()


def test_it_is_built_anew_when_a_tool_comes_changes_or_goes(
    place: Path, tool: Path
) -> None:
    roots = [cache.current(place)]
    write(tool, "echo one")
    roots.append(cache.current(place))
    text = Path(roots[-1], tool.relative_to("/")).read_text()
    write(tool, "echo two")  # as many bytes
    roots.append(cache.current(place))
    tool.unlink()
    roots.append(cache.current(place))

    assert "echo one" in text
    assert len(set(roots)) == 4
    assert builds(place) == [roots[-1]]


def test_a_build_in_use_is_kept_and_cleared_away_later(
    tmp_path: Path, place: Path, tool: Path
) -> None:
    with InUse(None, environment(tmp_path)) as first:
        write(tool, "echo one")
        second = cache.current(place)
        kept = builds(place)
    tool.unlink()
    third = cache.current(place)

    assert kept == sorted([first, second])
    assert builds(place) == [third]


def test_a_build_that_is_cleared_away_before_it_was_locked_is_not_used(
    tmp_path: Path, place: Path, tool: Path
) -> None:
    first = cache.current(place)

    def use() -> tuple[str, bool]:
        with InUse(None, environment(tmp_path)) as root:
            return root, os.path.isdir(root)

    with ThreadPoolExecutor(1) as beside:
        # As who clears it away: with the lock first, so that others have to wait.
        fd = os.open(first, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        using = beside.submit(use)
        assert wait_until(lambda: is_waited_for(first))
        write(tool, "echo one")
        shutil.rmtree(first)
        os.close(fd)
        used, is_there = using.result()

    assert is_there
    assert used != first


def is_waited_for(file: str) -> bool:
    """Say if somebody waits for the lock of a file: proc_locks(5)."""
    inode = os.stat(file).st_ino
    lines = Path("/proc/locks").read_text().splitlines()
    return any("-> FLOCK" in line and f":{inode} " in line for line in lines)


def test_a_named_rootfs_is_held_for_a_with_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("root").mkdir()

    for named in ("root", str(tmp_path / "root"), Path("root")):
        with InUse(named, {}) as root:
            assert root == str(tmp_path / "root")
            assert not may_be_cleared_away(root)
        assert may_be_cleared_away(root)


def may_be_cleared_away(root: str) -> bool:
    fd = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def test_who_holds_a_rootfs_hands_nothing_to_what_it_starts(tmp_path: Path) -> None:
    listing = [sys.executable, "-c", "import os; print(os.listdir('/proc/self/fd'))"]
    before = subprocess.check_output(listing, close_fds=False)
    with InUse(tmp_path, {}):
        inside = subprocess.check_output(listing, close_fds=False)

    assert inside == before


def test_a_rootfs_is_current_until_another_tool_appears(
    tmp_path: Path, tool: Path
) -> None:
    in_use = InUse(None, environment(tmp_path))
    with in_use:
        before = in_use.is_current()
        write(tool, "echo one")
        after = in_use.is_current()
    with in_use:  # the next one is
        again = in_use.is_current()

    assert (before, after, again) == (True, False, True)


def test_a_rootfs_is_current_until_a_program_is_replaced(
    tmp_path: Path, tool: Path
) -> None:
    # A tool may be a link to another directory, and what lies there be replaced.
    program = write(tmp_path / "elsewhere/program", "echo one")
    tool.symlink_to(program)
    in_use = InUse(None, environment(tmp_path))
    with in_use:
        before = in_use.is_current()
        write(tmp_path / "new", "echo two").rename(program)

        assert before
        assert not in_use.is_current()


def test_a_rootfs_is_current_until_it_is_another_directory(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    in_use = InUse(root, {})
    with in_use:
        before = in_use.is_current()
        root.rename(tmp_path / "old")
        gone = in_use.is_current()
        root.mkdir()
        replaced = in_use.is_current()

    assert (before, gone, replaced) == (True, False, False)


def test_a_container_that_finds_a_rootfs_loads_nothing_for_it(place: Path) -> None:
    asked = f"""if True:
        import posix, sys
        sys.path.insert(0, {str(Path(cfslib.__file__).parents[1])!r})
        before = set(sys.modules)
        from cfslib.images.cache import InUse
        with InUse(None, posix.environ) as root:
            print(root, *sorted(set(sys.modules) - before))
    """
    root = cache.current(place)
    words = subprocess.check_output(
        [sys.executable, "-I", "-S", "-c", asked],
        env=os.environ | {"XDG_CACHE_HOME": str(place.parent)},
        text=True,
    ).split()

    assert words[0] == root
    assert not HEAVY & set(words)
    assert "cfslib.images.builds" not in words


def test_a_build_that_was_removed_is_made_again(tmp_path: Path, place: Path) -> None:
    first = cache.current(place)
    os.rename(first, tmp_path / "elsewhere")

    assert cache.current(place) != first


def test_two_at_once_build_once(place: Path) -> None:
    def both() -> set[str]:
        start, go = os.pipe()
        answers, told = os.pipe()
        for _ in range(2):
            if os.fork() == 0:
                os.close(go)
                os.read(start, 1)
                os.write(told, f"{cache.current(place)}\n".encode())
                os._exit(0)
        os.close(go)
        os.close(told)
        with open(answers) as file:
            return set(file.read().splitlines())

    assert in_child(both) == set(builds(place))
    assert len(builds(place)) == 1


def test_a_build_that_was_cut_short_is_cleared_away(place: Path) -> None:
    def be_killed() -> None:
        pid = os.fork()
        if pid == 0:
            cache.current(place)
            os._exit(0)
        while not builds(place):
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    in_child(be_killed)
    half_finished = builds(place)

    root = cache.current(place)

    assert len(half_finished) == 1
    assert builds(place) == [root]
    assert root not in half_finished


@needs_namespaces
def test_a_full_disk_is_an_error_with_a_hint_and_leaves_nothing(place: Path) -> None:
    def fill() -> tuple[str, list[str], list[str]]:
        own_world(Namespace.MNT)
        syscalls.mount("small", place, "tmpfs", options="size=1m")
        with pytest.raises(OSError, match="No space left") as caught:
            cache.current(place)
        return str(caught.value), caught.value.__notes__, builds(place)

    place.mkdir()
    _, notes, left = in_child(fill)

    assert "XDG_CACHE_HOME" in notes[0]
    assert left == []


def test_the_cache_is_where_the_user_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.directory() == f"{tmp_path}/cfs"

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/learner")
    assert cache.directory() == "/home/learner/.cache/cfs"


def test_the_cache_is_where_the_caller_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")

    assert cache.directory({b"HOME": b"/home/j\xf6rg"}) == "/home/j\udcf6rg/.cache/cfs"
    assert cache.directory({b"XDG_CACHE_HOME": b"near"}) == f"{os.getcwd()}/near/cfs"


def test_without_home_the_cache_is_where_passwd_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOME")
    if (home := os.path.expanduser("~")) == "~":
        pytest.skip("needs a user that is in /etc/passwd")

    assert cache.directory({}) == f"{home}/.cache/cfs"


@needs_root
def test_who_has_no_home_at_all_is_told_what_to_do() -> None:
    def look() -> str:
        os.setresuid(4_242_424, 4_242_424, 4_242_424)
        return cache.directory({b"HOME": b""})

    with pytest.raises(FileNotFoundError, match="no home") as caught:
        in_child(look)

    assert "set HOME" in caught.value.__notes__[0]


def test_other_users_may_pass_through_a_root(place: Path) -> None:
    assert os.stat(cache.current(place)).st_mode & 0o777 == 0o755
