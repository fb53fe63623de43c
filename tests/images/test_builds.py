import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.images import cache, host_tools, notes, ours, search
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from tests.conftest import (
    PATIENCE,
    needs_namespaces,
    needs_root,
    own_world,
    wait_until,
)
from tests.images.conftest import builds, environment, write

pytestmark = pytest.mark.long


def used(tmp_path: Path, *directories: Path) -> str:
    """Return the rootfs of somebody with these directories in PATH too."""
    with cache.InUse(None, environment(tmp_path, *directories)) as root:
        return root


def test_paths_that_lead_to_different_tools_have_a_build_each(
    tmp_path: Path, place: Path, tool: Path
) -> None:
    beside = write(tmp_path / "beside" / tool.name, "echo one").parent
    roots = [used(tmp_path, *path) for path in 3 * [[], [beside]]]

    # A name is never given twice, so this counts what was built.
    assert len(set(roots)) == 2
    assert builds(place) == sorted(set(roots))
    assert roots == 3 * roots[:2]


def test_paths_that_lead_to_the_same_tools_share_a_build(
    tmp_path: Path, place: Path
) -> None:
    (tmp_path / "empty").mkdir()
    paths: list[list[Path]] = [[], [tmp_path / "empty"], [tmp_path / "missing"]]
    roots = [used(tmp_path, *path) for path in 2 * paths]

    assert len(set(roots)) == 1
    assert is_quick(place, *paths[0])
    assert is_quick(place, *paths[1])
    assert is_quick(place, *paths[2])


def is_quick(place: Path, *directories: Path) -> bool:
    """Say if a note is all that this PATH needs."""
    path = search.path(environment(place.parent, *directories))
    return notes.fresh(str(place), path) is not None


def test_a_handful_of_builds_is_kept(tmp_path: Path, place: Path, tool: Path) -> None:
    tools = [write(tmp_path / str(n) / tool.name, f"echo {n}") for n in range(6)]
    roots = [used(tmp_path, tool.parent) for tool in tools]

    assert len(set(roots)) == 6
    assert builds(place) == sorted(roots[-4:])
    assert used(tmp_path, tools[-4].parent) == roots[-4]
    assert used(tmp_path, tools[0].parent) not in roots


def test_what_is_no_tool_changes_nothing(tmp_path: Path, place: Path) -> None:
    directory = write(tmp_path / "bin/hello", "echo hello").parent
    roots = [used(tmp_path, directory)]
    write(directory / "another", "echo hello")
    was_quick = is_quick(place, directory)
    roots.append(used(tmp_path, directory))

    assert not was_quick  # it was looked at once
    assert is_quick(place, directory)
    assert len(set(roots)) == 1


def test_a_tool_that_hides_another_is_noticed(tmp_path: Path, tool: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write(second / tool.name, "echo second")
    roots = [used(tmp_path, first, second)]
    write(first / tool.name, "echo first")  # with the directory
    roots.append(used(tmp_path, first, second))

    assert len(set(roots)) == 2
    assert Path(f"{roots[1]}{first}", tool.name).exists()


def test_a_file_that_becomes_a_tool_is_noticed(tmp_path: Path, tool: Path) -> None:
    write(tool, "echo one").chmod(0o644)
    roots = [used(tmp_path), used(tmp_path)]
    tool.chmod(0o755)  # of which its directory knows nothing
    roots.append(used(tmp_path))

    assert roots[0] == roots[1] != roots[2]


def test_a_link_that_leads_somewhere_at_last_is_noticed(
    tmp_path: Path, tool: Path
) -> None:
    tool.symlink_to(tmp_path / "later/program")
    roots = [used(tmp_path), used(tmp_path)]
    write(tmp_path / "later/program", "echo one")
    roots.append(used(tmp_path))

    assert roots[0] == roots[1] != roots[2]


def test_what_changes_while_others_are_copied_is_copied_again(
    place: Path, tool: Path
) -> None:
    write(tool, "echo one")

    def change_it_when_it_is_copied() -> None:
        assert wait_until(lambda: any(place.glob(f"rootfs-*{tool}")))
        write(tool, "echo two")

    with ThreadPoolExecutor(1) as beside:
        changing = beside.submit(change_it_when_it_is_copied)
        cache.current(place)
        changing.result()
    root = cache.current(place)

    assert "two" in Path(f"{root}{tool}").read_text()
    assert cache.current(place) == root


def test_a_tool_that_comes_while_others_are_copied_is_noticed(
    place: Path, tool: Path
) -> None:
    def add_it(done: int, total: int) -> None:
        write(tool, "echo one")

    first = cache.current(place, add_it)

    assert cache.current(place) != first


@needs_namespaces
def test_a_cache_that_cannot_be_written_serves_as_long_as_it_is_right(
    place: Path, tool: Path
) -> None:
    def remount() -> tuple[str, str]:
        own_world(Namespace.MNT)
        syscalls.mount("cache", place, "tmpfs")
        first = cache.current(place)
        flags = MountFlag.REMOUNT | MountFlag.BIND | MountFlag.RDONLY
        syscalls.mount(None, place, flags=flags)
        write(tool.parent / "no-tool", "echo hello")
        return first, cache.current(place)

    place.mkdir()
    first, second = in_child(remount)

    assert first == second


def test_the_notes_are_believed_whatever_the_umask_is(place: Path) -> None:
    def without() -> bool:
        os.umask(0)
        cache.current(place)
        return is_quick(place)

    assert in_child(without)


@needs_root
def test_a_build_of_another_user_is_neither_used_nor_removed(
    place: Path, tool: Path
) -> None:
    first = cache.current(place)
    os.chown(first, 65534, 65534)
    second = cache.current(place)
    write(tool, "echo one")
    third = cache.current(place)

    assert builds(place) == sorted([first, third])
    assert len({first, second, third}) == 3


def test_a_draft_that_was_left_is_no_obstacle(tmp_path: Path, place: Path) -> None:
    place.mkdir()
    draft = Path(ours.draft_of(notes.file_in(str(place))))
    draft.symlink_to(tmp_path / "precious")
    cache.current(place)

    assert is_quick(place)
    assert not (tmp_path / "precious").exists()


def test_a_build_can_be_stopped_though_signals_wait(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_stopped() -> bool:
        def stop(*_: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(PATIENCE)

        monkeypatch.setattr(host_tools, "build", stop)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        with pytest.raises(KeyboardInterrupt):
            used(tmp_path)
        return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())

    assert in_child(be_stopped)
    assert builds(place) == []
