"""A command in any choice of namespaces changes nothing outside."""

import itertools
import os
import socket
import time
from collections.abc import Iterable

import pytest

from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from cfslib.lessons import boxed
from cfslib.observe import sightings
from tests.conftest import in_own_mounts, needs_namespaces

KINDS = (
    Namespace.UTS, Namespace.PID, Namespace.MNT, Namespace.IPC, Namespace.NET,
    Namespace.USER, Namespace.CGROUP,
)  # fmt: skip
OFFERED = [
    combination
    for size in range(len(KINDS) + 1)
    for combination in itertools.combinations(KINDS, size)
]


def flags(kinds: Iterable[Namespace]) -> Namespace:
    found = Namespace(0)
    for kind in kinds:
        found |= kind
    return found


def seen(command: str, *kinds: Namespace) -> str:
    return boxed.run(command, flags(kinds)).text.strip()


@needs_namespaces
@pytest.mark.long
def test_no_choice_of_namespaces_changes_the_host() -> None:
    def state() -> tuple[str, list[procfs.Mount]]:
        return socket.gethostname(), procfs.mounts()

    def try_all() -> None:
        before = state()
        for kinds in OFFERED:
            boxed.run("hostname broken; mount -t tmpfs none /mnt", flags(kinds))
            assert state() == before, kinds

    in_own_mounts(try_all, Namespace.UTS)  # if it fails, it shall not hit the machine


@needs_namespaces
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_is_ticked_is_its_own(kind: Namespace) -> None:
    command = f"readlink /proc/self/ns/{str(kind).lower()}"

    assert seen(command, kind) != seen(command)


@needs_namespaces
def test_what_is_not_ticked_is_shared() -> None:
    command = "readlink /proc/self/ns/uts /proc/self/ns/net"

    assert seen(command, Namespace.IPC) == seen(command)


@needs_namespaces
def test_it_has_the_name_of_a_container_where_that_changes_nobody_else() -> None:
    assert seen("hostname", Namespace.UTS) == boxed.HOSTNAME
    assert seen("hostname", Namespace.IPC) == socket.gethostname()


@needs_namespaces
def test_proc_shows_its_own_processes_only_with_both() -> None:
    count = "ls -d /proc/[0-9]* 2>/dev/null | wc -l"  # some end meanwhile

    assert int(seen(count, Namespace.PID, Namespace.MNT)) <= 4
    assert int(seen(count, Namespace.PID)) > 4
    assert int(seen(count, Namespace.MNT)) > 4


def test_what_fails_is_seen_too() -> None:
    assert boxed.run("echo out; echo err >&2; exit 3", Namespace(0)) == boxed.Seen(
        "out\nerr\n", 3
    )


def test_a_command_that_prints_without_end_is_cut_off() -> None:
    assert len(boxed.run("yes", Namespace(0)).text) <= boxed.LONGEST


def test_a_command_that_does_not_end_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(boxed, "PATIENCE", 0.2)

    assert "killed after" in boxed.run("sleep 60", Namespace(0)).text


def test_nothing_is_left_in_the_background() -> None:
    started = time.monotonic()
    boxed.run("sleep 61 & setsid sleep 61 & exit 0", Namespace(0))

    assert time.monotonic() - started < boxed.PATIENCE
    alive = [s for s in sightings.below(os.getpid()) if s.state != "Z"]
    assert not [seen for seen in alive if seen.name == "sleep"]
