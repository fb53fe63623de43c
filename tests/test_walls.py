"""What a container refuses and bounds, tried from inside, and beside other runtimes.

walls.c makes the attempts.  The tables here say what is right: by default, with each
option, and where another runtime refuses what we allow.  To see all the answers:

    pytest -s tests/test_walls.py
"""

import errno
import json
import math
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from cfslib.kernel import procfs
from cfslib.runtime import ownership
from tests.bench import box
from tests.bench.box import VOLUME, Box
from tests.bench.commands import installed
from tests.bench.peers import PEERS
from tests.conftest import PATIENCE, needs_namespaces
from tests.isolation import test_keyring as keys

pytestmark = [needs_namespaces, pytest.mark.long]

LAST = "as such, lift its own limits"  # of the attempts
Answers = dict[str, str]
OURS, BWRAP, CRUN, RUNC = WAYS = ("cfs", "bwrap", "crun", "runc")
MIGHTY = ownership.may_do_it_alone()  # so that there is no user namespace
MAKE = {peer.name: peer.words for peer in PEERS}
USER_KEYRING, SET_TIMEOUT, UNLINK = -4, 15, 9  # KEY_SPEC_..., KEYCTL_...


def capability(name: str) -> dict[str, Any]:
    """Return what to add to a bundle's configuration for one more capability."""
    sets = ("bounding", "effective", "permitted")
    return {"process": {"capabilities": {each: [f"CAP_{name}"] for each in sets}}}


@dataclass(frozen=True)
class Option:
    """An option of ours, and how others are told the same: None if they cannot be."""

    box: Mapping[str, Any] = field(default_factory=dict)  # parts of a `Box`
    oci: dict[str, Any] | None = field(default_factory=dict)  # added to config.json
    bwrap: tuple[str, ...] | None = ()


OPTIONS = {
    "": Option(),
    "--read-only": Option({}, {"root": {"readonly": True}}, ("--remount-ro", "/")),
    "--network none": Option({"network": True}),
    "--cap-add SYS_ADMIN": Option(
        {}, capability("SYS_ADMIN"), ("--cap-add", "CAP_SYS_ADMIN")
    ),
    "--cap-add SYS_PTRACE": Option(
        {}, capability("SYS_PTRACE"), ("--cap-add", "CAP_SYS_PTRACE")
    ),
    "--user 1000:1000": Option({"user": "1000:1000"}),
    "--memory 64m": Option(
        {}, {"linux": {"resources": {"memory": {"limit": 64 << 20}}}}, None
    ),
    "--pids-limit 10": Option(
        {}, {"linux": {"resources": {"pids": {"limit": 10}}}}, None
    ),
    "--storage-opt size=16m": Option({}, None, None),
    "--cap-add MKNOD --volume VOLUME": Option(
        {"volume": True}, capability("MKNOD"), ("--cap-add", "CAP_MKNOD")
    ),
    "--volume VOLUME:ro": Option({}, None, None),
    "--tty": Option({"terminal": True}),
    "--cap-add ALL": Option({}, None, None),
    "--security-opt seccomp=unconfined": Option({}, None, None),
}
MAY_BE_IMPOSSIBLE = ("--user 1000:1000", "--memory 64m")  # for an ordinary user

TREES = " ".join(
    ",".join(entry.controllers) or "v2" for entry in procfs.cgroup_entries()
)

PRESSURE = " ".join(f"/proc/pressure/{each}" for each in ("cpu", "io", "irq", "memory"))
OF_PID_1 = [
    f"/proc/1/{each}" for each in ("mem", "environ", "exe", "root", "cwd", "fd/0")
]
SHOWN = {"mounts that show the host's paths": VOLUME}


def opened(*rows: str) -> Answers:
    return dict.fromkeys(rows, "done")


def shut(*rows: str) -> Answers:
    return dict.fromkeys(rows, "no")


# By default, what is not in this table is refused.
DEFAULT = {
    "write to /": "done",  # which stays in the layer
    "write to what stdin reads": "done",  # where the file's mode lets us: see README.md
    "mounts where setuid works": "/",  # for su and sudo, with the rights there are
    "environment": "PATH HOME TERM HOSTNAME",
    "umask": "022",
    "nice": "0",
    "MB of files in /": "512",
    "MB of files in /dev": "0",  # 64 kB
    "MB of files in /dev/shm": "64",
    "files in /": "65536",
    "files in /dev": "64",
    "files in /dev/shm": "4096",
    "processes": "17",  # and PID 1, the one that tries, and its parent
    "inotify instances": "33" if MIGHTY else "32",  # of the attempts at most
    "100 MB of memory": "done",  # without --memory there is no limit
    "vsock": "done",  # without --network none it is the host's network
    "an abstract socket of the host's": "done",
    # Anybody may open them; what is written there are wishes to be woken.
    "files of /proc to write to": PRESSURE,
    "root of a user namespace": "done",
    "as such, make cgroups in": TREES,  # where its own group is ours to change
}
if MIGHTY:
    DEFAULT |= opened("setuid program")  # it belongs to another user
