"""direct: run a container to its end, from a process with one thread."""

import posix
import sys

from cfslib.children import streams
from cfslib.runtime import init
from cfslib.runtime.container import Created
from cfslib.runtime.lifeline import SignalsKeptBack, SignalsPassedOn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cfslib.images.cache import InUse
    from cfslib.runtime.spec import Spec


def run(
    spec: "Spec",
    inside: "Sequence[int]" = (),
    meanwhile: "Callable[[], object]" = lambda: None,
) -> int:
    """Run a container; return its exit code as a shell would show it.

    `inside` are descriptors for its standard input, output and error, if they are not
    ours; `meanwhile` is called while it runs.
    """
    streams.flush()
    environ = _environ()
    follow = bool(inside)
    with (
        SignalsKeptBack() as mask,  # until PID 1 can have them
        Created(spec, lambda: rootfs_for(spec, environ), streams_follow=follow) as made,
    ):
        made.start(term=term_in(environ), streams=inside)
        if spec.terminal:
            from cfslib.runtime import terminal  # while PID 1 gets ready
        master = made.channel.hear()  # or raise what went wrong inside
        with SignalsPassedOn(made.pid1.pid, mask):
            meanwhile()
            if master is not None:
                terminal.relay(master, made.pid1.pid)
            return init.shell_code(made.pid1.wait())


def rootfs_for(spec: "Spec", environ: "Mapping[bytes, bytes]") -> "InUse":
    """Return the rootfs of a container; raise an `OSError` if it cannot be one."""
    from cfslib.images.cache import InUse  # here, because PID 1 needs none of it

    if spec.rootfs:
        from cfslib.isolation import rootfs  # here, because most name none

        rootfs.check(spec.rootfs)
    return InUse(spec.rootfs, environ)


def term_in(environ: "Mapping[bytes, bytes]") -> str:
    """Return the kind of terminal that an environment names: see term(7)."""
    return environ.get(b"TERM", b"dumb").decode("utf-8", "surrogateescape")


def _environ() -> "Mapping[bytes, bytes]":
    """Return our environment, with what has been changed through `os`."""
    os = sys.modules.get("os")
    return os.environb if os else posix.environ
