"""life_commands: look at containers that go on by themselves, and end them.

Most take several names, ids, or what one id alone begins with.  What cannot be done for
one is said, and done for the others; then the exit status is 1.
"""

import _signal
import os
import sys
import time

from cfslib.cli import failures, life
from cfslib.cli.parser import Command, Option, Usage, parse
from cfslib.runtime import ending, monitor, places, register, state
from cfslib.runtime.names import SHOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from cfslib.isolation.network.ports import Port
    from cfslib.runtime.state import State

    T = TypeVar("T")
    U = TypeVar("U")

PATIENCE = "10"  # seconds from the stop signal to SIGKILL
WHICH = "positional arguments:\n  CONTAINER  a name, an id, or how one id alone begins"


def seconds(text: str) -> "int | None":
    """Read for how long to wait; -1 is for ever."""
    if text == "-1":
        return None
    return number(text)


def number(text: str) -> int:
    """Read a number that is not negative."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Usage(f"not a number: {text!r}")
    return int(text)


# fmt: off
_TIME = Option("--time", "-t", "SECONDS", seconds, default=PATIENCE,
    help=f"until it is killed; -1 is for ever (default: {PATIENCE})")
# fmt: on
_PS = Command(
    "cfs ps",
    "[-h] [-a] [-q]",
    [
        Option("--all", "-a", help="those that have ended too"),
        Option("--quiet", "-q", help="ids only"),
    ],
    most=0,
)
_LOGS = Command(
    "cfs logs",
    "[-h] [-f] [--tail N] [-t] CONTAINER",
    [
        Option("--follow", "-f", help="go on until it ends"),
        Option("--tail", "-n", "N", number, help="no more than the last N lines"),
        Option("--timestamps", "-t", help="when each line was begun, in UTC"),
    ],
    least=["CONTAINER"],
    most=1,
    about=f"{WHICH}\n\nThe last 4 to 8 MB of what it printed are kept.",
)
_ATTACH = Command(
    "cfs attach",
    "[-h] CONTAINER",
    least=["CONTAINER"],
    most=1,
    about=f"""{WHICH}

Shows what it prints from now on.  What is typed it reads if it was started
with -t or -i.  If it has a terminal, Ctrl-P Ctrl-Q leaves it; else Ctrl-C is
sent to it.  The exit status is that of the container, or 0 if it was left.""",
)
_RESTART = Command(
    "cfs restart",
    "[-h] [-t SECONDS] CONTAINER [CONTAINER ...]",
    [_TIME],
    least=["CONTAINER"],
    about=f"""{WHICH}

