"""The checks of notebook 00 know right answers from wrong ones."""

import itertools
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from cfslib.kernel import syscalls
from cfslib.lessons import start
from cfslib.runtime.run import run
from cfslib.runtime.spec import Spec, Volume
from tests.conftest import needs_namespaces
from tests.lessons.conftest import assert_not_yet

pytestmark = needs_namespaces

Named = Callable[[], object]
Left = Callable[[Path], object]
DATA = Path("/data")
WRITES = "echo kept > /data/note"


def called(*argv: str, **fields: object) -> Named:
    """Return an answer that describes a container called workshop."""
    return lambda: Spec(argv, **{"hostname": "workshop"} | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer",
    [
        called("hostname"),
        called("uname", "-n"),
        called("uname", "-a"),
        called("cat", "/proc/sys/kernel/hostname"),
        called("sh", "-c", "echo $HOSTNAME"),
        called("hostname", terminal=True),
        called("sh", "-c", "hostname; exit 3"),
    ],
    ids=itertools.count(),
)
def test_a_name_of_its_own_is_accepted(answer: Named) -> None:
    assert start.check_named(answer).done


def renames_the_host() -> Spec:
    syscalls.sethostname("workshop")
    return Spec(["hostname"])


def runs_it() -> int:
    return run(Spec(["hostname"], hostname="workshop"))


WRONG_NAMES: list[tuple[object, str]] = [
    (lambda: Spec(["echo", "workshop"]), "It is called 'cfs-container'"),
    (called("echo", "workshop"), "It prints a word of yours"),
    (called("true"), 'The program that prints it is "hostname"'),
    (called("hostname", "workshop"), "without anything after it"),
    (lambda: Spec(["hostname"]), "Spec has a field for it"),
    (called("hostname", hostname="Workshop"), "It is called 'Workshop'"),
    (called("hostname", hostname="workshop "), "It is called 'workshop '"),
    (called("hostname", hostname="w" * 80), "a hostname has at most 64 bytes"),
    (lambda: Spec(["hostname"], env={"HOSTNAME": "workshop"}), "has a field for it"),
    (lambda: Spec("hostname"), ""),
    (lambda: Spec(["hostname"], host="workshop"), "'host'"),  # type: ignore[call-arg]
    (lambda: Spec(["hostname"], "workshop"), "TypeError"),  # type: ignore[call-arg]
    (called("hostname workshop"), "Each word is an entry of its own"),
    (called("no-such-program"), "no such program inside"),
    (called("sleep", "1000"), "it had not ended after"),
    (called("yes"), "printed more than"),
    (renames_the_host, "Spec has a field for it"),
    (runs_it, "It returns this: 0"),
    (lambda: None, "It returns nothing"),
    (lambda: "workshop", "It returns this: 'workshop'"),
    (lambda: Spec, "Write: return Spec([...])"),
    (Spec(["hostname"], hostname="workshop"), "named is no function"),
    (lambda: 1 / 0, "ZeroDivisionError"),
    (lambda: Spec(["hostname"], hostname=workshop), "needs quotes"),  # type: ignore[name-defined]  # noqa: F821
]


@pytest.mark.parametrize(("answer", "said"), WRONG_NAMES, ids=itertools.count())
def test_a_name_that_is_not_one_is_refused(answer: Named, said: str) -> None:
    before = socket.gethostname()
    assert_not_yet(start.check_named(answer), "", said)
    assert socket.gethostname() == before


def left(command: str, *volumes: object, **fields: object) -> Spec:
    argv = ["sh", "-c", command]
    return Spec(argv, volumes=volumes, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer",
    [
        lambda directory: left(WRITES, Volume(directory, DATA)),
        lambda directory: left("printf kept > /data/note", Volume(directory, DATA)),
        lambda directory: left(WRITES, Volume(str(directory), "/data")),
        lambda directory: left(
            "echo kept > note", Volume(directory, "/a"), workdir="/a"
        ),
        lambda directory: left(
            "cd /mnt; echo kept | tee note", Volume(directory, "/mnt")
        ),
        lambda directory: left(
            f"echo kept > /all/{directory.name}/note", Volume(directory.parent, "/all")
        ),
    ],
    ids=itertools.count(),
)
def test_a_note_in_a_volume_is_accepted(answer: Left) -> None:
    assert start.check_note(answer).done


def left_from_outside(directory: Path) -> Spec:
    (directory / "note").write_text("kept\n")
    return Spec(["true"])


WRONG_NOTES: list[tuple[object, str]] = [
    (lambda d: left("echo kept > /note"), "volumes=[Volume(directory"),
    (lambda d: left(WRITES), "volumes=[Volume(directory"),
    (lambda d: left("echo kept > /note", Volume(d, DATA)), "write to /data/note"),
    (lambda d: left(WRITES, Volume("/data", d)), "the directory of the host is first"),
    (lambda d: left(WRITES, Volume("directory", DATA)), "no such directory"),
    (lambda d: left(WRITES, Volume(None, DATA)), "No volume has your directory"),
    (lambda d: Spec(["true"], volumes=Volume), "TypeError"),  # type: ignore[arg-type]
    (lambda d: left(WRITES, (d, DATA)), ""),
    (lambda d: left(WRITES, f"{d}:/data"), ""),
    (lambda d: left("echo kept > /data/notes", Volume(d, DATA)), "There is 'notes'"),
    (lambda d: left("mkdir /data/note", Volume(d, DATA)), "Wanted is a file"),
    (lambda d: left("echo lost > /data/note", Volume(d, DATA)), "It says 'lost\\n'"),
    (lambda d: left("touch /data/note", Volume(d, DATA)), "It says ''"),
    (lambda d: left(WRITES, Volume(d, "/data/note")), "Is a directory"),
    (lambda d: left(WRITES, Volume(d, DATA, read_only=True)), "Read-only file system"),
    (lambda d: left(WRITES, Volume(d, "/")), "a volume cannot cover /"),
    (lambda d: left(f"{WRITES}; sleep 1000", Volume(d, DATA)), "had not ended after"),
    (
        lambda d: Spec(["echo", "kept", ">", "/data/note"], volumes=[Volume(d, DATA)]),
        'means something to a shell only: ["sh", "-c"',
    ),
    (lambda d: Spec(["sh", WRITES], volumes=[Volume(d, DATA)]), 'after "-c"'),
    (lambda d: Spec([WRITES], volumes=[Volume(d, DATA)]), "Each word is an entry"),
    (left_from_outside, "The container shall write"),
    (lambda d: (d / "note").write_text("kept"), "It returns this: 4"),
    (lambda d: run(left(WRITES, Volume(d, DATA))), "It returns this: 0"),
    (lambda d: None, "It returns nothing"),
    (lambda: None, "TypeError"),
]


@pytest.mark.parametrize(("answer", "said"), WRONG_NOTES, ids=itertools.count())
def test_a_note_that_is_not_kept_is_refused(answer: Left, said: str) -> None:
    assert_not_yet(start.check_note(answer), "", said)
