"""inside_commands: look into containers that run, hold them still, copy files."""

import sys

from cfslib.cli.life_commands import WHICH, Each, place, several
from cfslib.cli.parser import Command, Option, Usage, parse
from cfslib.isolation import freezer
from cfslib.runtime import enter, register

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cfslib.runtime.state import State

_PAUSE = several("pause", about="Holds all its processes still.")
_UNPAUSE = several("unpause", about="Lets it go on.")
_TOP = Command("cfs top", "[-h] CONTAINER", least=["CONTAINER"], most=1, about=WHICH)
_DIFF = Command(
    "cfs diff",
    "[-h] CONTAINER",
    least=["CONTAINER"],
    most=1,
    about=f"{WHICH}\n\nPrints what was added (A), changed (C) and deleted (D).",
)
_STATS = Command(
    "cfs stats",
    "[-h] [--no-stream] [CONTAINER ...]",
    [Option("--no-stream", help="once, and not again each second")],
    about=f"{WHICH} (default: all that run)",
)
_CP = Command(
    "cfs cp",
    "[-h] CONTAINER:PATH DIR|FILE|-  or  FILE|DIR|- CONTAINER:PATH",
    least=["FROM", "TO"],
    most=2,
    about="""\
positional arguments:
  PATH       in the container; PATH/. is what is in a directory
  -          an archive, on standard output or input

What comes out belongs to you, what goes in to root inside; an archive has owners of its
own.  Permissions and times stay, but out here nothing is setuid.""",
)


def pause(line: "Sequence[str]") -> int:
    """`cfs pause`: hold containers still."""
    _, words = parse(_PAUSE, line)

    def hold(container: "State") -> None:
        enter.check(container)
        try:
            freezer.freeze(container.groups())
        except OSError as error:
            enter.check_runs(container)  # or says that it has just ended
            if isinstance(error, PermissionError):
                error.args = (f"{container.name} cannot be paused: it has no cgroup",)
                error.add_note(
                    "Hint: it has one if root starts it, or --memory is limited."
                )
            raise

    return Each(words).do(hold).name()


def unpause(line: "Sequence[str]") -> int:
    """`cfs unpause`: let containers go on."""
    _, words = parse(_UNPAUSE, line)

    def go_on(container: "State") -> None:
        if not freezer.is_frozen(container.groups()):
            raise OSError(f"{container.name} is not paused")
        freezer.thaw(container.groups())

    return Each(words).do(go_on).name()


def show_processes(line: "Sequence[str]") -> int:
    """`cfs top`: list the processes of a container."""
    _, (word,) = parse(_TOP, line)
    from cfslib.cli import inside_tables

    print(inside_tables.processes(running(word)))
    return 0


def running(word: str) -> "State":
    """Return a container that runs, though it may be paused."""
    container = register.find(place(), word)
    enter.check_runs(container)
    return container


def show_changes(line: "Sequence[str]") -> int:
    """`cfs diff`: list what has been changed of the files of a container."""
    _, (word,) = parse(_DIFF, line)
    from cfslib.runtime import changes

    changes.print_of(running(word))
    return 0


def show_figures(line: "Sequence[str]") -> int:
    """`cfs stats`: show how much containers use."""
    asked, words = parse(_STATS, line)
    from cfslib.cli import inside_tables

    where = place()
    chosen = [running(word) for word in words]
    inside_tables.show_figures(
        lambda: chosen or register.every(where), once=bool(asked["--no-stream"])
    )
    return 0


def copy(line: "Sequence[str]") -> int:
    """`cfs cp`: copy files into a container, and out of it."""
    _, (source, target) = parse(_CP, line)
    from cfslib.runtime import copying

    of_source, of_target = _in_container(source), _in_container(target)
    if bool(of_source) == bool(of_target):
        raise Usage("one of the two has to be CONTAINER:PATH, and the other not")
    if of_source:
        word, path = of_source
        if target == "-":
            if sys.stdout.isatty():
                raise Usage("an archive is not for a terminal: cfs cp ... - | tar -t")
            copying.archive_of(running(word), path, sys.stdout.buffer)
        else:
            copying.out_of(running(word), path, target)
        return 0
    word, path = of_target
    if source == "-":
        copying.archive_into(running(word), sys.stdin.buffer, path)
    else:
        copying.into(running(word), source, path)
    return 0


def _in_container(text: str) -> "tuple[str, ...]":
    """Return a container and a path; nothing if a file of the host is meant."""
    word, colon, path = text.partition(":")
    if not colon or word[:1] in ("/", "."):  # as Docker has it: ./a:b is a file
        return ()
    return word, path


COMMANDS: "Mapping[str, Callable[[Sequence[str]], int]]" = {
    "pause": pause,
    "unpause": unpause,
    "top": show_processes,
    "stats": show_figures,
    "cp": copy,
    "diff": show_changes,
}
