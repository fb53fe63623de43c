"""Id maps: who a user inside is outside."""

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, mounts
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import MountAttr, TreeFlag
from cfslib.runtime import run
from cfslib.runtime.spec import Spec
from tests.conftest import ROOT, needs_root, needs_user_namespaces, own_world

T = TypeVar("T")
IDS = st.integers(min_value=0, max_value=2**32 - 2)
MAPS = st.lists(st.builds(IdMap, IDS, IDS, IDS), max_size=5)
SOMEBODY = 54321  # an ordinary user that no machine has
RANGE = IdMap(1, 700_000, 1000)


# Data


@given(MAPS)
def test_maps_are_read_back_as_they_were_written(maps: list[IdMap]) -> None:
    text = "".join(f"{map_}\n" for map_ in maps)

    assert idmaps.parse_maps(text) == maps


def test_the_kernels_columns_are_read() -> None:
    text = "         0       1000          1\n         1     100000      65536\n"

    assert idmaps.parse_maps(text) == [IdMap(0, 1000), IdMap(1, 100000, 65536)]


@given(IDS, st.builds(IdMap, IDS, IDS, st.integers(1, 2**16)))
def test_an_id_is_either_in_a_map_or_nobodys(inside: int, map_: IdMap) -> None:
    offset = inside - map_.inside
    expected = map_.outside + offset if 0 <= offset < map_.count else None

    assert idmaps.to_outside(inside, [map_]) == expected


# One id


@needs_user_namespaces
def test_unshare_as_root_makes_us_root_inside_and_nobody_new_outside(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o700)

    def inside() -> tuple[int, int]:
        idmaps.unshare_as_root(Namespace.UTS)
        (tmp_path / "mine").touch()
        return os.geteuid(), (tmp_path / "mine").stat().st_uid

    assert in_child(inside) == (0, 0)
    assert (tmp_path / "mine").stat().st_uid == os.geteuid()


@needs_user_namespaces
def test_our_own_id_is_all_that_is_mapped() -> None:
    def maps() -> tuple[list[IdMap], list[IdMap]]:
        idmaps.unshare_as_root(0)
        return idmaps.read_maps("uid"), idmaps.read_maps("gid")

    assert in_child(maps) == ([IdMap(0, os.geteuid())], [IdMap(0, os.getegid())])


@needs_user_namespaces
def test_the_map_of_another_process_can_be_read() -> None:
    us = os.getpid()

    assert in_child(lambda: idmaps.read_maps("uid", us)) == idmaps.read_maps("uid")


@needs_user_namespaces
def test_a_map_is_written_once() -> None:
    def twice() -> None:
        idmaps.unshare_as_root(0)
        idmaps.write("self", [IdMap(0, 0)], [IdMap(0, 0)])

    with pytest.raises(PermissionError, match="write"):
        in_child(twice)


@needs_user_namespaces
def test_a_second_write_to_the_same_open_file_is_invalid() -> None:
    def twice() -> int | None:
        uid = os.getuid()
        syscalls.unshare(Namespace.USER)
        fd = os.open("/proc/self/uid_map", os.O_WRONLY)
        os.write(fd, f"0 {uid} 1".encode())
        try:
            os.write(fd, f"0 {uid} 1".encode())
        except OSError as error:
            return error.errno
        return None

    assert in_child(twice) == errno.EINVAL


@needs_root
@needs_user_namespaces
@pytest.mark.parametrize(("lines", "is_sorted"), [(5, False), (6, True)])
def test_more_than_five_lines_come_back_sorted(lines: int, is_sorted: bool) -> None:
    maps = [IdMap(n * 10, 100_000 + n, 1) for n in range(lines, 0, -1)]

    def written() -> list[IdMap]:
        userns = idmaps.make(maps, maps)
        syscalls.setns(userns, Namespace.USER)
        return idmaps.read_maps()

    found = in_child(written)
    assert sorted(map(str, found)) == sorted(map(str, maps))
    assert (found != maps) is is_sorted


@needs_user_namespaces
def test_an_id_that_is_not_ours_to_give_is_refused() -> None:
    def steal() -> None:
        if ROOT:
            os.setresuid(SOMEBODY, SOMEBODY, SOMEBODY)
            syscalls.prctl(syscalls.Prctl.SET_DUMPABLE, 1)
        syscalls.unshare(Namespace.USER)
        idmaps.write("self", [IdMap(0, 1)], [IdMap(0, 1)])

    with pytest.raises(PermissionError) as caught:
        in_child(steal)
    assert "ours to give" in caught.value.__notes__[0]


@needs_root
@needs_user_namespaces
def test_root_gives_as_many_ids_as_it_likes() -> None:
    maps = [IdMap(0, 100_000, 10), IdMap(10, 200_000, 5)]

    def inside() -> list[IdMap]:
        us = os.getpid()
        ready, told = os.pipe()
        writer = os.fork()
        if writer == 0:  # this one stays outside, and is root there
            os.read(ready, 1)
            idmaps.write(us, maps, maps)
            os._exit(0)
        syscalls.unshare(Namespace.USER)
        os.write(told, b"!")
        os.waitpid(writer, 0)
        return idmaps.read_maps("gid")

    assert in_child(inside) == maps


