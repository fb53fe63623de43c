"""lessons.start: the checks of notebook 00."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps
from cfslib.isolation.namespaces import Namespace
from cfslib.lessons import Point, verdict
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec

TELL_NAME = ["cat", "/proc/sys/kernel/hostname"]


def check_named(name: str, named: Callable[[], Spec]) -> None:
    """Check exercise 1: a spec of a container with a name of its own."""
    spec = _asked_for(named)
    printed = inside = ""
    if spec:
        printed = _printed(spec)
        inside = _printed(spec.changed(argv=TELL_NAME))
    verdict(
        Point(
            "the function returns a Spec",
            spec is not None,
            "Spec([...]) with the program, and what differs from the defaults.",
        ),
        Point(
            f"the machine inside is called {name}",
            inside.strip() == name,
            "Spec has a field for it: see the list above.",
        ),
        Point(
            "the container prints that name",
            printed.strip() == name,
            'The program that prints it is "hostname".',
        ),
        of=("00-start-here", 1),
    )


def check_note(left: Callable[[Path], Spec]) -> None:
    """Check exercise 2: a spec of a container that writes into a volume."""
    with tempfile.TemporaryDirectory(prefix="cfs-lesson-") as directory:
        here = Path(directory)
        spec = _asked_for(lambda: left(here))
        before = sorted(here.iterdir())
        if spec:
            _printed(spec)
        note = here / "note"
        text = note.read_text() if note.is_file() else None
    verdict(
        Point(
            "the function returns a Spec, and writes nothing itself",
            spec is not None and not before,
            "It only describes the container; the check runs it.",
        ),
        Point(
            "afterwards the directory has a file `note`",
            text is not None,
            'A volume shows it inside: volumes=[Volume(directory, Path("/data"))].',
        ),
        Point(
            "the container wrote `kept` into it",
            text == "kept\n",
            'A shell can redirect: ["sh", "-c", "echo kept > /data/note"].',
        ),
        of=("00-start-here", 2),
    )


def _asked_for(describe: Callable[[], Spec]) -> Spec | None:
    """Return what a learner's function returns, if it is a Spec."""

    def answer() -> Spec | None:
        # A function that renames the machine itself shall not rename this one.
        idmaps.unshare_as_root(Namespace.UTS)
        spec = describe()
        return spec if isinstance(spec, Spec) else None

    return in_child(answer)


def _printed(spec: Spec) -> str:
    try:
        return capture(spec).stdout
    except (OSError, ValueError) as error:
        print(error)
        return ""