# Not every kernel has these, and some machines refuse them to everybody.
MORE = (
    *("load a module", "load a kernel", "use a port of the machine"),
    *("raise a hard limit", "be ended last"),
)
BY_MACHINE = {
    *MORE,
    "as such, make cgroups in",
    "be served in real time",  # in v1, a new group has no such time
    "files of /proc to write to",
    "read the kernel's log",
    "root of a user namespace",
    "vsock",
    "io_uring",
    "a key of the host's user",
    "load a bpf program",
    "watch the machine (perf)",
    "swap to a file",
    "fanotify",
    "userfaultfd",
    "/proc/1/environ",
}


CHANGED = {
    "": {},
    "--read-only": shut("write to /"),
    "--network none": shut("vsock", "an abstract socket of the host's"),
    "--cap-add SYS_ADMIN": opened("mount", "unmount a mask", "make /proc/sys writable")
    | opened("fsopen", "open_tree", "pivot_root", "sethostname")
    | {"namespaces to unshare": "mnt uts ipc pid net cgroup time"},
    "--cap-add SYS_PTRACE": {},
    "--user 1000:1000": shut("write to /", "write to what stdin reads")
    | shut("as such, make cgroups in"),
    "--memory 64m": shut("100 MB of memory"),
    "--pids-limit 10": {"processes": "7"},
    "--storage-opt size=16m": {"MB of files in /": "16"},
    # No device works but those of our /dev, and no setuid program of the volume.
    "--cap-add MKNOD --volume VOLUME": opened("write to a volume") | SHOWN,
    "--volume VOLUME:ro": SHOWN,
    "--tty": {},
    # What the filter of calls alone refuses; the log, where every user may read it.
    "--security-opt seccomp=unconfined": opened("io_uring", "read the kernel's log"),
}
if MIGHTY:  # to others, these are rights over their own container alone
    CHANGED["--cap-add SYS_ADMIN"] |= opened("swap to a file", "fanotify")
    CHANGED["--cap-add SYS_ADMIN"] |= opened("watch the machine (perf)")
    CHANGED["--cap-add SYS_ADMIN"] |= opened(
        "load a bpf program", "/proc/1/environ"
    ) | {"files of /proc to write to": f"{PRESSURE} /proc/mtrr"}
    CHANGED["--security-opt seccomp=unconfined"] |= opened("a key of the host's user")
    CHANGED["--cap-add SYS_PTRACE"] |= opened("trace PID 1", "userfaultfd")
    CHANGED["--cap-add SYS_PTRACE"] |= opened("take a descriptor of PID 1", *OF_PID_1)
# With all rights, these attempts succeed, so that a refusal means something.
CHANGED["--cap-add ALL"] = (
    CHANGED["--cap-add SYS_ADMIN"] | CHANGED["--cap-add SYS_PTRACE"]
)
CHANGED["--cap-add ALL"] |= opened("reboot")  # of its own PID namespace
if MIGHTY:
    CHANGED["--cap-add ALL"] |= opened("setns to those of PID 1", "open by handle")
    CHANGED["--cap-add ALL"] |= opened("open /proc/kmsg", "be served first")
    CHANGED["--cap-add ALL"] |= opened("be served in real time", "set the clock")
    CHANGED["--cap-add ALL"] |= opened("account to a file", "raw socket")
    CHANGED["--cap-add ALL"] |= opened("read the kernel's log", "packet socket")
    CHANGED["--cap-add ALL"] |= opened("change what the console shows", *MORE)
# Where another refuses, or bounds, what we allow.
WEAKER = {
    "mounts where setuid works": "bwrap runs no setuid program at all",
    "setuid program": "as above",
    "environment": "TERM and HOSTNAME are set too, as in Docker",
}

Pair = tuple[str, str]  # an option, and one of the ways


