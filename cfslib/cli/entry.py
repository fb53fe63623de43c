"""entry: where the `cfs` command begins.

`cfs run` is done here, with as little as it takes.  The other commands, the texts of
--help and what is said about errors are imported when they are needed.
"""

import _signal
import posix
import sys

from cfslib.children import streams
from cfslib.cli import parser
from cfslib.cli.parser import Asked, Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cfslib.runtime.spec import Spec


def main() -> int:
    """Do what was typed, and return the exit status."""
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # or how a child ends is not told
    streams.have_all_three()  # before we open a file, which would be one of them
    line = sys.argv[1:]
    code = execute(line)
    if line[:1] in (["run"], ["exec"]):
        posix._exit(code)  # nothing is left to do, and Python takes long to end
    return code


def execute(line: "Sequence[str]") -> int:
    """Run one command and return its exit status."""
    try:
        code = _tried(line)
        if sys.stdout:
            sys.stdout.flush()  # while an error can still be reported
        return code
    except (Exception, KeyboardInterrupt) as error:
        from cfslib.cli import failures

        return failures.report(error)


def _tried(line: "Sequence[str]") -> int:
    try:
        if line[:1] == ["run"]:
            return _run(line[1:])
        if line[:1] == ["exec"]:
            return _exec(line[1:])
        from cfslib.cli import commands

        return commands.execute(line)
    except Asked as asked:
        from cfslib.cli import commands

        return commands.answer(asked)


def _run(line: "Sequence[str]") -> int:
    """`cfs run COMMAND`: run a command in a container."""
    from cfslib.cli import options  # here, because the other commands need none of it
    from cfslib.runtime import direct

    typed, argv = parser.parse(options.command(), line)
    here = not typed["--detach"]
    if typed["--tty"] and here and not posix.isatty(0):
        raise Usage("--tty: standard input is no terminal")
    terminal = typed["--tty"] or (here and streams.are_our_terminal())
    spec = options.spec_from(typed, argv, terminal=terminal)
    run: Callable[[Spec], int] = direct.run
    if not here or typed["--name"]:
        from cfslib.cli import naming  # here, because most have no name

        run = naming.way(typed)
    try:
        return _traced(run, spec) if typed["--trace"] else run(spec)
    except OSError as error:
        from cfslib.runtime import scope  # here, because it is hardly ever needed

        scope.begin_anew(error, files=options.files(typed))
        raise


def _exec(line: "Sequence[str]") -> int:
    """`cfs exec CONTAINER COMMAND`: run a command in a container that runs."""
    from cfslib.cli import exec_command  # here, because the others need none of it

    try:
        return exec_command.execute(line)
    except OSError as error:
        from cfslib.runtime import scope

        scope.begin_anew(error)
        raise


def _traced(run: "Callable[[Spec], int]", spec: "Spec") -> int:
    """Run a container, and show what the kernel was asked."""
    from cfslib.kernel import syscalls

    with syscalls.trace() as calls:
        try:
            return run(spec)
        finally:
            print(calls, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
