"""values: what may stand after an option of `cfs run`, and what it means.

Each function turns the text of one option into a value, or raises `Refused` with a
text that shows what was expected.
"""

import argparse
import os
import re
from pathlib import Path

from cfslib.isolation.capabilities import Capability
from cfslib.runtime.spec import Volume

Refused = argparse.ArgumentTypeError  # argparse adds the option's name

_PROCESSES = 4_194_304  # PID_MAX_LIMIT in <linux/threads.h>


def hostname(text: str) -> str:
    """Check a hostname as the kernel does, and for what it would cut short."""
    if not 0 < len(os.fsencode(text)) <= 64 or "\0" in text:
        raise Refused(f"a hostname has 1 to 64 bytes, none of them NUL: {text!r}")
    return text


def variable(text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise Refused(f"not NAME=VALUE: {text!r}")
    return name, value


def volume(text: str) -> Volume:
    """Split SRC:DST or SRC:DST:ro."""
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not source or not target.startswith("/") or mode not in ("", "ro", "rw"):
        raise Refused(f"not SRC:DST or SRC:DST:ro with an absolute DST: {text!r}")
    place = os.path.normpath("/" + target.lstrip("/"))  # it would keep a double slash
    if place == "/" or f"{place}/".startswith("/proc/"):
        raise Refused(f"a volume cannot cover / or /proc: {text!r}")
    return Volume(Path(source).absolute(), Path(target), mode == "ro")


def count(text: str) -> int | None:
    """Read a limit on processes; "max" is the kernel's word for none."""
    if text == "max":
        return None
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII) or not 0 < int(text) <= _PROCESSES:
        raise Refused(f"not a number of processes from 1, nor `max`: {text!r}")
    return int(text)


def size(text: str) -> int:
    """Read a number of bytes: 67108864, 65536k, 64m, 1g.

    >>> size("64m") == 64 * 1024 * 1024
    True
    """
    found = re.fullmatch(r"(\d{1,18})([kmg]?)b?", text.lower(), re.ASCII)
    shift = {"": 0, "k": 10, "m": 20, "g": 30}[found[2]] if found else 0
    number = int(found[1]) << shift if found else 0
    if not 0 < number < 1 << 63:
        raise Refused(f"not a number of bytes such as 67108864 or 64m: {text!r}")
    return number


def cpus(text: str) -> float:
    """Read an amount of processors; the kernel's smallest is a hundredth."""
    if not re.fullmatch(r"\d{1,5}(\.\d{1,6})?", text, re.ASCII) or float(text) < 0.01:
        raise Refused(f"not an amount of processors from 0.01: {text!r}")
    return float(text)


def capability(text: str) -> Capability:
    """Read the name of a capability, with or without CAP_ before it."""
    name = text.upper().removeprefix("CAP_")
    if name not in Capability.__members__:
        raise Refused(f"no such capability: {text!r}; see capabilities(7)")
    return Capability[name]
