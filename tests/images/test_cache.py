import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import cfslib
from cfslib.children.in_child import in_child
from cfslib.images import cache, notes, ours
from cfslib.images.cache import InUse
from cfslib.isolation import mounts
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from tests.conftest import (
    SLOWNESS,
    in_time,
    needs_namespaces,
    needs_root,
    own_world,
    wait_until,
)
from tests.images.conftest import RUBBISH, builds, environment, write

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
        assert wait_until(lambda: open_ones(first) == 2)
        write(tool, "echo one")
        shutil.rmtree(first)
        os.close(fd)
        used, is_there = using.result()

    assert is_there
    assert used != first


def open_ones(file: str) -> int:
    """Return how many descriptors of this process stand for a file."""
    places = Path("/proc/self/fd").iterdir()
    return sum(os.path.realpath(place) == file for place in places)


@pytest.mark.parametrize("place_of", ["a build", "the cache"])
def test_a_lock_that_somebody_keeps_is_no_obstacle(
    tmp_path: Path, place: Path, tool: Path, place_of: str
) -> None:
    first = cache.current(place)
    if place_of == "the cache":
        write(tool, "echo one")
    began = time.monotonic()
    with open_directory(first if place_of == "a build" else str(place)) as fd:
        fcntl.flock(fd, fcntl.LOCK_EX)
        with InUse(None, environment(tmp_path)) as root:
            assert (root == first) == (place_of == "a build")
            assert Path(root, "etc/passwd").exists()

    in_time(time.monotonic() - began, 10 * SLOWNESS)


@contextmanager
def open_directory(path: str) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("lost", ["usr/bin/env", "etc/passwd", "*"])
def test_a_build_that_lost_files_is_made_again(
    tmp_path: Path, place: Path, lost: str
) -> None:
    in_use = InUse(None, environment(tmp_path))
    with in_use as first:
        for path in Path(first).glob(lost):
            path.unlink() if path.is_symlink() or path.is_file() else rmtree(path)
        assert not in_use.is_current()
    second = cache.current(place)

    assert second != first
    assert list(Path(second).glob(lost))
    assert builds(place) == [second]


def rmtree(path: Path) -> None:
    shutil.rmtree(path)


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_in_the_cache_is_no_obstacle(
    place: Path, tool: Path, kind: str
) -> None:
    build = Path(cache.current(place))
    (place / "precious").write_text("precious")
    (place / "notes").unlink()
    shutil.rmtree(build)
    draft = Path(ours.draft_of(str(place / "notes"))).name
    for name in ("notes", draft, "lock", "rootfs-x", build.name):
        RUBBISH[kind](place / name)
    first = cache.current(place)
    is_whole = Path(first, "etc/passwd").exists()
    write(tool, "echo one")
    second = cache.current(place)

    assert is_whole
    assert Path(f"{second}{tool}").exists()
    assert cache.current(place) == second
    assert (place / "precious").read_text() == "precious"


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_in_place_of_a_build_is_no_obstacle(place: Path, kind: str) -> None:
    first = Path(cache.current(place))
    shutil.rmtree(first)
    RUBBISH[kind](first)

    assert Path(cache.current(place), "etc/passwd").exists()


@pytest.mark.parametrize("kind", RUBBISH)
@pytest.mark.parametrize("name", [".cache", ".cache/cfs"])
def test_rubbish_in_place_of_the_cache_is_an_error_with_a_hint(
    tmp_path: Path, name: str, kind: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    RUBBISH[kind](tmp_path / name)
    if "directory" in kind:
        assert cache.current(tmp_path / ".cache/cfs")
        return
    with pytest.raises(OSError, match=str(tmp_path / name)) as caught:
        cache.current(tmp_path / ".cache/cfs")

    assert "XDG_CACHE_HOME" in caught.value.__notes__[0]


@needs_namespaces
def test_what_is_mounted_in_a_build_is_not_cleared_away(
    tmp_path: Path, place: Path, tool: Path
) -> None:
    def mounted() -> list[str]:
        first = cache.current(place)
        own_world(Namespace.MNT)
        mounts.bind(tmp_path / "precious", f"{first}/mnt")
        write(tool, "echo one")
        second = cache.current(place)
        assert builds(place) == sorted([first, second])
        return os.listdir(tmp_path / "precious")

    (tmp_path / "precious/file").mkdir(parents=True)

    assert in_child(mounted) == ["file"]


@needs_namespaces
def test_a_tool_on_another_filesystem_is_another_tool(
    tmp_path: Path, place: Path, tool: Path
) -> None:
    def look() -> tuple[str, str]:
        own_world(Namespace.MNT)
        one, two = twins(tmp_path, tool.name)
        mounts.bind(one.parent, tool.parent)
        first = Path(f"{cache.current(place)}{tool}").read_text()
        syscalls.umount2(tool.parent)
        mounts.bind(two.parent, tool.parent)
        return first, Path(f"{cache.current(place)}{tool}").read_text()

    assert in_child(look) == ("#!/bin/sh\necho one\n", "#!/bin/sh\necho two\n")


def twins(tmp_path: Path, name: str) -> list[Path]:
    """Return two tools of which all is alike but the filesystem, and what they say."""
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        place.mkdir()
    for _ in range(1000):
        for place in places:
            syscalls.mount("twins", place, "tmpfs")
        tools = [place / name for place in places]
        for tool in tools:  # without a look at it, after which times are exact
            fd = os.open(tool, os.O_WRONLY | os.O_CREAT, 0o755)
            os.write(fd, f"#!/bin/sh\necho {tool.parent.name}\n".encode())
            os.close(fd)
        if len({notes.stamp(os.fsencode(tool))[1:] for tool in tools}) == 1:
            return tools
        for place in places:  # the clock has ticked meanwhile
            syscalls.umount2(place)
    raise TimeoutError("no two files are alike")


def test_a_tool_of_the_same_size_and_time_is_another_tool(
    tmp_path: Path, place: Path, tool: Path
) -> None:
    os.utime(write(tool, "echo one"), (1, 1))  # as in Nix, and with ostree
    roots = [cache.current(place)]
    os.utime(write(tmp_path / "new", "echo two"), (1, 1))
    (tmp_path / "new").rename(tool)
    roots.append(cache.current(place))
    write(tool, "echo one")
    os.utime(tool, (1, 1))  # where it lies
    roots.append(cache.current(place))
    tool.unlink()
    os.utime(write(tool, "echo two"), (1, 1))  # perhaps with the same inode
    roots.append(cache.current(place))

    texts = [Path(f"{root}{tool}").exists() for root in roots]
    assert texts == [False, False, False, True]
    assert "two" in Path(f"{roots[-1]}{tool}").read_text()
    assert len(set(roots)) == 4


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


def test_a_build_that_was_cut_short_is_cleared_away(tmp_path: Path) -> None:
    place = tmp_path / "cfs"  # with all tools, so that it takes long enough

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
    assert cache.directory({b"XDG_CACHE_HOME": b"/a\xff"}) == "/a\udcff/cfs"


def test_a_relative_place_for_the_cache_is_ignored() -> None:
    # As the XDG Base Directory rules have it.
    for relative in (b"near", b"./near", b"../near", b"~", b""):
        environ = {b"XDG_CACHE_HOME": relative, b"HOME": b"/home/learner"}
        assert cache.directory(environ) == "/home/learner/.cache/cfs"


def test_a_relative_home_is_an_error_with_a_hint() -> None:
    with pytest.raises(FileNotFoundError, match="no absolute path: 'near'") as caught:
        cache.directory({b"HOME": b"near"})

    assert "set HOME" in caught.value.__notes__[0]


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
