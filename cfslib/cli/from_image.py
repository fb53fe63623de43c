"""from_image: what an image says of how to run it, and what is typed in its place.

The rules are Docker's: a command that is typed stands for Cmd, and follows Entrypoint;
`--entrypoint` stands for Entrypoint, and then Cmd does not count.
"""

import posix

from cfslib.cli import life
from cfslib.cli.parser import Usage
from cfslib.images import picked
from cfslib.images.picked import REAL
from cfslib.images.search import PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cfslib.cli.parser import Values
    from cfslib.images.picked import Picked


def parts(name: str, typed: "Values", argv: "list[str]") -> "dict[str, Any]":
    """Return the parts of a `Spec` in which an image has a say."""
    image = picked.found(name, posix.environ)
    return {
        "argv": _command(image, typed["--entrypoint"], argv),
        "rootfs": image.tree,
        "env": {"PATH": PATH} | image.variables | dict(typed["--env"]),
        "workdir": _directory(typed["--workdir"], image.workdir),
        "user": image.user or "0",
        "image": image.familiar,
        "many_owners": image.owners == REAL,
        **_stop_signal(image.stop_signal),
    }


def _command(
    image: "Picked", entrypoint: "str | None", argv: "list[str]"
) -> "list[str]":
    """Return what to run."""
    if entrypoint is not None:
        words = [entrypoint, *argv] if entrypoint else argv
    else:
        words = [*image.entrypoint, *(argv or image.cmd)]
    if not words or not words[0]:
        raise Usage("run what? the image names no command: --image NAME COMMAND")
    return words


def _stop_signal(name: str) -> "dict[str, int]":
    """Return what asks its command to end, if it says so."""
    try:
        return {"stop_signal": life.signal(name)} if name else {}
    except Usage as error:
        raise Usage(f"StopSignal of the image: {error}") from None


def _directory(typed: "str | None", workdir: str) -> str:
    """Return where to start: in a directory that is made if it is not there.

    >>> _directory(None, "app/./x/../y"), _directory("/x/", "/y"), _directory(None, "")
    ('/app/y', '/x', '/')
    """
    place: list[str] = []
    for name in (typed if typed is not None else workdir).split("/"):
        if name == "..":
            place = place[:-1]
        elif name not in ("", "."):
            place.append(name)
    return f"/{'/'.join(place)}"
