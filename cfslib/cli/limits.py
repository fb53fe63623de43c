"""limits: the options of `cfs run` that say how much of the machine it may use.

Each of the functions for one option turns its text into a value, or raises `Usage` with
a text that shows what was expected.
"""

from cfslib.cli.parser import Option, Usage
from cfslib.isolation.limits import Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.cli.parser import Values

_PROCESSES = 4_194_304  # PID_MAX_LIMIT in <linux/threads.h>
_SHIFTS = {"k": 10, "m": 20, "g": 30}
_SHARES = range(2, (1 << 18) + 1)  # what the kernel's cpu.shares may be
_FIRST_TO_GO = 1000  # OOM_SCORE_ADJ_MAX in <linux/oom.h>


def options(processes: str) -> "tuple[Option, ...]":
    """Return the options; `processes` is the limit on them if none is typed."""
    # fmt: off
    return (
        Option("--pids-limit", "", "N", count, default=processes,
            help=f"processes at most; `max` for no limit (default: {processes})"),
        Option("--memory", "-m", "BYTES", size,
            help="memory at most, in bytes or with k, m or g"),
        Option("--memory-swap", "", "BYTES", both,
            help="memory and swap together at most; as much as --memory for no swap, 0"
            " or -1 for any amount (default: -1)"),
        Option("--cpus", "", "N", cpus,
            help="processors' worth of time: 0.5 is half of one"),
        Option("--cpu-shares", "-c", "N", shares,
            help="its part of a processor that others want too; by itself it has all"
            " (default: that of everybody, 1024)"),
        Option("--cpuset-cpus", "", "LIST", processors,
            help="the only processors that it may use: 0-3,6"),
        Option("--oom-score-adj", "", "N", score,
            help="who is killed where memory is short: 1000 is the first, -1000 nobody;"
            " less than ours is for root alone"),
    )
    # fmt: on


def limits(typed: "Values") -> Limits:
    """Return what was typed after these options, put together."""
    return Limits(
        pids_max=typed["--pids-limit"],
        memory_max=typed["--memory"],
        cpu_max=typed["--cpus"],
        memory_swap_max=_swap(typed["--memory"], typed["--memory-swap"]),
        cpuset_cpus=typed["--cpuset-cpus"],
        cpu_shares=typed["--cpu-shares"],
        oom_score_adj=typed["--oom-score-adj"],
    )


def _swap(memory: "int | None", both: "int | None") -> "int | None":
    """Return how much swap there may be: what is typed is the sum, as in v1."""
    if both is None or both == -1:
        return None
    if memory is None or both < memory:
        raise Usage(
            "--memory-swap is the sum of both: it takes --memory, and is no less"
        )
    return both - memory


def count(text: str) -> int | None:
    """Read a limit on processes; "max" is the kernel's word for none."""
    if text == "max":
        return None
    if not is_digits(text, 7) or not 0 < int(text) <= _PROCESSES:
        raise Usage(f"not a number of processes from 1, nor `max`: {text!r}")
    return int(text)


def size(text: str) -> int:
    """Read a number of bytes: 67108864, 65536k, 64m, 1g.

    >>> size("64m") == 64 * 1024 * 1024
    True
    """
    return _bytes(text, least=1)


def both(text: str) -> "int | None":
    """Read a number of bytes; or -1, any number; or 0, as if nothing had been typed."""
    return -1 if text == "-1" else _bytes(text, least=0) or None


def _bytes(text: str, least: int) -> int:
    digits = text.lower().removesuffix("b")
    shift = _SHIFTS.get(digits[-1:], 0)
    digits = digits[:-1] if shift else digits
    number = int(digits) << shift if is_digits(digits, 18) else -1
    if not least <= number < 1 << 63:
        raise Usage(f"not a number of bytes such as 67108864 or 64m: {text!r}")
    return number


def cpus(text: str) -> float:
    """Read an amount of processors; the kernel's smallest is a hundredth."""
    whole, point, part = text.partition(".")
    is_number = is_digits(whole, 5) and (not point or is_digits(part, 6))
    if not is_number or float(text) < 0.01:
        raise Usage(f"not an amount of processors from 0.01: {text!r}")
    return float(text)


def processors(text: str) -> str:
    """Check a list of processors, such as 0-3,6."""
    from cfslib.isolation.cgroups import cpuset  # here, because it is hardly used

    try:
        cpuset.numbers(text)
    except ValueError as error:
        raise Usage(f"not a list of processors such as 0-3,6: {error}") from None
    return text


def shares(text: str) -> int:
    """Read shares of a processor: 1024 is what everybody has."""
    if not is_digits(text, 6) or int(text) not in _SHARES:
        raise Usage(f"not a number of shares from 2 to 262144: {text!r}")
    return int(text)


def score(text: str) -> int:
    """Read how likely one is to be killed where memory is short."""
    if not is_digits(text.removeprefix("-"), 4) or abs(int(text)) > _FIRST_TO_GO:
        raise Usage(f"not a number from -1000 to 1000: {text!r}")
    return int(text)


def is_digits(text: str, most: int) -> bool:
    """Say if a text is digits, and not too many."""
    return text.isascii() and text.isdigit() and len(text) <= most
