"""exec_command: run one more command in a container that runs."""

import posix

from cfslib.children import streams
from cfslib.cli.parser import Command, Option, Usage, parse
from cfslib.runtime import enter, places, register

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def _variable(text: str) -> "tuple[str, str]":
    from cfslib.cli import values  # here, because it takes long to import

    return values.variable(text)


# fmt: off
_EXEC = Command("cfs exec", "[OPTION...] CONTAINER COMMAND [ARG...]",
    [
        Option("--env", "-e", "NAME=VALUE", _variable, many=True,
            help="set a variable beside those of the container; may be repeated"),
        Option("--user", "-u", "USER[:GROUP]",
            help="who to be inside (default: as the container)"),
        Option("--workdir", "-w", "DIR",
            help="where to start (default: as the container)"),
        Option("--detach", "-d", help="let it go on without us; nobody sees its text"),
        Option("--interactive", "-i", help="read what is typed without a terminal too"),
        Option("--tty", "-t",
            help="make a terminal inside (default: if all streams are ours)"),
    ],
    least=["CONTAINER", "COMMAND"],
    stops=True,
    about="""\
positional arguments:
  CONTAINER             a name, an id, or how one id alone begins
  COMMAND [ARG...]      what to run

It is held as the container is: the same groups and limits, rights and filter.  It ends
with `cfs exec`, unless that had -d, and with the container.""")
# fmt: on


def execute(line: "Sequence[str]") -> int:
    """`cfs exec CONTAINER COMMAND`: run a command in a container that runs."""
    typed, (word, *argv) = parse(_EXEC, line)
    detached = bool(typed["--detach"])
    if typed["--tty"] and detached:
        raise Usage("--tty: with --detach, nobody has a terminal")
    if typed["--tty"] and not posix.isatty(0):
        raise Usage("--tty: standard input is no terminal")
    if not argv[0]:
        raise Usage("run what? name a command: cfs exec CONTAINER COMMAND [ARG...]")
    command = enter.Command(
        argv,
        env=dict(typed["--env"]),
        user=typed["--user"],
        workdir=typed["--workdir"],
        terminal=typed["--tty"] or (not detached and streams.are_our_terminal()),
        interactive=bool(typed["--interactive"]),
        detached=detached,
    )
    container = register.find(places.directory(posix.environ), word)
    term = posix.environ.get(b"TERM", b"dumb").decode("utf-8", "surrogateescape")
    return enter.run(container, command, term)
