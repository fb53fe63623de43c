"""options: what was typed after `cfs run`, as a `Spec`.

    >>> parse(["--memory", "64m", "-e", "A=1", "ls", "-l"]).limits.memory_max
    67108864
    >>> parse(["ls", "-e"]).argv
    ['ls', '-e']

The options mean what they mean to `docker run`.  Everything after the first word
that is no option belongs to the command.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from cfslib.cli import values
from cfslib.isolation import capabilities
from cfslib.isolation.limits import Limits
from cfslib.isolation.namespaces import Namespace
from cfslib.runtime.spec import NAMESPACES, Spec

EPILOG = """\
examples:
  cfs run ps          two processes: cfs, which is PID 1, and ps
  cfs run bash        a shell; leave it with Ctrl-D
  cfs run --memory 64m --volume .:/data --workdir /data ls

environment:
  CFS_ROOTFS, CFS_HOSTNAME and CFS_PIDS_LIMIT are defaults for these options
"""


class Usage(ValueError):
    """The command line makes no sense; the text says where."""


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong, for the one place that reports errors."""
        # What argparse says, without its preamble and its long list of choices.
        cause = message.removeprefix("argument ").partition(" (choose from")[0]
        usage = Usage(cause)
        usage.add_note(f"Hint: `{self.prog} --help` lists what there is.")
        raise usage


def parse(words: Sequence[str]) -> Spec:
    """Return what to run; raise `Usage` if that is not clear."""
    parser = Parser(prog="cfs run", allow_abbrev=False)
    add_to(parser)
    return spec_from(parser.parse_args(words))


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `cfs run`."""

    def add(*names: str, **details: Any) -> None:
        parser.add_argument(*names, **details)

    def add_list(*names: str, **details: Any) -> None:
        parser.add_argument(*names, action="append", default=[], **details)

    rootfs = os.environ.get("CFS_ROOTFS") or None
    name = os.environ.get("CFS_HOSTNAME") or Spec.hostname
    processes = os.environ.get("CFS_PIDS_LIMIT") or str(Limits.pids_max)

    # fmt: off
    add("--rootfs", metavar="DIR", type=Path, default=rootfs,
        help="what is seen at / (default: this machine's everyday tools)")
    add("--hostname", metavar="NAME", type=values.hostname, default=name,
        help="(default: %(default)s)")
    add_list("-e", "--env", metavar="NAME=VALUE", type=values.variable,
        help="set a variable of the environment; may be repeated")
    add("-w", "--workdir", metavar="DIR", default="/",
        help="where to start (default: /)")
    add("-u", "--user", metavar="USER[:GROUP]", default="0",
        help="who to be inside, by number or name (default: root)")
    add_list("-v", "--volume", metavar="SRC:DST[:ro]", type=values.volume,
        help="show a directory or file of the host inside; may be repeated")
    add("--pids-limit", metavar="N", type=values.count, default=processes,
        help="processes at most; `max` for no limit (default: %(default)s)")
    add("-m", "--memory", metavar="BYTES", type=values.size,
        help="memory at most, in bytes or with k, m or g")
    add("--cpus", metavar="N", type=values.cpus,
        help="processors' worth of time: 0.5 is half of one")
    add("--network", choices=("host", "none"), default="host",
        help="the host's, or none at all (default: host)")
    add_list("--cap-add", metavar="CAP", type=values.capability,
        help="a right to leave to root inside, e.g. SYS_ADMIN; may be repeated")
    add("--read-only", action="store_true", help="let nothing be written to /")
    add("-i", "--interactive", action="store_true", help="for habit: always so")
    add("-t", "--tty", action="store_true",
        help="make a terminal inside: always so where we have one")
    add("--trace", action="store_true",
        help="show on standard error what the kernel was asked")
    add("argv", nargs=argparse.REMAINDER, metavar="COMMAND [ARG...]",
        help="what to run")
    # fmt: on


def spec_from(args: argparse.Namespace, *, terminal: bool = False) -> Spec:
    """Turn parsed options into a `Spec`."""
    argv = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
    if not argv or not argv[0]:
        raise Usage("run what? name a command: cfs run COMMAND [ARG...]")
    network = Namespace.NET if args.network == "none" else Namespace(0)
    return Spec(
        argv=argv,
        rootfs=args.rootfs,
        hostname=args.hostname,
        env=dict(args.env),
        workdir=args.workdir,
        user=args.user,
        namespaces=NAMESPACES | network,
        limits=Limits(args.pids_limit, args.memory, args.cpus),
        volumes=args.volume,
        capabilities=capabilities.DEFAULT | set(args.cap_add),
        read_only=args.read_only,
        terminal=terminal,
    )
