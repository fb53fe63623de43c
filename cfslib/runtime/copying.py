"""copying: files into a container that runs, and out of it.

out of it    a visit packs them   ---->  we unpack, or pass the archive on
into it      we pack them         ---->  a visit unpacks
"""

import os

from cfslib.runtime.transfer import Target, pack
from cfslib.runtime.visit import Visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any, BinaryIO

    from cfslib.runtime.state import State

    End = Callable[[IO[Any]], object]


def out_of(container: "State", source: str, target: str) -> None:
    """Copy a file or a directory to the host; what comes belongs to us."""
    _through_a_pipe(
        container, lambda out: pack(_inside(source), out), Target(target).unpack
    )


def archive_of(container: "State", source: str, out: "BinaryIO") -> None:
    """Write a file or a directory of a container as an archive, with its owners."""
    with Visit(container, lambda: pack(_inside(source), out)) as visit:
        visit.wait()


def into(container: "State", source: str, target: str) -> None:
    """Copy a file or a directory into a container; there it belongs to root."""
    there = Target(_inside(target), may_set_ids=True)
    _through_a_pipe(
        container, there.unpack, lambda out: pack(source, out), inwards=True
    )


def archive_into(container: "State", stream: "BinaryIO", target: str) -> None:
    """Write all of an archive into a directory of a container, with its owners."""
    there = Target(f"{_inside(target)}/.", owners=True, may_set_ids=True)
    with Visit(container, lambda: there.unpack(stream)) as visit:
        visit.wait()


def _inside(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _through_a_pipe(
    container: "State", there: "End", here: "End", *, inwards: bool = False
) -> None:
    """Do something in a visit, and something here, at the two ends of a pipe."""
    ends = os.pipe()
    ours, theirs = reversed(ends) if inwards else ends
    our_mode, their_mode = ("wb", "rb") if inwards else ("rb", "wb")

    def visiting() -> None:
        os.close(ours)
        with open(theirs, their_mode) as stream:
            there(stream)

    with Visit(container, visiting) as visit:
        os.close(theirs)
        try:
            with open(ours, our_mode) as stream:
                here(stream)
        except (OSError, ValueError) as error:
            # The one who fails first says why; for the other, a pipe is closed.
            first = inwards and not isinstance(error, BrokenPipeError)
            try:
                visit.wait()
            except (OSError, ValueError) as theirs_then:
                if not first and not isinstance(theirs_then, BrokenPipeError):
                    raise theirs_then from None
            raise error from None
        visit.wait()
