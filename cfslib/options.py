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
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cfslib import capabilities
from cfslib.capabilities import Capability
from cfslib.limits import Limits
from cfslib.namespaces import Namespace
from cfslib.spec import NAMESPACES, Spec, Volume

DEFAULTS = """\
environment:
  CFS_ROOTFS, CFS_HOSTNAME, CFS_PIDS_LIMIT   defaults for the options of that name
"""
EXAMPLES = """\
examples:
  cfs run ps                       two processes: cfs, which is PID 1, and ps
  cfs run bash                     a shell; leave it with Ctrl-D
  cfs run --memory 64m -v .:/work -w /work sh -c 'ls > list'
"""


class Usage(ValueError):
    """The command line makes no sense; the text says where."""


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong, for the one place that reports errors."""
        raise Usage(message)


def parse(words: Sequence[str]) -> Spec:
    """Return what to run; raise `Usage` if that is not clear."""
    parser = Parser(prog="cfs run", allow_abbrev=False)
    add_to(parser)
    return spec_from(parser.parse_args(words))


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `cfs run`."""
    add = parser.add_argument
    add(
        "--rootfs",
        type=Path,
        metavar="DIR",
        default=_default("ROOTFS"),
        help="what the container sees at / (default: this machine's everyday tools)",
    )
    add(
        "--hostname",
        type=hostname,
        metavar="NAME",
        default=_default("HOSTNAME") or Spec.hostname,
        help="(default: %(default)s)",
    )
    add(
        "-e",
        "--env",
        type=variable,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a variable in the environment; may be repeated",
    )
    add(
        "-w",
        "--workdir",
        default="/",
        metavar="DIR",
        help="where to start (default: /)",
    )
    add(
        "-u",
        "--user",
        default="0",
        metavar="USER[:GROUP]",
        help="who to be inside, by number or name (default: root)",
    )
    add(
        "-v",
        "--volume",
        type=volume,
        action="append",
        default=[],
        metavar="SRC:DST[:ro]",
        help="show a directory of the host; may be repeated",
    )
    add(
        "--pids-limit",
        type=count,
        metavar="N",
        default=_default("PIDS_LIMIT") or str(Limits.pids_max),
        help="processes at most, or `max` for no limit (default: %(default)s)",
    )
    add(
        "-m",
        "--memory",
        type=size,
        metavar="BYTES",
        help="memory at most; k, m and g are units",
    )
    add("--cpus", type=cpus, metavar="N", help="processors' worth of time: 0.5 is half")
    add(
        "--network",
        choices=("host", "none"),
        default="host",
        help="the host's, or one without any connection (default: host)",
    )
    add(
        "--cap-add",
        type=capability,
        action="append",
        default=[],
        metavar="CAP",
        help="leave root inside one more of its rights, such as SYS_ADMIN",
    )
    add("--read-only", action="store_true", help="let nothing be written to /")
    add("-i", "--interactive", action="store_true", help="(always so; for habit)")
    add(
        "-t",
        "--tty",
        action="store_true",
        help="make a terminal inside (always so where we have one)",
    )
    add(
        "--trace",
        action="store_true",
        help="show on standard error what the kernel was asked",
    )
    add("argv", nargs=argparse.REMAINDER, metavar="COMMAND [ARG...]")


def spec_from(args: argparse.Namespace, *, terminal: bool = False) -> Spec:
    """Turn parsed options into a `Spec`."""
    argv = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
    if not argv:
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


def hostname(text: str) -> str:
    """Check a hostname as the kernel does, and for what it would cut short."""
    if not 0 < len(os.fsencode(text)) <= 64 or "\0" in text:
        raise _refused(f"a hostname has 1 to 64 bytes, none of them NUL: {text!r}")
    return text


def variable(text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise _refused(f"not NAME=VALUE: {text!r}")
    return name, value


def volume(text: str) -> Volume:
    """Split SRC:DST or SRC:DST:ro."""
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not source or not target.startswith("/") or mode not in ("", "ro", "rw"):
        raise _refused(f"not SRC:DST or SRC:DST:ro with an absolute DST: {text!r}")
    if os.path.normpath(target) == "/":
        raise _refused("the place for a volume cannot be /: use --rootfs")
    return Volume(Path(source).absolute(), Path(target), mode == "ro")


def count(text: str) -> int | None:
    """Read a limit on processes; "max" is the kernel's word for none."""
    if text == "max":
        return None
    # The kernel's own upper bound: PID_MAX_LIMIT in <linux/threads.h>.
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII) or not 0 < int(text) <= 4194304:
        raise _refused(f"not a number of processes from 1, nor `max`: {text!r}")
    return int(text)


def size(text: str) -> int:
    """Read a number of bytes: 67108864, 65536k, 64m, 1g.

    >>> size("64m") == 64 * 1024 * 1024
    True
    """
    found = re.fullmatch(r"(\d+)([kmg]?)b?", text.lower(), re.ASCII)
    number = (
        int(found[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[found[2]] if found else 0
    )
    if not 0 < number < 1 << 63:
        raise _refused(f"not a number of bytes such as 67108864 or 64m: {text!r}")
    return number


def cpus(text: str) -> float:
    """Read an amount of processors; the kernel's smallest is a hundredth."""
    found = re.fullmatch(r"\d{1,5}(\.\d{1,6})?", text, re.ASCII)
    if not found or float(text) < 0.01:
        raise _refused(f"not an amount of processors from 0.01: {text!r}")
    return float(text)


def capability(text: str) -> Capability:
    """Read the name of a capability, with or without CAP_ before it."""
    name = text.upper().removeprefix("CAP_")
    if name not in Capability.__members__:
        raise _refused(f"no such capability: {text!r}; see capabilities(7)")
    return Capability[name]


def _refused(why: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(why)


def _default(name: str) -> str | None:
    """Return a default from the environment; the prefix keeps it ours."""
    return os.environ.get(f"CFS_{name}") or None