@dataclass(frozen=True)
class Tried:
    """What came of it all, and why there is nothing where that is so."""

    answers: Mapping[Pair, Answers]
    missing: Mapping[Pair, str]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    things = tmp_path_factory.mktemp(f"walls-{os.getpid()}-")
    build(things)
    with known_to_the_host(things.name) as join, ThreadPoolExecutor(2, "", join) as at:
        done = at_once(at, things, [(option, OURS) for option in OPTIONS])
        assert not (things / "rootfs/written").exists()
        done |= at_once(at, things, [(o, way) for o in OPTIONS for way in WAYS[1:]])
    answers = {pair: each for pair, each in done.items() if isinstance(each, dict)}
    missing = {pair: each for pair, each in done.items() if isinstance(each, str)}
    print("", *report(answers, missing), sep="\n")
    return Tried(answers, missing)


def build(things: Path) -> None:
    """Make a rootfs and a volume with the program in it, and a word for it."""
    root, volume = things / "rootfs", things / "volume"
    for name in ("bin", "dev", "etc", "proc", "sys", "usr", VOLUME[1:]):
        (root / name).mkdir(parents=True)
    volume.mkdir()
    try:
        box.compile_c(Path(__file__).with_name("walls.c"), root / "bin/walls")
    except (box.Missing, subprocess.CalledProcessError):
        pytest.skip("needs gcc, and a static C library")
    for setuid in (root / "bin/setuid", volume / "setuid"):
        shutil.copy(root / "bin/walls", setuid)
        if MIGHTY:
            os.chown(setuid, 1, 1)
        setuid.chmod(0o4755)
    (root / "etc/walls").write_text(things.name)
    (things / "stdin").touch()


@contextmanager
def known_to_the_host(name: str) -> Generator[Callable[[], object]]:
    """Have a socket, keys and cgroups of this name; yield what joins their session."""
    with socket.socket(socket.AF_UNIX) as server, ExitStack() as held:
        server.bind(f"\0{name}")
        server.listen(100)
        for group in groups(name):
            try:
                group.mkdir()
            except OSError:
                continue  # not for us to make, or in a tree that is mounted twice
            held.callback(group.rmdir)
        if not keys.has_keys():
            yield lambda: None
            return
        words = (b"user", name.encode(), b"secret", 6)
        key = keys.ask("syscall", keys.ADD_KEY[keys.MACHINE], *words, USER_KEYRING)
        unlink = (keys.KEYCTL[keys.MACHINE], UNLINK, key, USER_KEYRING)
        held.callback(keys.ask, "syscall", *unlink)
        yield partial(keys.keyring_with_a_key, name.encode())


def groups(name: str) -> Iterator[Path]:
    """Name a group in each tree of cgroups, below the one that we are in."""
    for entry in procfs.cgroup_entries():
        for tree in procfs.mounts():
            is_its = set(entry.controllers) <= set(tree.super_options.split(","))
            if is_its and tree.fstype == ("cgroup" if entry.hierarchy else "cgroup2"):
                yield Path(tree.target + entry.path, name)


def at_once(
    pool: ThreadPoolExecutor, things: Path, pairs: list[Pair]
) -> dict[Pair, Answers | str]:
    """Return all answers of these containers, of which two run at a time."""
    return dict(zip(pairs, pool.map(partial(attempts, things), pairs), strict=True))


def attempts(things: Path, pair: Pair) -> Answers | str:
    """Return what a container answers, or why there is none."""
    option, way = pair
    if way != OURS and not shutil.which(way):
        return "is not installed"
    own = Path(tempfile.mkdtemp(prefix="", dir=things))
    words = ours(things, option) if way == OURS else theirs(things, pair, own)
    if not words:
        return "has no such option"
    run = at_a_terminal if OPTIONS[option].box.get("terminal") else piped
    printed = run(words, things, os.environ | {"XDG_RUNTIME_DIR": str(own)})
    answers = dict(re.findall(r"(?m)^([^:\n]+): (.*?)\r?$", printed))
    return answers if LAST in answers else " ".join(printed.split())


def piped(words: list[str], things: Path, env: Mapping[str, str]) -> str:
    """Start it from a program that has a file of the host open twice."""
    with open(things / "stdin") as stdin:
        return subprocess.run(
            words,
            env=env,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[stdin.fileno()],
            timeout=PATIENCE,
            text=True,
        ).stdout


def at_a_terminal(words: list[str], _things: Path, env: Mapping[str, str]) -> str:
    """Start it as somebody does who sits there."""
    master, slave = os.openpty()
    first = ["setsid", "--ctty", "timeout", "--foreground", str(PATIENCE)]
    with subprocess.Popen(
        [*first, *words], env=env, stdin=slave, stdout=slave, stderr=slave
    ):
        os.close(slave)
        with open(master, "rb", buffering=0) as terminal:
            return b"".join(until_nobody_prints(terminal)).decode()


