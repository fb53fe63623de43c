import fcntl
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import cache as rootcache
from cfslib.images import host_tools
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from tests.conftest import needs_namespaces, own_world, wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an everyday tool that this machine lacks, in a directory of our PATH."""
    absent = [name for name in host_tools.EVERYDAY if not host_tools.find(name)]
    if not absent:
        pytest.skip("needs an everyday tool that is not installed")
    tool = tmp_path / "bin" / absent[0]
    tool.parent.mkdir()
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tool.parent}")
    return tool


def write(tool: Path, text: str) -> None:
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)


def builds(cache: Path) -> list[Path]:
    return sorted(cache.glob("rootfs-*"))


def test_the_second_time_there_is_nothing_to_do(tmp_path: Path) -> None:
    first = rootcache.current(tmp_path)
    before = first.stat().st_mtime_ns

    assert rootcache.current(tmp_path) == first
    assert first.stat().st_mtime_ns == before
    assert (first / "etc/passwd").exists()


def test_it_is_built_anew_when_a_tool_comes_changes_or_goes(
    tmp_path: Path, tool: Path
) -> None:
    cache = tmp_path / "cache"
    roots = [rootcache.current(cache)]
    write(tool, "echo one")
    roots.append(rootcache.current(cache))
    text = (roots[-1] / tool.relative_to("/")).read_text()
    write(tool, "echo another")
    roots.append(rootcache.current(cache))
    tool.unlink()
    roots.append(rootcache.current(cache))

    assert "echo one" in text
    assert len(set(roots)) == 4
    assert builds(cache) == [roots[-1]]


def test_a_build_in_use_is_kept_and_cleared_away_later(
    tmp_path: Path, tool: Path
) -> None:
    cache = tmp_path / "cache"
    first = rootcache.current(cache)
    with rootcache.in_use(None, cache):
        write(tool, "echo one")
        second = rootcache.current(cache)
        kept = builds(cache)
    tool.unlink()
    third = rootcache.current(cache)

    assert kept == sorted([first, second])
    assert builds(cache) == [third]


def test_a_build_that_is_cleared_away_before_it_was_locked_is_not_used(
    tmp_path: Path, tool: Path
) -> None:
    cache = tmp_path / "cache"
    first = rootcache.current(cache)

    def use() -> tuple[Path, bool]:
        with rootcache.in_use(None, cache) as root:
            return root, root.is_dir()

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


def is_waited_for(file: Path) -> bool:
    """Say if somebody waits for the lock of a file: proc_locks(5)."""
    inode = file.stat().st_ino
    lines = Path("/proc/locks").read_text().splitlines()
    return any("-> FLOCK" in line and f":{inode} " in line for line in lines)


@pytest.mark.parametrize("note", ["[]", "not JSON", '{"root": "gone"}'])
def test_a_broken_note_is_no_obstacle(note: str, tmp_path: Path) -> None:
    (tmp_path / "current.json").write_text(note)

    assert rootcache.current(tmp_path).is_dir()


def test_a_build_that_was_removed_is_made_again(tmp_path: Path) -> None:
    first = rootcache.current(tmp_path)
    first.rename(tmp_path / "elsewhere")

    assert rootcache.current(tmp_path) != first


def test_two_at_once_build_once(tmp_path: Path) -> None:
    def both() -> set[Path]:
        start, go = os.pipe()
        answers, told = os.pipe()
        for _ in range(2):
            if os.fork() == 0:
                os.close(go)
                os.read(start, 1)
                os.write(told, f"{rootcache.current(tmp_path)}\n".encode())
                os._exit(0)
        os.close(go)
        os.close(told)
        with open(answers) as file:
            return {Path(line) for line in file.read().splitlines()}

    assert in_child(both) == set(builds(tmp_path))
    assert len(builds(tmp_path)) == 1


def test_a_build_that_was_cut_short_is_cleared_away(tmp_path: Path) -> None:
    def be_killed() -> None:
        pid = os.fork()
        if pid == 0:
            rootcache.current(tmp_path)
            os._exit(0)
        while not builds(tmp_path):
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    in_child(be_killed)
    half_finished = builds(tmp_path)

    root = rootcache.current(tmp_path)

    assert len(half_finished) == 1
    assert builds(tmp_path) == [root]
    assert root not in half_finished


@needs_namespaces
def test_a_full_disk_is_an_error_with_a_hint_and_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> tuple[str, list[str], list[Path]]:
        own_world(Namespace.MNT)
        syscalls.mount("small", tmp_path, "tmpfs", options="size=1m")
        with pytest.raises(OSError, match="No space left") as caught:
            rootcache.current(tmp_path)
        return str(caught.value), caught.value.__notes__, builds(tmp_path)

    _, notes, left = in_child(fill)

    assert "XDG_CACHE_HOME" in notes[0]
    assert left == []


def test_the_cache_is_where_the_user_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert rootcache.directory() == tmp_path / "cfs"

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/learner")
    assert rootcache.directory() == Path("/home/learner/.cache/cfs")


def test_other_users_may_pass_through_a_root(tmp_path: Path) -> None:
    assert rootcache.current(tmp_path).stat().st_mode & 0o777 == 0o755
