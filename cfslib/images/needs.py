"""needs: what a program needs to run, and whether a rootfs has it.

`host_tools` copies what `ldd` lists.  Here is the same list as the tree that it is: the
program asks for its loader and some libraries, and these ask for others.

    >>> sh = of(Path("/bin/sh"), Path("/"))
    >>> sh.there, sh.missing()
    (True, [])
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cfslib.images import below, elf, host_tools

_LIBRARY_PLACES = ("lib", "lib64", "usr/lib", "usr/lib64", "usr/local/lib")


@dataclass(frozen=True)
class Need:
    """One file that has to be there, and what it needs itself."""

    name: str  # as whoever needs it asks for it
    place: Path | None  # where it is in the rootfs, or should be; None: nobody knows
    there: bool
    needs: tuple["Need", ...] = ()  # of a file that was named before: none

    def missing(self) -> list[str]:
        """Return the names of the files that are not there, each once."""
        own = [] if self.there else [str(self.place or self.name)]
        below = (name for need in self.needs for name in need.missing())
        return list(dict.fromkeys([*own, *below]))


def of(program: Path, root: Path) -> Need:
    """Return what a program needs; its path is that inside the rootfs.

    What is not in the rootfs is looked at on this machine, to know what it needs.
    """
    ours = [path for path in (program,) if path.exists()]
    places = {path.name: path for path in host_tools.libraries(ours)}
    return _Search(root, places, set()).need(str(program), program)


@dataclass(frozen=True)
class _Search:
    root: Path
    places: dict[str, Path]  # of libraries on this machine, by name
    named: set[Path]  # what needs to be looked into only once

    def need(self, name: str, place: Path | None) -> Need:
        inside = resolve(self.root, place) if place else None
        file = inside or place
        if not file or not file.is_file():
            return Need(name, place, inside is not None)
        # Only what is executed, and so has a path, is looked at for a loader.
        wanted = _wanted_by(file, executed="/" in name)
        asked = [(one, self._place_of(one)) for one in wanted]
        new = [pair for pair in asked if pair[1] not in self.named]
        self.named.update(place for _, place in new if place)
        # All at this level before those below, so that the tree stays flat.
        needs = tuple(
            self.need(*pair)
            if pair in new
            else Need(*pair, resolve(self.root, pair[1]) is not None)
            for pair in asked
        )
        return Need(name, place, inside is not None, needs)

    def _place_of(self, wanted: str) -> Path | None:
        """Return where a file is inside, or else where it is on this machine."""
        if "/" in wanted:
            return Path(wanted)
        ours = [self.places[wanted]] if wanted in self.places else []
        others = [Path("/", place, wanted) for place in _library_places()]
        inside = [place for place in ours + others if resolve(self.root, place)]
        return next(iter(inside + ours), None)


def _library_places() -> Iterator[Path]:
    for place in _LIBRARY_PLACES:
        yield Path(place)
        # Debian has a directory for each kind of machine: /lib/x86_64-linux-gnu.
        yield Path(place, f"{os.uname().machine}-linux-gnu")


def _wanted_by(file: Path, *, executed: bool) -> Iterator[str]:
    """Yield what a file asks for: paths of a loader or interpreter, library names."""
    if not host_tools.is_readable(file):
        return
    if found := elf.read(file):
        if found.loader and executed:
            yield found.loader
        yield from found.libraries
    else:
        yield from host_tools.run_by(file)


def resolve(root: Path, place: Path | None) -> Path | None:
    """Follow a path as a process would whose root is `root`; None if it leads nowhere.

    A symbolic link to /bin/dash means the one inside.
    """
    if place is None:
        return None
    try:
        top = os.open(root, os.O_PATH)
    except OSError:
        return None
    try:
        with below.found(top, place) as fd:
            return Path(os.readlink(f"/proc/self/fd/{fd}"))
    except OSError:
        return None
    finally:
        os.close(top)
