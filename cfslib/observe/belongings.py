"""belongings: what a process has, and whether that is ours or a container's.

Namespaces, the places where its paths start, its groups, rights, filter and program.
Each is asked of /proc, by a descriptor: whoever is on the way into a container looks at
himself, and the container's /proc does not know him before he has arrived.
"""

import os
from dataclasses import dataclass
from typing import Any

from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from cfslib.observe import rights
from cfslib.runtime.entrance import ORDER

OURS, THEIRS, NEITHER = "ours", "the container's", "neither"
KINDS = (*ORDER, Namespace.CGROUP)
OTHERS = ("/", ".", "groups", "rights", "filter", "program")
LINKS = {
    **{str(kind): f"ns/{str(kind).lower()}" for kind in KINDS},
    "/": "root",
    ".": "cwd",
    "program": "exe",
}
Facts = dict[str, Any]


@dataclass(frozen=True)
class Light:
    """One thing that a process has, and whose that is."""

    name: str
    whose: str
    said: str = ""  # what it is, where that is a number


def look(proc: int, who: str) -> Facts:
    """Return what a /proc says of a process."""
    status = procfs.parse_status(_read(proc, f"{who}/status"))
    found: Facts = {name: _identity(proc, f"{who}/{LINKS[name]}") for name in LINKS}
    return found | {
        "groups": _read(proc, f"{who}/cgroup"),
        "rights": int(status["CapEff"], 16),
        "filter": status.get("Seccomp_filters", status["Seccomp"]),
        "program": found["program"][:1],  # whose file it is, and not which one
    }


def _read(proc: int, file: str) -> str:
    fd = os.open(file, os.O_RDONLY, dir_fd=proc)
    try:
        return procfs.text_of(fd)
    finally:
        os.close(fd)


def _identity(proc: int, link: str) -> tuple[int, int]:
    found = os.stat(link, dir_fd=proc)
    return found.st_dev, found.st_ino


def lights(facts: Facts, ours: Facts, theirs: Facts) -> tuple[Light, ...]:
    """Say of each thing whose it is; what we share with the container is no light."""
    return tuple(
        Light(name, _whose(name, facts, ours, theirs), _said(name, facts))
        for name in (*map(str, KINDS), *OTHERS)
        if ours[name] != theirs[name] or name == "rights"
    )


def _whose(name: str, facts: Facts, ours: Facts, theirs: Facts) -> str:
    # The same rights are others in another user namespace.
    parts = ("rights", "USER") if name == "rights" else (name,)
    for whose, other in ((THEIRS, theirs), (OURS, ours)):
        if all(facts[part] == other[part] for part in parts):
            return whose
    return NEITHER


def _said(name: str, facts: Facts) -> str:
    return rights.words(facts["rights"]) if name == "rights" else ""
