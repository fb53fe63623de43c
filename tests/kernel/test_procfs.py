"""The parsers of /proc, against the kernel and against made-up text."""

import os
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.children.in_child import in_child
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.procfs import CgroupEntry, Mount
from tests.conftest import in_own_mounts, needs_namespaces, own_world

# File names as the kernel has them: bytes without NUL, read as Python reads them.
NAMES = st.binary(min_size=1, max_size=20).map(
    lambda data: os.fsdecode(data.replace(b"\0", b"/"))
)
PATHS = NAMES.map(lambda name: f"/{name}")
WORDS = st.text("az09:=_.", min_size=1, max_size=9)
TAGS = st.lists(st.from_regex(r"(shared|master):[0-9]+", fullmatch=True), max_size=3)
NUMBERS = st.integers(min_value=0, max_value=2**31)


def escaped(text: str) -> str:
    """Escape a field as the kernel does: see seq_path(9)."""
    return re.sub(r"[ \t\n\\]", lambda found: f"\\{ord(found[0]):03o}", text)


def mountinfo(mount: Mount) -> str:
    fields = [mount.id, mount.parent, "8:1", escaped(mount.root), escaped(mount.target)]
    fields += [mount.options, *mount.tags, "-", mount.fstype, escaped(mount.source)]
    return f"{' '.join(map(str, fields))} {mount.super_options}\n"


MOUNTS = st.builds(
    Mount,
    id=NUMBERS,
    parent=NUMBERS,
    root=PATHS,
    target=PATHS,
    options=WORDS,
    tags=TAGS.map(tuple),
    fstype=WORDS,
    source=NAMES,
    super_options=WORDS,
)


@given(st.lists(MOUNTS, max_size=4))
def test_mountinfo_is_read_back_as_it_was_written(mounts: list[Mount]) -> None:
    assert procfs.parse_mountinfo("".join(map(mountinfo, mounts))) == mounts


@given(NAMES)
def test_unescape_undoes_what_the_kernel_escapes(name: str) -> None:
    assert procfs.unescape(escaped(name)) == name


@given(NAMES)
def test_unescape_leaves_alone_what_is_not_escaped(name: str) -> None:
    plain = name.replace("\\", "")

    assert procfs.unescape(plain) == plain


@pytest.mark.parametrize(
    "name",
    ["plain", "sp ace", "tab\t", "line\nbreak", "back\\slash", "\\040", "#", "-",
     "re\rturn", "form\ffeed", "\u2028", "ünï", os.fsdecode(b"\xff\xfe")],
    ids=ascii,
)  # fmt: skip
@needs_namespaces
def test_a_mount_point_may_have_any_name(tmp_path: Path, name: str) -> None:
    target = tmp_path / name

    def mount_there() -> list[str]:
        own_world(Namespace.MNT)
        target.mkdir()
        syscalls.mount(name, target, "tmpfs")
        return [mount.target for mount in procfs.mounts() if mount.source == name]

    assert in_child(mount_there) == [str(target)]


def test_our_root_is_among_our_mounts() -> None:
    assert "/" in [mount.target for mount in procfs.mounts()]


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ((), "private"),
        (("shared:1",), "shared"),
        (("master:2",), "slave"),
        (("shared:1", "master:2"), "shared"),
        (("master:2", "propagate_from:1"), "slave"),
        (("unbindable",), "unbindable"),
    ],
)
def test_propagation_is_one_word(tags: tuple[str, ...], word: str) -> None:
    line = f"1 2 8:1 / / rw {' '.join([*tags, '-'])} ext4 /dev/sda rw"

    assert procfs.parse_mountinfo(line)[0].propagation == word


FIELDS = st.dictionaries(
    st.text("AZaz_", min_size=1, max_size=9),
    NAMES.map(lambda text: text.replace("\n", " ").strip()),
    max_size=4,
)


@given(FIELDS)
def test_status_is_read_back_as_it_was_written(fields: dict[str, str]) -> None:
    text = "".join(f"{name}:\t{value}\n" for name, value in fields.items())

    assert procfs.parse_status(text) == fields


@pytest.mark.parametrize("name", ["plain", "with:colon", "with space", "ünï"])
def test_status_knows_a_process_by_any_name(name: str) -> None:
    def renamed() -> str:
        syscalls.prctl(syscalls.Prctl.SET_NAME, name)
        return procfs.status()["Name"]

    assert in_child(renamed) == name


def test_status_is_about_the_process_that_was_asked_for() -> None:
    assert procfs.status()["Pid"] == str(os.getpid())
    assert procfs.status(os.getppid())["Pid"] == str(os.getppid())


@needs_namespaces
def test_a_process_has_a_pid_on_each_level() -> None:
    def inside() -> tuple[list[int], int]:
        own_world(Namespace.PID)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)  # stay until we are looked at
            os._exit(0)
        levels = procfs.pids_on_each_level(child)
        os.close(writer)
        os.waitpid(child, 0)
        return levels, child

    levels, child = in_child(inside)

    assert levels == [child, 1]


def test_threads_are_counted() -> None:
    def with_another() -> int:
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        thread.start()
        count = procfs.thread_count()
        done.set()
        thread.join()
        return count

    assert in_child(procfs.thread_count) == 1
    assert in_child(with_another) == 2


@needs_namespaces
def test_threads_are_counted_where_proc_does_not_know_us() -> None:
    def covered() -> int:
        syscalls.mount("tmpfs", "/proc", "tmpfs")  # as one sees it who enters elsewhere
        return procfs.thread_count()

    assert in_own_mounts(covered) == 1


ENTRIES = st.builds(
    CgroupEntry,
    hierarchy=NUMBERS,
    controllers=st.lists(st.text("az_=", min_size=1), max_size=3).map(tuple),
    path=PATHS.map(lambda path: path.replace("\n", ":")),
)


@given(st.lists(ENTRIES, max_size=3))
def test_cgroup_entries_are_read_back_as_written(entries: list[CgroupEntry]) -> None:
    text = "".join(
        f"{entry.hierarchy}:{','.join(entry.controllers)}:{entry.path}\n"
        for entry in entries
    )

    assert procfs.parse_cgroup(text) == entries


def test_we_are_in_some_cgroup() -> None:
    assert all(entry.path.startswith("/") for entry in procfs.cgroup_entries())


@pytest.mark.parametrize("name", ["sp ace", "re\rturn", os.fsdecode(b"\xff")])
def test_files_are_read_as_the_kernel_wrote_them(tmp_path: Path, name: str) -> None:
    process = tmp_path / "7"
    process.mkdir()
    (process / "cgroup").write_bytes(os.fsencode(f"0::/{name}\n"))

    assert procfs.cgroup_entries(7, tmp_path) == [CgroupEntry(0, (), f"/{name}")]


def test_a_long_file_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"0123456789" * 20_000)

    assert procfs.read(tmp_path / "long") == "0123456789" * 20_000