# Many ids


def as_somebody(func: Callable[[], T], etc: Path, **files: str) -> T:
    """Call `func` as an ordinary user, on a machine with these files in /etc."""
    etc.parent.chmod(0o755)
    etc.mkdir()

    def become() -> T:
        syscalls.unshare(Namespace.MNT)
        mounts.keep_private()
        for name, text in files.items():
            (etc / name).write_text(text)
            Path("/etc", name).touch()
            mounts.bind(etc / name, f"/etc/{name}")
        os.setgroups([])
        os.setresgid(SOMEBODY, SOMEBODY, SOMEBODY)
        os.setresuid(SOMEBODY, SOMEBODY, SOMEBODY)
        syscalls.prctl(syscalls.Prctl.SET_DUMPABLE, 1)
        return func()

    return in_child(become)


needs_newuidmap = pytest.mark.skipif(
    not (shutil.which("newuidmap") and all(
        Path("/etc", name).exists() for name in ("subuid", "subgid"))),
    reason="needs newuidmap, of the package uidmap",
)  # fmt: skip


def etc_files(owned: bool = True) -> dict[str, str]:
    line = f"somebody:{RANGE.outside}:{RANGE.count}\n" if owned else ""
    passwd = f"somebody:x:{SOMEBODY}:{SOMEBODY}::/:/bin/sh\n"
    return {
        "subuid": f"other:1:1\n{line}",
        "subgid": line,
        "passwd": Path("/etc/passwd").read_text() + passwd,
    }


@needs_newuidmap
@needs_root
@needs_user_namespaces
def test_many_are_our_own_id_and_those_in_subuid(tmp_path: Path) -> None:
    maps = as_somebody(lambda: idmaps.many("uid"), tmp_path / "etc", **etc_files())

    assert maps == [IdMap(0, SOMEBODY), RANGE]


@needs_newuidmap
@needs_root
@needs_user_namespaces
def test_a_container_of_an_ordinary_user_has_many_ids(
    tmp_path: Path, rootfs_dir: Path
) -> None:
    command = ["cat", "/proc/self/status", "/proc/self/uid_map"]
    root = str(readable(rootfs_dir))
    spec = Spec(command, rootfs=root, user="7:8", groups=["9", "tty"])

    done = as_somebody(lambda: run.capture(spec), tmp_path / "etc", **etc_files())

    assert done.code == 0, done.stderr
    status = procfs.parse_status(done.stdout)
    assert {*status["Uid"].split()} == {"7"}
    assert {*status["Gid"].split()} == {"8"}
    assert status["Groups"].split() == ["5", "9"]
    last_two = "\n".join(done.stdout.splitlines()[-2:])
    assert idmaps.parse_maps(last_two) == [IdMap(0, SOMEBODY), RANGE]


def readable(directory: Path) -> Path:
    """Let other users pass to a temporary directory of ours."""
    for place in (directory, *directory.parents):
        if place.stat().st_uid == os.geteuid() and "pytest" in str(place):
            place.chmod(0o755)
    return directory


@needs_root
@needs_user_namespaces
@needs_newuidmap
def test_without_a_line_in_subuid_the_error_says_what_is_missing(
    tmp_path: Path,
) -> None:
    def ask() -> list[IdMap]:
        return idmaps.many("uid")

    with pytest.raises(PermissionError, match="only one uid") as caught:
        as_somebody(ask, tmp_path / "etc", **etc_files(owned=False))
    assert "/etc/subuid" in caught.value.__notes__[0]


@needs_newuidmap
@needs_root
@needs_user_namespaces
def test_a_range_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    def steal() -> None:
        ready, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            syscalls.unshare(Namespace.USER)
            os.write(told, b"!")
            signal.pause()
        os.read(ready, 1)
        ids = [IdMap(0, SOMEBODY), IdMap(1, RANGE.outside - 1, 10)]
        try:
            idmaps.write(pid, ids, ids)
        finally:
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(PermissionError, match="newuidmap"):
        as_somebody(steal, tmp_path / "etc", **etc_files())


@pytest.mark.parametrize(
    "subuid",
    [
        "",
        "other:1:1\n",
        "broken\n\n:::\n",
        "{}:x:1",
        "{}:-1:1",
        "{}:1:0",
        "{}:1:\u0663",
    ],
)
def test_lines_of_others_and_those_that_make_no_sense_are_not_ours(
    tmp_path: Path, subuid: str
) -> None:
    (tmp_path / "subuid").write_text(subuid.format(os.getuid()))

    with pytest.raises(PermissionError, match="only one uid"):
        idmaps.many("uid", tmp_path)


