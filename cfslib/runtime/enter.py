"""enter: run one more command in a container that runs.

What it does on its way in is told in `way_in`; this is what stays outside: it waits,
passes signals on, and copies what is typed and printed, as for a container.
"""

import posix

from cfslib.children import streams
from cfslib.isolation import freezer
from cfslib.kernel import libc
from cfslib.kernel.held import Held
from cfslib.kernel.kept_back import KeptBack
from cfslib.runtime import init, state
from cfslib.runtime.entrance import check_runs as check_runs
from cfslib.runtime.entrance import ended
from cfslib.runtime.lifeline import Child, SignalsPassedOn
from cfslib.runtime.passage import GIVE_UP, Passage
from cfslib.runtime.way_in import Command as Command
from cfslib.runtime.way_in import Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from cfslib.children.pipes import Pipes
    from cfslib.runtime.relay import InsteadOfTerminals
    from cfslib.runtime.state import State


def run(
    container: "State",
    command: Command,
    term: str = "dumb",
    caught: "Pipes | None" = None,
) -> int:
    """Run a command in a container to its end; return its exit code.

    It has our standard streams, or what it prints is `caught`.
    """
    streams.flush()
    pipes = caught or _instead_of_terminals(command)
    with KeptBack() as kept, Held() as held:
        if pipes:
            held.enter(pipes)
        inside = pipes.inside() if pipes else ()
        entered = held.enter(Entered(container, command, term=term, streams=inside))
        if command.detached:
            return 0
        pid = entered.process.pid
        with SignalsPassedOn(pid):
            if pipes:
                pipes.join(pid, kept)
            if entered.master is not None:
                from cfslib.runtime import terminal

                terminal.relay(entered.master, pid, kept)
            kept.wait(entered.process.see_its_end)
            return init.shell_code(entered.process.wait())


def _instead_of_terminals(command: Command) -> "InsteadOfTerminals | None":
    """Return what the command has in place of our terminal, if it gets none."""
    if command.detached or command.terminal or not any(map(posix.isatty, range(3))):
        return None
    from cfslib.runtime import relay  # here, because it is rarely so

    return relay.InsteadOfTerminals(command.interactive)


class Entered:
    """A command that runs in a container; leaving the context ends it."""

    def __init__(
        self,
        container: "State",
        command: Command,
        *,
        term: str = "dumb",
        streams: "Sequence[int]" = (),
    ) -> None:
        check(container)
        self._container, self._held = container, Held()
        try:
            self._enter(Way(container, command, term), streams)
        except BaseException as error:
            self.__exit__()
            if isinstance(error, OSError) and container.status() != state.RUNNING:
                raise ended(container) from None
            raise

    def _enter(self, way: "Way", streams: "Sequence[int]") -> None:
        passage = self._held.enter(Passage(way.command.terminal))
        first = libc.fork_quietly()
        if first == 0:
            passage.live(lambda: way.go(passage, streams))
        self.process = self._held.enter(Sent(first))
        self.master = passage.hear()
        if way.command.detached:
            self.process.wait()  # who is inside now is another one

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.__exit__()


class Sent(Child):
    """The one who has gone in, and looks after the command."""

    def kill(self) -> None:
        """End it now, and let it end the command before, or what was to become that.

        Never by SIGKILL: a dead child of its own would be left to the host's init,
        and where that waits for nobody, the container could not end.
        """
        if self._status is None:
            posix.kill(self.pid, GIVE_UP)


def check(container: "State") -> None:
    """Raise an `OSError` if a container does not run, or is paused."""
    check_runs(container)
    if freezer.is_frozen(container.groups()):
        error = OSError(f"{container.name} is paused")
        error.add_note(f"Hint: `cfs unpause {container.name}` lets it go on.")
        raise error
