"""visit: do something with the files of a container, as its root, unseen by anybody.

A child enters the user and the mount namespace alone.  It has no pid inside, so nobody
there can see it, and its paths start at the container's root, so no link leads to the
host's files.  Nothing of what it does may need a module by then, or look for a library:
it would be one of the container's (CVE-2019-14271).
"""

import posix

from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import libc
from cfslib.runtime import enter, init
from cfslib.runtime.entrance import Found
from cfslib.runtime.lifeline import Child
from cfslib.runtime.passage import Passage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cfslib.runtime.state import State


class Visit:
    """A child that does something in there, for a `with` block; then it has ended."""

    def __init__(self, container: "State", action: "Callable[[], object]") -> None:
        enter.check_runs(container)
        self._passage = Passage(with_descriptors=False)
        pid = libc.fork_quietly()
        if pid == 0:
            self._passage.live(lambda: _go(self._passage, container, action))
        self._child = Child(pid)

    def wait(self) -> None:
        """Wait until it is done; raise what went wrong."""
        try:
            self._passage.hear_end()
        finally:
            self._child.wait()

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self._child.__exit__()
        self._passage.__exit__()


def _go(passage: Passage, container: "State", action: "Callable[[], object]") -> int:
    """Be the child."""
    init.let_nobody_look_into_us()
    found = Found(container)
    init.import_nothing_more()
    found.enter(Namespace.USER)
    found.enter(Namespace.MNT)
    found.close()
    posix.umask(0o022)
    try:
        action()
    except ImportError as error:  # of a container's files we import nothing
        raise OSError(f"cannot do this inside: {error}") from None
    return 0
