"""life: the options of `cfs run` that say how long it lives, and who may know of it."""

import _signal

from cfslib.cli.limits import is_digits
from cfslib.cli.parser import Option, Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.cli.parser import Values


def options() -> "tuple[Option, ...]":
    """Return the options that say how long it lives, and who may know of it."""
    # fmt: off
    return (
        Option("--detach", "-d",
            help="let it go on without us, and print its id; `cfs logs` shows what it"
            " prints"),
        Option("--name", "", "NAME", container,
            help="what `cfs ps` and others call it (default with -d: two words)"),
        Option("--rm",
            help="forget it when it has ended; without -d or --name that is so anyway"),
        Option("--stop-signal", "", "SIGNAL", signal,
            help="what `cfs stop` sends, by name or number (default: TERM, or what the"
            " image says)"),
    )
    # fmt: on


def parts(typed: "Values") -> "dict[str, int]":
    """Return the parts of a `Spec` that were typed; an image may say the others."""
    number = typed["--stop-signal"]
    return {} if number is None else {"stop_signal": number}


def signal(text: str) -> int:
    """Read a signal, by its number or its name, with or without SIG before it.

    >>> signal("TERM"), signal("sigkill"), signal("9"), signal("RTMIN+1")
    (15, 9, 9, 35)
    """
    name, sign, offset = text.upper().removeprefix("SIG").partition("+")
    if not sign:
        name, sign, offset = name.partition("-")
    number = int(name) if is_digits(name, 2) else getattr(_signal, f"SIG{name}", None)
    if sign and name in ("RTMIN", "RTMAX") and is_digits(offset, 2):
        number = int(f"{sign}{offset}") + getattr(_signal, f"SIG{name}")
    elif sign:
        number = None
    if not isinstance(number, int) or number not in _signal.valid_signals():
        raise Usage(f"no such signal: {text!r}; `kill -l` of a shell lists them")
    return number


def container(text: str) -> str:
    """Check a name for a container."""
    from cfslib.runtime import names  # here, because most have none

    if not names.is_one(text):
        raise Usage(f"not a name of letters, digits, and `_`, `.` or `-`: {text!r}")
    return text