def until_nobody_prints(terminal: FileIO) -> Iterator[bytes]:
    try:
        while data := terminal.read(1 << 16):
            yield data
    except OSError:  # EIO: nobody has the other end open any more
        return


def ours(things: Path, option: str) -> list[str]:
    """Return the words of our container."""
    typed = option.replace("VOLUME", f"{things}/volume:{VOLUME}")
    root = f"--rootfs={things}/rootfs"
    return [*installed(), "run", root, *typed.split(), "walls"]


def theirs(things: Path, pair: Pair, own: Path) -> list[str]:
    """Return the words of another runtime for the same container; none if it cannot."""
    option, way = OPTIONS[pair[0]], pair[1]
    more = option.bwrap if way == BWRAP else option.oci
    if more is None:
        return []
    words = MAKE[way](replace(Box(things, "walls"), **option.box), own, MIGHTY)
    if isinstance(more, tuple):
        words[-2:-2] = more
    else:
        config = own / "config.json"
        config.write_text(json.dumps(merged(json.loads(config.read_text()), more)))
    return [own.name if word == "NAME" else word for word in words]


def merged(old: Any, new: Any) -> Any:
    """Return one configuration with another one in it; lists become longer."""
    if isinstance(new, dict):
        return old | {name: merged(old.get(name, {}), new[name]) for name in new}
    return [*old, *new] if isinstance(new, list) else new


# What the tables say, and what it is held against.


def names(answer: str) -> set[str]:
    """Return what an answer names; nothing if it is a refusal."""
    is_refusal = answer in ("no", "its own", "SIGKILL") or hasattr(errno, answer)
    return set() if is_refusal else set(answer.split())


def openness(answer: str) -> float:
    """Say how much a wall lets through: nothing, so much, or all that was tried."""
    found = names(answer)
    if "done" in found:
        return math.inf
    return int(answer) if answer.isdecimal() else len(found)


def wrong(answers: Answers, right: Answers) -> Answers:
    """Return the answers that are not as a table has them."""

    def is_right(row: str) -> bool:
        got, wanted = names(answers[row]), names(right.get(row, "no"))
        return got == wanted or (row in BY_MACHINE and got < wanted)

    return {row: answer for row, answer in answers.items() if not is_right(row)}


def report(
    answers: Mapping[Pair, Answers], missing: Mapping[Pair, str]
) -> Iterator[str]:
    """Print the table: all of the default, and what each option changes."""
    for option in OPTIONS:
        columns = [answers.get((option, way), {}) for way in WAYS]
        plain = [answers.get(("", way), {}) for way in WAYS]
        rows = dict.fromkeys(row for column in columns for row in column)
        yield f"\n{option or 'by default':36}" + "".join(f"{way:11}" for way in WAYS)
        for row in rows:
            if not option or any(
                column and names(column[row]) != names(before.get(row, "no"))
                for column, before in zip(columns, plain, strict=True)
            ):
                yield f"{row:36}" + "".join(
                    cell(each.get(row, "-")) for each in columns
                )
        for (asked, way), why in missing.items():
            if asked == option:
                yield f"  {way}: {why}"


def cell(answer: str) -> str:
    count = len(answer.split())
    return f"{f'{count} names' if count > 2 else answer[:10]:11}"


def test_by_default_everything_is_refused_but_what_is_named(tried: Tried) -> None:
    assert not wrong(tried.answers["", OURS], DEFAULT)


@pytest.mark.parametrize("option", list(filter(None, OPTIONS)))
def test_an_option_moves_the_walls_that_it_is_about(option: str, tried: Tried) -> None:
    if option in MAY_BE_IMPOSSIBLE and (why := tried.missing.get((option, OURS))):
        pytest.skip(why)

    assert not wrong(tried.answers[option, OURS], DEFAULT | CHANGED[option])


@pytest.mark.parametrize("option", OPTIONS)
def test_no_wall_is_weaker_than_those_of_others(option: str, tried: Tried) -> None:
    others = [tried.answers.get((option, way), {}) for way in WAYS[1:]]
    weaker = {
        row
        for row, answer in tried.answers.get((option, OURS), {}).items()
        if any(openness(answer) > openness(other.get(row, answer)) for other in others)
    }

    assert weaker <= set(WEAKER)
