"""Each step that makes a container is missed if it is not taken.

The table says by what.  A container with one step left out is made in each of the ways
there are, and a program inside says what is not as it should be.  All of it happens in
an outer world, so that what gets out of the container does not get to this machine.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cfslib.images import host_tools
from cfslib.isolation.capabilities import DEFAULT, Capability
from cfslib.isolation.limits import Limits
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace, link
from cfslib.kernel import procfs, syscalls
from cfslib.runtime import outer
from cfslib.runtime.spec import NAMESPACES, Spec, Volume
from tests import ways
from tests.conftest import ROOT, SLOWNESS, needs_namespaces, wait_until
from tests.isolation import test_keyring as keys

pytestmark = [needs_namespaces, pytest.mark.long]

# What a program inside says, each line if something is not as it should be.
LOOK = """
status() { while read -r name value; do [ $name = $2: ] && echo $value; done <$1; }

[ "$(hostname)" = inside ] || echo "it has the name of the host"
[ -e "$secret" ] && echo "it sees a file of the host"
[ "$(pwd)" = /tmp ] || echo "it starts somewhere else"
[ -w / ] && [ $read_only ] && echo "it can write to /"
[ -e /proc/self ] || echo "its /proc is empty"
[ -e /sys/kernel ] || echo "its /sys is empty"
[ -c /dev/null ] || echo "its /dev is empty"
[ -e /volume ] || [ ! $volume ] || echo "its volume is missing"
[ -e /dev/pts/0 ] || [ ! $terminal ] || echo "it has no terminal of its own"
[ "$(status /proc/$$/status CapBnd)" = $rights ] || echo "it has other rights"
[ "$(status /proc/1/status CapEff)" = $rights ] || [ $ids != 0:0 ] ||
    echo "its PID 1 has other rights"
[ "$(status /proc/$$/status NoNewPrivs)" = 1 ] || [ ! $no_more ] ||
    echo "it can gain rights"
[ "$(status /proc/$$/status Seccomp_filters)" = $filters ] ||
    echo "it may ask the kernel anything"
[ "$(cat /sys/class/net/lo/flags)" = 0x9 ] || echo "its lo is down"
[ "$(cat /proc/sys/user/max_inotify_instances)" = 32 ] || [ ! $user ] ||
    echo "it takes all that its user may have"
[ "$(id -u):$(id -g)" = $ids ] || echo "it is another user"
[ "$(status /proc/1/status NSsid)" = 1 ] || echo "it is of our session"
[ "$(readlink /proc/1/exe)" ] && echo "it can look into PID 1"
case "$(cat /proc/self/mountinfo)" in *" /proc/sys ro,"*) ;; *)
    echo "it can change the machine by /proc/sys" ;;
esac
case "$mknod $(cat /proc/self/mountinfo)" in "yes "*" /dev rw,nosuid,relatime "*)
    echo "any device works in its /dev" ;;
esac
case "$(cat /proc/self/mountinfo)" in *master:*)
    echo "what the host mounts comes in" ;;
esac
case "$(cat /volume 2>&1)" in *"$key"*) echo "it has a key of the host's" ;; esac
for kind in cgroup ipc mnt net pid user uts; do
    case $namespaces in *"$(readlink /proc/self/ns/$kind)"*) echo "shares $kind" ;; esac
