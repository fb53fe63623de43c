"""direct: run a container to its end, from a process with one thread."""

import posix
import sys

from cfslib.children import streams
from cfslib.kernel.held import Held
from cfslib.kernel.kept_back import KeptBack
from cfslib.runtime import init
from cfslib.runtime.container import Created
from cfslib.runtime.lifeline import SignalsPassedOn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cfslib.children.pipes import Pipes
    from cfslib.images.cache import InUse
    from cfslib.runtime.keep import Keep
    from cfslib.runtime.relay import InsteadOfTerminals
    from cfslib.runtime.spec import Spec

    Caught = Pipes | Keep


def run(
    spec: "Spec",
    caught: "Caught | None" = None,
    runs: "Callable[[Created, int | None], None] | None" = None,
    *,
    pass_signals: bool = True,
) -> int:
    """Run a container; return its exit code as a shell would show it.

    It has our standard streams, or what it prints is `caught`.  As soon as the command
    runs, `runs` is called, with the master of its terminal if that is `caught` too.
    Signals that are sent to us go on to it; else they mean us, and whatever they raise
    ends it.
    """
    streams.flush()
    environ = _environ()
    pipes = caught or _instead_of_terminals(spec)
    with KeptBack() as kept, Held() as held:  # signals wait until PID 1 can have them
        if pipes:
            held.enter(pipes)
        inside = pipes.inside() if pipes else ()
        made = held.enter(
            Created(
                spec,
                lambda: rootfs_for(spec, environ),
                streams_follow=pipes is not None,
                can_be_entered=runs is not None,
            )
        )
        made.start(term=term_in(environ), streams=inside)
        if spec.terminal:
            from cfslib.runtime import terminal  # while PID 1 gets ready
        master = made.channel.hear()  # or raise what went wrong inside
        if runs:
            runs(made, master)
        if pass_signals:
            held.enter(SignalsPassedOn(made.pid1.pid))
        if pipes:
            pipes.join(made.pid1.pid, kept)
        if master is not None and not caught:
            terminal.relay(master, made.pid1.pid, kept)
        kept.wait(made.pid1.see_its_end)
        return init.shell_code(made.pid1.wait())


def _instead_of_terminals(spec: "Spec") -> "InsteadOfTerminals | None":
    """Return pipes if one of our streams is a terminal, and the container has none."""
    if spec.terminal or not any(map(posix.isatty, range(3))):
        return None
    from cfslib.runtime import relay  # here, because it is rarely so

    return relay.InsteadOfTerminals(spec.interactive)


def rootfs_for(spec: "Spec", environ: "Mapping[bytes, bytes]") -> "InUse":
    """Return the rootfs of a container; raise an `OSError` if it cannot be one."""
    from cfslib.images.cache import InUse  # here, because PID 1 needs none of it

    if spec.rootfs and not spec.image:  # of which nobody could put in anything
        from cfslib.isolation import rootfs  # here, because most name none

        rootfs.check(spec.rootfs)
    return InUse(spec.rootfs, environ, of_image=bool(spec.image))


def term_in(environ: "Mapping[bytes, bytes]") -> str:
    """Return the kind of terminal that an environment names: see term(7)."""
    return environ.get(b"TERM", b"dumb").decode("utf-8", "surrogateescape")


def _environ() -> "Mapping[bytes, bytes]":
    """Return our environment, with what has been changed through `os`."""
    os = sys.modules.get("os")
    return os.environb if os else posix.environ