Stops it, if it runs, and starts it anew with the same options: its name, its
id and its log stay.  What was written inside is gone, because it was in memory:
what is to stay belongs into a volume.""",
)


def several(name: str, *options: Option, about: str = "") -> Command:
    """Return a command for one container or more."""
    usage = "[-h] [OPTION...] CONTAINER [CONTAINER ...]"
    text = f"{WHICH}\n\n{about}".strip()
    return Command(f"cfs {name}", usage, options, least=["CONTAINER"], about=text)


_STOP = several("stop", _TIME, about="Asks it to end, and then makes it end.")
# fmt: off
_KILL = several("kill",
    Option("--signal", "-s", "SIGNAL", life.signal, default="KILL",
        help="what to send, by name or number (default: KILL)"))
_RM = several("rm", Option("--force", "-f", help="end it, if it runs"))
# fmt: on
_WAIT = several("wait", about="Waits for its end, and prints its exit code.")
_INSPECT = several("inspect", about="Prints all that is known, as JSON.")
_PORT = Command(
    "cfs port",
    "[-h] CONTAINER [PORT[/udp]]",
    least=["CONTAINER"],
    most=2,
    about=f"{WHICH}\n  PORT       one inside: say where that is alone",
)


def place() -> str:
    """Return where our containers are written down."""
    return places.directory(os.environb)


class Each:
    """The containers that were named; those for which something fails are left out."""

    def __init__(self, words: "Sequence[str]") -> None:
        self.code = 0
        self._found: dict[str, State] = {}
        where = place()
        for word in words:
            if found := self._tried(lambda word: register.find(where, word), word):
                self._found[word] = found

    def _tried(self, action: "Callable[[T], U]", about: "T") -> "U | None":
        """Do something; say what goes wrong, and go on."""
        try:
            return action(about)
        except (OSError, LookupError, ValueError) as error:
            failures.report(error)
            self.code = 1
            return None

    def do(self, action: "Callable[[State], object]") -> "Each":
        """Do something for each of them."""

        def done(container: "State") -> bool:
            action(container)
            return True

        each = self._found.items()
        self._found = {word: one for word, one in each if self._tried(done, one)}
        return self

    def name(self) -> int:
        """Print what was typed of those for which all went well; return the status."""
        for word in self._found:
            print(word)
        return self.code


def show_all(line: "Sequence[str]") -> int:
    """`cfs ps`: list containers."""
    asked, _ = parse(_PS, line)
    from cfslib.cli import life_table

    found = register.every(place())
    if not asked["--all"]:
        found = [one for one in found if not _has_ended(one)]
    if asked["--quiet"]:
        print(*(f"{one.id[:SHOWN]}\n" for one in found), sep="", end="")
    else:
        print(life_table.table(found, getattr(sys.stdout, "encoding", "ascii")))
    return 0


def _has_ended(container: "State") -> bool:
    try:
        return container.status() == state.ENDED
    except FileNotFoundError:
        return True  # somebody has removed it just now


def show_log(line: "Sequence[str]") -> int:
    """`cfs logs`: print what a container has printed."""
    asked, (word,) = parse(_LOGS, line)
    from cfslib.cli import life_logs

    container = register.find(place(), word)
    with_times, follow = bool(asked["--timestamps"]), bool(asked["--follow"])
    last = asked["--tail"]
    life_logs.show(container, last=last, follow=follow, with_times=with_times)
    return 0


def attach(line: "Sequence[str]") -> int:
    """`cfs attach`: join a container."""
    _, (word,) = parse(_ATTACH, line)
    from cfslib.runtime import attached

    container = register.find(place(), word)
    if container.status() != state.RUNNING:
        raise ProcessLookupError(f"{container.name} does not run")
    if not container.has_door():
        raise OSError(f"{container.name} runs in front of somebody who has joined it")
    with ending.LastWord(container) as last:
        return last.code() if attached.join(container) else 0


def stop(line: "Sequence[str]") -> int:
    """`cfs stop`: ask containers to end, then make them."""
    asked, words = parse(_STOP, line)
    return _stopped(Each(words), asked["--time"]).name()


def _stopped(each: Each, patience: "int | None") -> Each:
    """Have containers end, all at the same time."""
    each.do(ending.ask)
    deadline = None if patience is None else time.monotonic() + patience
    return each.do(lambda container: ending.end(container, deadline))


def kill(line: "Sequence[str]") -> int:
    """`cfs kill`: send a signal to containers."""
    asked, words = parse(_KILL, line)
    number = asked["--signal"]

    def send(container: "State") -> None:
        ending.send(container, number)
        if number == _signal.SIGKILL:
            ending.end(container)  # so that it is over when we say so

    return Each(words).do(send).name()


def wait(line: "Sequence[str]") -> int:
    """`cfs wait`: print the exit codes of containers, when they have ended."""
    _, words = parse(_WAIT, line)

    def tell(container: "State") -> None:
        with ending.LastWord(container) as last:
            print(last.code(), flush=True)

    return Each(words).do(tell).code


def remove(line: "Sequence[str]") -> int:
    """`cfs rm`: forget containers."""
    asked, words = parse(_RM, line)

    def forget(container: "State") -> None:
        if not _has_ended(container):
            if not asked["--force"]:
                raise _still_runs(container.name)
            ending.end(container)
        ending.clear_away(container)

    return Each(words).do(forget).name()


def _still_runs(name: str) -> OSError:
    error = OSError(f"{name} still runs")
    error.add_note(f"Hint: `cfs stop {name}` ends it, and `cfs rm -f` both.")
    return error


def inspect(line: "Sequence[str]") -> int:
    """`cfs inspect`: print all that is known of containers."""
    _, words = parse(_INSPECT, line)
    import json

    from cfslib.cli import life_table

    found: list[object] = []
    each = Each(words).do(lambda one: found.append(life_table.everything(one)))
    print(json.dumps(found, indent=4))
    return each.code


def restart(line: "Sequence[str]") -> int:
    """`cfs restart`: end containers, and start them anew."""
    asked, words = parse(_RESTART, line)
    each = Each(words).do(lambda one: one.want_again())
    _stopped(each, asked["--time"])
    return each.do(lambda one: _start_anew(one, alone=len(words) == 1)).name()


def _start_anew(container: "State", *, alone: bool) -> None:
    try:
        monitor.detached(monitor.AskedAgain(container))
    except OSError as error:
        from cfslib.runtime import scope  # here, because it is hardly ever needed

        if alone:  # or the others would be started twice
            scope.begin_anew(error)
        raise


def ports(line: "Sequence[str]") -> int:
    """`cfs port`: print at which addresses of the host a container listens."""
    _, (word, *inside) = parse(_PORT, line)
    found = _published(register.find(place(), word))
    if not inside:
        for port in sorted(found, key=lambda port: (port.inside, str(port))):
            print(port)
        return 0
    served = inside[0] if "/" in inside[0] else f"{inside[0]}/tcp"
    wanted = [port.reached for port in found if port.served == served]
    if not wanted:
        raise LookupError(f"no port {served} of {word} is published")
    print(*wanted, sep="\n")
    return 0


def _published(container: "State") -> "list[Port]":
    """Return the ports of a container, which has them for as long as it runs."""
    from cfslib.isolation.network import ports  # here, because the others need none

    if container.status() != state.RUNNING:
        return []
    texts = container.facts()["spec"]["publish"]
    return [port for text in texts for port in ports.read(text)]


COMMANDS: "Mapping[str, Callable[[Sequence[str]], int]]" = {
    "ps": show_all,
    "logs": show_log,
    "attach": attach,
    "stop": stop,
    "kill": kill,
    "wait": wait,
    "rm": remove,
    "inspect": inspect,
    "restart": restart,
    "port": ports,
}
