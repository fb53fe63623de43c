"""Calls: which number each system call has, on each kind of machine.

A number means another call on another machine, and also in a 32-bit program on the same
one.  Each set of calls has its column in calls.tsv, which `.make/calls.py` writes from
the kernel's headers.

    >>> numbers("x86_64")["mount"], numbers("i386")["mount"]
    (165, 21)
    >>> names("x86_64")[21], "fork" in numbers("aarch64")
    ('access', False)
"""

import posix

from cfslib.isolation.seccomp.data import Arch

FILE = f"{__file__.rpartition('/')[0]}/calls.tsv"
# For each machine the sets of calls that its kernel has; the first is its own.  Not
# among them: the 32-bit calls of aarch64, and x32, which nearly no kernel has.
SETS = {
    "x86_64": ("x86_64", "i386"),
    "aarch64": ("aarch64",),
    "riscv64": ("riscv64",),
    "ppc64le": ("ppc64le",),
}
ARCHES = {name: Arch[name.upper()] for sets in SETS.values() for name in sets}
_numbers: "dict[str, dict[str, int]]" = {}  # once the table has been read
_every_name: "set[str]" = set()
_names: "dict[str, dict[int, str]]" = {}


def machine() -> str:
    """Return the kind of machine that we are on."""
    return posix.uname().machine


def numbers(set_of_calls: str) -> "dict[str, int]":
    """Return the numbers of all calls of one set, such as x86_64 or i386."""
    _read()
    return _numbers[set_of_calls]


def names(set_of_calls: str) -> "dict[int, str]":
    """Return the calls of one set by their numbers."""
    _read()
    return _names[set_of_calls]


def every_name() -> "set[str]":
    """Return the names of all calls, with those of machines that we do not know."""
    _read()
    return _every_name


def _read() -> None:
    if _numbers:
        return
    with open(FILE) as file:
        (_, *sets), *rows = (line.rstrip("\n").split("\t") for line in file)
    _every_name.update(row[0] for row in rows)
    for column, name in enumerate(sets, 1):
        found = {row[0]: int(row[column]) for row in rows if row[column] != "-"}
        _numbers[name] = found
        _names[name] = {number: word for word, number in found.items()}