done
started=$( (for n in $(seq 40); do sleep 60 >&- 2>&- & echo -n .; done) 2>&-)
[ ${#started} -gt 20 ] && [ $limit ] && echo "it starts as many processes as it likes"
exit 0
"""
REFUSED = "it was not made"  # so nothing could get through
KEY = f"cfs-{os.urandom(4).hex()}"  # not to be taken for one of another test
SECRET = "/etc/shadow"  # what no rootfs of ours has
OUTLIVES = "it outlives its maker"


@dataclass(frozen=True)
class Row:
    """What is missed without a step."""

    by: str  # one of the sentences that are said then
    box: Mapping[str, Any] = field(default_factory=dict)  # which parts of a `Spec`
    ways: tuple[str, ...] = ways.WAYS  # in which it is a step at all
    prelude: str = ""  # see `ways.start`


INTRUDER = """
import posix
posix.write(1, b"it has PID 1 import its modules\\n")
"""
# What nobody should have PID 1 do; but there may be a mistake in it.
IMPORT = """
import sys
from cfslib.kernel import tracing

def careless(step):
    if step == "hide_the_machine":
        try:
            import intruder
        except ImportError:
            pass

sys.path.append("/modules")
tracing.after_step.append(careless)
"""
A_VOLUME = {"volumes": [Volume("/usr", "/volume")]}
ALL_KEYS = {"volumes": [Volume("/proc/keys", "/volume")]}  # those in it are masked
# With one of its own, it would write the files for names: see the test of that.
NETWORK_OF_THE_HOST = {"namespaces": NAMESPACES}
ANOTHER_USER = {"user": "1000:1000"}
MAY_MAKE_DEVICES = {"capabilities": DEFAULT | {Capability.MKNOD}}
# Then there are no cgroups, which nobody could remove without the root of the host; and
# no janitor of theirs, who ends a container too.
UNLIMITED = {"limits": Limits(pids_max=None)}

STEPS = {
    "write": Row(REFUSED),
    "let_go_of_the_maker": Row("it is of our session"),
    "join_new_session": Row("it has a key of the host's", ALL_KEYS),
    "keep_private": Row(
        "its mounts come to the host" if ROOT else "what the host mounts comes in",
        A_VOLUME,
    ),
    "sethostname": Row("it has the name of the host"),
    "detached": Row(REFUSED, A_VOLUME),
    "layer": Row(REFUSED),
    "proc": Row("its /proc is empty"),
    "sys": Row("its /sys is empty"),
    "mount_dev": Row(REFUSED),
    "leave_some_to_the_user": Row("it takes all that its user may have"),
    "join": Row("it starts as many processes as it likes"),
    "unshare": Row("shares cgroup"),
    "pivot": Row("it sees a file of the host", NETWORK_OF_THE_HOST),
    "set_up_network": Row("its lo is down"),
    "import_nothing_more": Row("it has PID 1 import its modules", prelude=IMPORT),
    "allow_no_others": Row("any device works in its /dev", MAY_MAKE_DEVICES),
    "attach": Row("its volume is missing", A_VOLUME),
    "hide_the_machine": Row("it can change the machine by /proc/sys"),
    "make_read_only": Row("it can write to /", {"read_only": True}),
    "make": Row("it has no terminal of its own", ways=("terminal",)),
    "start_in": Row("it starts somewhere else"),
    "refuse_other_ways": Row("it may ask the kernel anything"),
    "let_nobody_look_into_us": Row("it can look into PID 1"),
    "bound": Row("it has other rights"),
    "filter_calls": Row("it may ask the kernel anything"),
    "have_only": Row("its PID 1 has other rights"),
    "join_groups": Row("it is another user", ANOTHER_USER),
    "become": Row("it is another user", ANOTHER_USER),
    "gain_no_more": Row("it can gain rights", {"no_new_privileges": True}),
    "end_with_the_maker": Row(OUTLIVES, ANOTHER_USER | UNLIMITED),
}
# A namespace that is not theirs is no use to those who are root in theirs alone.
NAMES = {
    "MNT": Row("it has taken the root of the host" if ROOT else REFUSED, UNLIMITED),
    "UTS": Row("shares uts" if ROOT else REFUSED),
    "PID": Row("shares pid" if ROOT else REFUSED),
    "IPC": Row("shares ipc"),
    "CGROUP": Row("shares cgroup"),
    "NET": Row("shares net"),
    "USER": Row(REFUSED),
}
TABLE = STEPS | NAMES
ROOT_NEEDS_NOT = {"write", "leave_some_to_the_user", "USER"}  # a user namespace


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a rootfs with what the program needs, and an intruder."""
    directory = tmp_path_factory.mktemp("root")
    tools = "sh hostname readlink cat id seq sleep true ls nsenter"
    host_tools.build(directory, tools.split())
    for name in ("dev", "proc", "sys"):
        (directory / name).rmdir()
    (directory / "tmp").mkdir(exist_ok=True)
    (directory / "modules").mkdir()
    (directory / "modules/intruder.py").write_text(INTRUDER)
    return directory


def spec_for(row: Row, root: Path, way: str, without: str = "") -> Spec:
    spec = Spec(
        ["sh", "-c", LOOK],
        rootfs=root,
        hostname="inside",
        workdir="/tmp",
        namespaces=NAMESPACES | Namespace.NET,
        leave_out={without} if without else (),
    ).changed(**row.box)
    kinds = spec.namespaces | (0 if ROOT else Namespace.USER)
    spec.env = {
        "secret": SECRET,
        "namespaces": " ".join(os.readlink(link(kind)) for kind in kinds),
        "rights": f"{sum(1 << right for right in spec.capabilities):016x}",
        "no_more": "yes" if spec.no_new_privileges else "",
        # The other one is about sockets.
        "filters": str(_filters() + 1 + (Namespace.NET in spec.namespaces)),
        "mknod": "yes" if Capability.MKNOD in spec.capabilities else "",
        "user": "yes" if Namespace.USER in kinds else "",
        "ids": row.box.get("user", "0:0"),
        "volume": "yes" if spec.volumes else "",
        "read_only": "yes" if spec.read_only else "",
        "limit": "yes" if spec.limits.pids_max else "",
        "terminal": "yes" if way == "terminal" else "",
        "key": KEY,
    }
    return spec


def _filters() -> int:
    """Return how many filters of calls there are around this machine."""
    return int(procfs.status("self")["Seccomp_filters"])


def untrue(row: Row, root: Path, way: str, without: str = "") -> list[str]:
    """Return what is not as it should be of a container without a step."""

    def in_an_outer_world() -> list[str]:
        _be_a_host()
        return list(_untrue(row, spec_for(row, root, way, without), way))

    return outer.around(in_an_outer_world)


def _be_a_host() -> None:
    """Have what a container could take, or give: keys, and mounts that spread."""
    # As systemd has it, but with nobody to share with but containers.
    syscalls.mount(None, "/", flags=MountFlag.REC | MountFlag.SHARED)
    if keys.has_keys():
        keys.keyring_with_a_key_for_its_session_alone(KEY.encode())


def _untrue(row: Row, spec: Spec, way: str) -> Iterator[str]:
    mounted = procfs.mounts()
    done = ways.start(way, spec, prelude=row.prelude)
    yield from done.stdout.splitlines()
    if done.code != 0:
        yield REFUSED
    try:
        if procfs.mounts() != mounted:
            yield "its mounts come to the host"
    except FileNotFoundError:
        yield "it has taken the root of the host"
    if row.by == OUTLIVES and _outlives_its_maker(way, spec):
        yield OUTLIVES


def _outlives_its_maker(way: str, spec: Spec) -> bool:
    if os.fork() == 0:
        try:
            # A terminal hangs up when the maker ends, but who ignores that stays.
            ways.start(way, spec.changed(argv=["sh", "-c", "trap '' HUP; sleep 60"]))
        finally:
            os._exit(0)
    assert wait_until(lambda: any(one["Name"] == "sleep" for one in _processes()))
    # Until it sleeps, it has not said that the command runs, and ends if nobody hears.
    assert wait_until(lambda: all(map(_sleeps, _first_processes())))
    for status in _first_processes():
        os.kill(int(status["PPid"]), signal.SIGKILL)
    return not wait_until(lambda: not _first_processes(), seconds=SLOWNESS)


def _sleeps(status: dict[str, str]) -> bool:
    return status["State"].startswith("S")


def _first_processes() -> list[dict[str, str]]:
    """Return each PID 1 that has started its command."""
    return [
        status
        for status in _processes()
        if status["Name"] == "cfs" and status["NSpid"].split()[1:] == ["1"]
    ]


def _processes() -> Iterator[dict[str, str]]:
    """Yield what the kernel says of each process that is alive."""
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            status = procfs.status(name)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if not status["State"].startswith("Z"):
            yield status


def boxes() -> dict[str, Row]:
    """Return a row for each kind of container that the table speaks of.

    With the network of the host an ordinary user's /sys is empty, and so not all is so.
    """
    rows = [row for row in TABLE.values() if may(row)]
    if not ROOT:
        rows = [row for row in rows if row.box != NETWORK_OF_THE_HOST]
    return {f"{row.box} {row.prelude}": row for row in rows}


def may(row: Row) -> bool:
    return ROOT or "user" not in row.box


@pytest.mark.parametrize("row", boxes().values(), ids=range(len(boxes())))
def test_of_a_whole_container_all_is_true(row: Row, root: Path) -> None:
    assert {way: untrue(row, root, way) for way in row.ways} == {
        way: [] for way in row.ways
    }


@pytest.mark.parametrize("step", TABLE)
def test_a_step_that_is_left_out_is_missed(step: str, root: Path) -> None:
    row = TABLE[step]
    if ROOT and step in ROOT_NEEDS_NOT:
        pytest.skip("root needs no user namespace")
    if not may(row):
        pytest.skip("needs root, or other ids of ours in the outer world")
    if row.box == ALL_KEYS and not keys.has_keys():
        pytest.skip("needs keyctl(2)")
    found = {way: untrue(row, root, way, step) for way in row.ways}

    for way in row.ways:
        assert row.by in found[way] or REFUSED in found[way], (way, found)
    assert any(row.by in found[way] for way in row.ways), found


def test_the_table_names_each_step(root: Path, tmp_path: Path) -> None:
    notes = ways.Notes(tmp_path / "notes")
    listen = """
from cfslib.kernel import tracing
tracing.after_step.append(note)
"""
    box: dict[str, Any] = A_VOLUME | MAY_MAKE_DEVICES | {"read_only": True}
    box |= {"no_new_privileges": True}
    box |= ANOTHER_USER if ROOT else {}
    spec = spec_for(Row("", box), root, "terminal")
    done = ways.start("terminal", spec, prelude=notes.prelude + listen)
    taken = set(notes.lines())

    assert done.code == 0, done
    assert taken == set(STEPS) - (ROOT_NEEDS_NOT if ROOT else set())


@pytest.mark.parametrize("way", ways.WAYS)
@pytest.mark.parametrize("step", ["start_in", "UTS", "no-such-step"])
def test_only_an_outer_world_may_hold_less_than_a_whole_container(
    way: str, step: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    spec = Spec(
        ["touch", "/volume/ran"],
        volumes=[Volume(tmp_path, "/volume")],
    )
    refused = ways.start(way, spec.changed(leave_out=frozenset({step})))
    has_run = (tmp_path / "ran").exists()
    ways.start(way, spec)

    assert refused.code == ways.REFUSED
    assert f"without {step} a container could change the host" in (
        refused.stdout + refused.stderr
    )
    assert not has_run
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("way", ways.WAYS)
def test_without_a_root_of_its_own_it_does_not_write_the_hosts_files_for_names(
    way: str, root: Path
) -> None:
    spec = spec_for(Row(""), root, way, without="pivot")
    done = outer.around(lambda: ways.start(way, spec))

    assert done.code == ways.REFUSED
    assert "Read-only file system" in done.stdout + done.stderr


def test_in_an_outer_world_no_file_of_the_machine_can_be_written(
    tmp_path: Path,
) -> None:
    def write() -> list[str]:
        return [_refusal(tmp_path / "new"), _refusal(Path("/new"))]

    assert outer.around(write) == ["Read-only file system"] * 2
    assert list(tmp_path.iterdir()) == []


def _refusal(path: Path) -> str:
    try:
        path.touch()
    except OSError as error:
        return str(error.strerror)
    return ""


CHROOT = """
from cfslib.isolation import rootfs
rootfs.pivot = rootfs.enter_by_chroot
"""


@pytest.mark.parametrize("prelude", ["", CHROOT], ids=["pivot_root", "chroot"])
def test_there_is_a_way_back_from_chroot_alone(prelude: str, root: Path) -> None:
    """Who enters the mount namespace again is at its very root."""
    spec = Spec(
        ["nsenter", "--mount=/proc/self/ns/mnt", "ls", SECRET],
        rootfs=root,
        capabilities=DEFAULT | {Capability.SYS_ADMIN},
    )
    done = outer.around(lambda: ways.start("program", spec, prelude=prelude))

    assert (SECRET in done.stdout) == bool(prelude)