@needs_newuidmap
@needs_root
@needs_user_namespaces
def test_a_range_that_is_there_twice_is_one(tmp_path: Path) -> None:
    files = etc_files()
    files["subuid"] += f"{SOMEBODY}:{RANGE.outside}:{RANGE.count}\n"
    maps = as_somebody(lambda: idmaps.many("uid"), tmp_path / "etc", **files)

    assert maps == [IdMap(0, SOMEBODY), RANGE]


@needs_newuidmap
@needs_root
@needs_user_namespaces
@pytest.mark.parametrize("name_it", [lambda: "self", os.getpid], ids=["self", "pid"])
def test_nobody_gets_many_ids_from_inside(
    name_it: Callable[[], int | str], tmp_path: Path
) -> None:
    def take() -> tuple[int, str]:
        ids = [IdMap(0, SOMEBODY), RANGE]
        syscalls.unshare(Namespace.USER)
        numbers = [str(number) for map_ in ids for number in vars(map_).values()]
        line = ["newuidmap", str(os.getpid()), *numbers]
        theirs = subprocess.run(line, stderr=subprocess.DEVNULL).returncode
        try:
            idmaps.write(name_it(), ids, ids)
        except PermissionError as error:
            return theirs, f"{error}\n{error.__notes__[0]}"
        return theirs, "it worked"

    theirs, said = as_somebody(take, tmp_path / "etc", **etc_files())

    assert theirs != 0
    assert said.startswith("newuidmap cannot become root in our user namespace\nHint: ")
    assert "from outside" in said


@pytest.mark.parametrize("script", ["exit 1", "echo newuidmap: no >&2; exit 1"])
def test_a_newuidmap_that_fails_says_why_once(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "newuidmap").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "newuidmap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    with pytest.raises(PermissionError, match=r"^newuidmap: (no|it failed.*)$"):
        idmaps._ask_newidmap("newuidmap", 1, [])


def test_a_machine_without_subgid_gives_one_id(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="only one gid"):
        idmaps.many("gid", tmp_path)


@needs_user_namespaces
def test_without_newuidmap_the_error_names_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(PermissionError, match="only one uid") as caught:
        idmaps.many("uid")
    assert "package uidmap" in caught.value.__notes__[0]
    assert "keep-id" in caught.value.__notes__[0]


# A namespace that is only a map, and what is mounted with it


def idmapped(fstype: str, userns: int) -> Path:
    """Mount a filesystem twice, once by a map, which /mnt/mapped shows."""
    syscalls.mount(fstype, "/mnt", fstype)
    for name in ("plain", "mapped"):
        Path("/mnt", name).mkdir()
    (Path("/mnt/plain/mine")).touch()
    tree = syscalls.open_tree("/mnt/plain", TreeFlag.CLONE | TreeFlag.CLOEXEC)
    syscalls.mount_setattr(tree, TreeFlag.EMPTY_PATH, MountAttr.IDMAP, userns)
    syscalls.move_mount(tree, "/mnt/mapped", TreeFlag.FROM_FD)
    return Path("/mnt/mapped/mine")


def may_idmap() -> bool:
    def tried() -> bool:
        idmaps.unshare_as_root(Namespace.MNT)
        idmapped("tmpfs", idmaps.make([IdMap(0, 0)], [IdMap(0, 0)]))
        return True

    try:
        return in_child(tried)
    except OSError:
        return False


needs_idmaps = pytest.mark.skipif(not may_idmap(), reason="needs id-mapped tmpfs: 6.3")


@needs_root
@needs_idmaps
def test_a_mount_with_a_map_shows_other_owners() -> None:
    def owners() -> tuple[int, int]:
        own_world(Namespace.MNT)
        theirs = idmapped("tmpfs", idmaps.make([IdMap(0, 1000)], [IdMap(0, 1000)]))
        return theirs.stat().st_uid, Path("/mnt/plain/mine").stat().st_uid

    assert in_child(owners) == (1000, 0)


@needs_idmaps
def test_the_owner_of_a_user_namespace_may_map_what_was_mounted_in_it() -> None:
    def owner() -> int:
        idmaps.unshare_as_root(Namespace.MNT)
        userns = idmaps.make([IdMap(5, 0)], [IdMap(5, 0)])  # 0 has no place in it
        return idmapped("tmpfs", userns).stat().st_uid

    assert in_child(owner) == 65534


@needs_user_namespaces
def test_the_hosts_files_are_not_ours_to_map() -> None:
    def steal() -> None:
        idmaps.unshare_as_root(Namespace.MNT)
        userns = idmaps.make([IdMap(0, 0)], [IdMap(0, 0)])
        tree = syscalls.open_tree("/etc", TreeFlag.CLONE | TreeFlag.CLOEXEC)
        syscalls.mount_setattr(tree, TreeFlag.EMPTY_PATH, MountAttr.IDMAP, userns)

    with pytest.raises(OSError, match="mount_setattr") as caught:
        in_child(steal)
    assert "id map" in caught.value.__notes__[0]
