"""register: which containers there are: how they get their names, and are found.

A directory for each, and a link for its name:

    .lock                   whoever makes or removes one has it
    3f2a...                 what is known of one: see `state`
    amber-anvil -> 3f2a...  names are unique, because no directory has two of one name

What is half made, or half removed, has a dot before its name; if its maker was killed,
whoever next has the lock clears it away.
"""

import posix

from cfslib.images import ours
from cfslib.kernel import libc
from cfslib.runtime import names, places
from cfslib.runtime.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, Self

    from cfslib.runtime.processes import Process

LOCK = ".lock"
_EXCLUSIVE = 2  # LOCK_EX: <sys/file.h>


class Locked:
    """Be alone with the names for a `with` block."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> "Self":
        ours.make(self._place)
        ours.check(self._place, places.VARIABLE)  # it may be another's since we looked
        flags = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
        self._fd = posix.open(f"{self._place}/{LOCK}", flags, 0o600)
        try:
            libc.flock(self._fd, _EXCLUSIVE)
            _clear_up(self._place)
        except BaseException:
            posix.close(self._fd)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        posix.close(self._fd)


def create(place: str, facts: "dict[str, Any]", maker: "Process") -> State:
    """Write down a new container; raise `FileExistsError` if its name is taken.

    If it has no name, it gets one.
    """
    with Locked(place):
        state = State(place, names.new_id())
        draft = State(place, f".{state.id}")
        ours.make(draft.path)
        try:
            facts["name"] = _named(place, facts["name"], state.id)
            draft.note_facts(facts, maker)
            posix.rename(draft.path, state.path)
        except BaseException:
            forget(state)
            raise
    return state


def _named(place: str, name: "str | None", id: str) -> str:
    """Give a container its name, or one that nobody has."""
    wanted = name or names.two_words()
    while not _linked(f"{place}/{wanted}", id):
        if name:
            error = FileExistsError(f"the name {name} is taken")
            error.add_note(f"Hint: `cfs rm {name}` removes the container that has it.")
            raise error
        wanted = f"{names.two_words()}-{posix.urandom(1)[0]}"
    return wanted


def _linked(path: str, id: str) -> bool:
    try:
        posix.symlink(id, path)
    except FileExistsError:
        return False
    return True


def _clear_up(place: str) -> None:
    """Remove what was half made, or half removed, by somebody who is gone."""
    entries = set(posix.listdir(place))
    for entry in entries:
        if entry[:1] == "." and names.is_id(entry[1:]):
            ours.remove(f"{place}/{entry}")
    for entry in entries:
        if names.is_one(entry) and _target(place, entry) not in entries:
            posix.unlink(f"{place}/{entry}")


def _target(place: str, name: str) -> str:
    try:
        return posix.readlink(f"{place}/{name}")
    except OSError:
        return ""


def forget(container: State) -> None:
    """Forget a container, while we have the lock; what is damaged can be forgotten."""
    place, draft = container.place, f"{container.place}/.{container.id}"
    try:
        posix.rename(container.path, draft)  # from here on, nobody sees it
    except FileNotFoundError:
        pass
    for entry in posix.listdir(place):
        if names.is_one(entry) and _target(place, entry) == container.id:
            posix.unlink(f"{place}/{entry}")
    ours.remove(draft)


def every(place: str) -> "list[State]":
    """Return all containers, the newest first."""
    try:
        found = [State(place, entry) for entry in posix.listdir(place)]
    except FileNotFoundError:
        return []
    dated = []
    for state in found:
        if names.is_id(state.id):
            try:
                dated.append((float(state.facts()["created"]), state.id))
            except FileNotFoundError:
                continue  # somebody has removed it just now
    return [State(place, id) for _, id in sorted(dated, reverse=True)]


def find(place: str, word: str) -> State:
    """Return the container of this name, or whose id alone begins so."""
    try:
        entries = posix.listdir(place)
    except FileNotFoundError:
        entries = []
    if word in entries and (names.is_id(word) or names.is_one(word)):
        return State(place, word if names.is_id(word) else _target(place, word))
    begin_so = [entry for entry in _ids(entries) if word and entry.startswith(word)]
    if len(begin_so) > 1:
        raise LookupError(f"the ids of {len(begin_so)} containers begin with {word}")
    if not begin_so:
        error = LookupError(f"no such container: {word}")
        error.add_note("Hint: `cfs ps -a` lists all that there are.")
        raise error
    return State(place, begin_so[0])


def _ids(entries: "Collection[str]") -> "list[str]":
    return [entry for entry in entries if names.is_id(entry)]


def remove(container: State) -> None:
    """Forget a container; twice is fine."""
    with Locked(container.place):
        forget(container)
