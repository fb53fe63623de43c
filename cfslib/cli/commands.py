"""cli: the `cfs` command.

Exit codes are those of `docker run`: the command's own; 127 if it is not there, 126
if it cannot be executed, 125 if the container could not be made.  Every error is
reported here: a line of cause, a line of advice, never a traceback.
"""

import argparse
import errno
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cfslib.cli import options
from cfslib.images import host_tools
from cfslib.isolation.namespaces import shared, snapshot
from cfslib.kernel import syscalls
from cfslib.runtime import container, recipes, shelf, terminal
from cfslib.runtime.channel import OUR_ERROR
from cfslib.runtime.init import CannotExecute

NOT_EXECUTABLE = 126
NOT_FOUND = 127
INTERRUPTED = 130  # 128 + SIGINT
OUTPUT_CLOSED = 141  # 128 + SIGPIPE
VERSION = "0.1.0"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    try:
        return _execute(argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return OUTPUT_CLOSED
    except CannotExecute as error:
        _report(error)
        return NOT_FOUND if error.errno == errno.ENOENT else NOT_EXECUTABLE
    except (OSError, ValueError, LookupError) as error:
        _report(error)
        return OUR_ERROR
    except Exception as error:
        error.add_note(f"Hint: this {type(error).__name__} is our mistake: report it.")
        _report(error)
        return OUR_ERROR


def _execute(argv: Sequence[str] | None) -> int:
    try:
        words = list(sys.argv[1:] if argv is None else argv)
        args = _parser().parse_args(words, argparse.Namespace(words=words))
        return int(args.command(args))
    except SystemExit:
        return 0  # after --help or --version
    finally:
        _flush()


def run(args: argparse.Namespace) -> int:
    """`cfs run COMMAND`: run a command in a container."""
    if args.tty and not os.isatty(0):
        raise options.Usage("--tty: standard input is no terminal")
    spec = options.spec_from(args, terminal=args.tty or terminal.is_ours())
    if not args.trace:
        code = container.run(spec)
        options_typed = args.words[1 : len(args.words) - len(args.argv)]
        recipes.also_as(shelf.alias(options_typed, os.environb), spec)
        return code
    with syscalls.trace() as calls:
        try:
            return container.run(spec)
        finally:
            print(calls, file=sys.stderr)


def diagnose(_args: argparse.Namespace) -> int:
    """`cfs doctor`: say what this machine allows."""
    from cfslib.doctor import (
        report as doctor,  # it looks at a lot that the other commands do not need
    )

    findings = doctor.examine()
    print(doctor.report(findings))
    return 0 if doctor.healthy(findings) else 1


def list_namespaces(args: argparse.Namespace) -> int:
    """`cfs ns [PID]`: show where a process lives, and what it shares with us."""
    if not Path(f"/proc/{args.pid}").exists():
        raise ProcessLookupError(f"there is no process {args.pid}")
    same = shared(args.pid)
    for namespace, number in snapshot(args.pid).items():
        mark = {True: "shared", False: "private", None: ""}[same[namespace]]
        print(f"{namespace!s:<8} {number or 'hidden':<12} {mark}".rstrip())
    return 0


def build_rootfs(args: argparse.Namespace) -> int:
    """`cfs rootfs build DIR [TOOL...]`: make a root out of programs of this machine."""
    from cfslib.images import (
        progress as bar,  # here, because `cfs run` has no use for it
    )

    if args.directory.exists() and any(args.directory.iterdir()):
        raise FileExistsError(f"{args.directory} is not empty")
    try:
        with bar.in_terminal("Copying programs") as shown:
            host_tools.build(args.directory, args.tools or host_tools.EVERYDAY, shown)
    except BaseException:  # a full disk, or Ctrl-C: half a root is none
        shutil.rmtree(args.directory, ignore_errors=True)
        raise
    print(f"built {args.directory}; try: cfs run --rootfs {args.directory} COMMAND")
    return 0


def check(args: argparse.Namespace) -> int:
    """`cfs check NOTEBOOK...`: run the checks of notebooks, say what is done."""
    from cfslib.images import progress as bar
    from cfslib.lessons import journal, rehearsal

    still_open = 0
    for path in args.notebooks:
        with bar.in_terminal(f"Running {path.stem}") as shown:
            rehearsal.perform(path, shown)
        for exercise in journal.exercises(path.parent):
            if exercise.notebook == path.stem:
                print("done" if exercise.done else "open", f"{path.stem}: {exercise}")
                still_open += not exercise.done
    return 1 if still_open else 0


def _parser() -> argparse.ArgumentParser:
    parser = options.Parser(
        prog="cfs", description="Containers from scratch.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"cfs {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run_ = commands.add_parser(
        "run",
        help="run a command in a container",
        usage="cfs run [OPTION...] COMMAND [ARG...]",
        epilog=options.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    options.add_to(run_)
    run_.set_defaults(command=run)

    doctor = commands.add_parser("doctor", help="say what this machine allows")
    doctor.set_defaults(command=diagnose)

    ns = commands.add_parser("ns", help="show the namespaces of a process")
    ns.add_argument("pid", type=int, nargs="?", default=os.getpid(), metavar="PID")
    ns.set_defaults(command=list_namespaces)

    check_ = commands.add_parser("check", help="run the checks of notebooks")
    check_.add_argument("notebooks", type=Path, nargs="+", metavar="NOTEBOOK")
    check_.set_defaults(command=check)

    _add_rootfs_to(commands)
    return parser


def _add_rootfs_to(commands: Any) -> None:
    rootfs = commands.add_parser("rootfs", help="make a root filesystem")
    actions = rootfs.add_subparsers(required=True, metavar="ACTION")
    build = actions.add_parser("build", help="from programs of this machine")
    build.add_argument("directory", type=Path, metavar="DIR")
    build.add_argument("tools", nargs="*", default=(), metavar="TOOL")
    build.set_defaults(command=build_rootfs)


def _flush() -> None:
    """Print what is left while an error can still be reported."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        _give_up_on(1)
        raise


def _give_up_on(fd: int) -> None:
    """Discard what could not be printed, or Python tries again at its end, aloud."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), fd)


def _report(error: BaseException) -> None:
    notes = getattr(error, "__notes__", [])
    cause = " ".join(_plain(error).split())  # one line, whatever was in it
    if sys.stderr:
        try:
            print(f"cfs: {cause}", *notes, sep="\n  ", file=sys.stderr, flush=True)
        except OSError:
            _give_up_on(2)  # nobody is left to read it


def _plain(error: BaseException) -> str:
    """Return the text without the errno that Python puts before it."""
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        )
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
