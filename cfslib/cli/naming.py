"""naming: what `cfs run` does for a container that goes on, or has a name."""

import posix

from cfslib.cli.parser import Usage
from cfslib.runtime import monitor, places
from cfslib.runtime.monitor import Asked
from cfslib.runtime.names import SHOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cfslib.cli.parser import Values
    from cfslib.runtime.spec import Spec


def way(typed: "Values") -> "Callable[[Spec], int]":
    """Return how to run a container: behind us, or in front under a name."""
    if typed["--detach"] and typed["--trace"]:
        raise Usage("--trace: with --detach, nobody stays to show it to")
    run = _behind if typed["--detach"] else monitor.in_front
    name, remove = typed["--name"], bool(typed["--rm"])
    place = places.directory(posix.environ)
    return lambda spec: run(Asked(place, spec, name, remove=remove))


def _behind(asked: Asked) -> int:
    """Start a container, and print its id; here, because a full pipe is an error."""
    id = monitor.detached(asked)
    try:
        print(id, flush=True)
    except OSError as error:
        error.add_note(f"Hint: container {id[:SHOWN]} runs nevertheless: see `cfs ps`.")
        raise
    return 0
