"""lessons.start: the checks of notebook 00."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.children.pipes import Finished
from cfslib.images import cache
from cfslib.isolation import idmaps
from cfslib.isolation.namespaces import Namespace
from cfslib.lessons import Point, exercise, guard
from cfslib.runtime.errors import CannotExecute
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec

NAME = "workshop"
ANOTHER = "playground"
TELL_NAME = ["cat", "/proc/sys/kernel/hostname"]
MOST = 1 << 16  # bytes that an answer's container may print


@exercise("00-start-here", 1)
def check_named(named: Callable[[], Spec]) -> list[Point]:
    """Check exercise 1: a spec of a container with a name of its own."""
    spec, wanted = _described(named)
    inside = printed = elsewhere = ""
    if spec:
        inside = _ran(spec.changed(argv=TELL_NAME)).stdout.removesuffix("\n")
        printed = _ran(spec).stdout
        elsewhere = _ran(spec.changed(hostname=ANOTHER)).stdout
    asks = ANOTHER in elsewhere.split()
    return [
        Point("the function returns a Spec", spec is not None, wanted),
        Point(
            f"the machine inside is called {NAME}",
            inside == NAME,
            f"It is called {inside!r}.  Spec has a field for it: see the list above.",
        ),
        Point(
            "the container prints the name of its machine",
            NAME in printed.split() and asks,
            'The program that prints it is "hostname", without anything after it.'
            if asks or NAME not in printed.split()
            else 'It prints a word of yours.  "hostname" asks what the name is.',
        ),
    ]


@exercise("00-start-here", 2)
def check_note(leaves_a_note: Callable[[Path], Spec]) -> list[Point]:
    """Check exercise 2: a spec of a container that writes into a volume."""
    with tempfile.TemporaryDirectory(prefix="cfs-lesson-") as name:
        here = Path(name)
        spec, wanted = _described(lambda: leaves_a_note(here))
        left_before = any(here.iterdir())
        why = _leave_it(spec, here) if spec else ""
        note = here / "note"
        text = note.read_text(errors="replace") if note.is_file() else None
    return [
        Point(
            "the function returns a Spec, and writes nothing itself",
            spec is not None and not left_before,
            "The container shall write, not your function." if spec else wanted,
        ),
        Point("afterwards the directory has a file called note", text is not None, why),
        Point(
            "the container wrote the word kept into it",
            text is not None and text.strip() == "kept",
            f'It says {text!r}.  The shell writes it with "echo kept > FILE".',
        ),
    ]


def _described(describe: Callable[[], object]) -> tuple[Spec | None, str]:
    """Return what a function returns, if it is a Spec; and what to say if it is not."""

    def answer() -> tuple[Spec | None, str]:
        # A function that renames the machine itself shall not rename this one.
        idmaps.unshare_as_root(Namespace.UTS)
        found = describe()
        if isinstance(found, Spec):
            return found, ""
        given = "nothing" if found is None else f"this: {found!r:.60}"
        return (
            None,
            f"It returns {given}.  Write: return Spec([...]).  The check runs it.",
        )

    return in_child(answer)


def _ran(spec: Spec) -> Finished:
    """Run a container, for no longer than an answer may take."""
    cache.current()  # to build a rootfs may take longer
    try:
        with guard.in_time(guard.SECONDS):
            return capture(spec.changed(terminal=False), most=MOST)
    except CannotExecute as error:
        if " " in spec.argv[0]:
            error.add_note('Each word is an entry of its own: ["ls", "-l"].')
        raise


def _leave_it(spec: Spec, here: Path) -> str:
    """Run a container that should leave a note; return why there may be none."""
    places = [volume.target for volume in spec.volumes if volume.source == str(here)]
    try:
        done = _ran(spec)
    except OSError as error:
        if spec.volumes and not places:
            error.add_note(
                "Volume(source, target): the directory of the host is first."
            )
        raise
    if not spec.volumes:
        return 'A volume shows it inside: volumes=[Volume(directory, "/data")].'
    if not places:
        return "No volume has your directory as its source: Volume(directory, ...)."
    if ">" in done.stdout:
        return '">" means something to a shell only: ["sh", "-c", "... > ..."].'
    if spec.argv[0] in ("sh", "bash") and "-c" not in spec.argv:
        return 'A shell takes a command line after "-c": ["sh", "-c", "..."].'
    if done.stderr:
        return f"The container said: {done.stderr.strip()}"
    if others := [path.name for path in here.iterdir()]:
        return f"There is {others[0]!r} in it.  Wanted is a file that is called note."
    return f"Inside, your directory is {places[0]}: write to {places[0]}/note."
