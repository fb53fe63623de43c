"""The checks of 10-capabilities.

A learner's function runs in a child, in a user namespace of its own: the rights that it
has to give up, or to hand on, are over that namespace alone.
"""

import os
import socket
import traceback
from collections.abc import Callable, Collection, Iterable

from cfslib.children.in_child import in_child
from cfslib.isolation import capabilities, idmaps, mounts
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.lessons import Point, exercise
from cfslib.lessons.guard import Stumbled
from cfslib.observe import rights
from cfslib.observe.rights import Sets

TRIED = (Capability.KILL, Capability.SYS_CHROOT)  # not one alone: it is an argument
SECRET = "/mnt/key"


@exercise("10-capabilities", 1)
def check_drop(drop: Callable[[Capability], object]) -> list[Point]:
    """Look if `drop(right)` takes one right for good, and no other."""
    seen = [_after_drop(drop, right) for right in TRIED]
    pairs = list(zip(TRIED, seen, strict=True))
    everything = (1 << capabilities.last_known() + 1) - 1

    def gone(name: str, which: int) -> bool:
        return not any(getattr(both[which], name) >> r & 1 for r, both in pairs)

    def kept(which: int) -> bool:
        return all(
            getattr(both[which], name) | 1 << right == everything
            for right, both in pairs
            for name in ("effective", "permitted", "bounding")
        )

    return [
        Point(
            "the process has the right no more: it is not effective",
            gone("effective", 0),
            "`syscalls.capset` takes three numbers, one bit for each right: take this "
            "one out of the first.",
        ),
        Point(
            "it cannot put it back: it is not permitted",
            gone("permitted", 0),
            "What is permitted can be made effective again: take it out of both sets.",
        ),
        Point(
            "no program that it starts gets it back: it is out of bounds",
            gone("bounding", 0) and gone("effective", 1) and gone("permitted", 1),
            "It is inheritable, and root hands that on, bounds or not: empty that set."
            if gone("bounding", 0)
            else "The process is root, so an exec gives all within bounds: `Prctl."
            "CAPBSET_DROP`, while you may.  (no_new_privs holds back all the others, "
            "too.)",
        ),
        Point(
            "all other rights are as they were, there and in the program",
            kept(0) and kept(1),
            "Take out one bit, and leave the others: `bits & ~(1 << right)`.",
        ),
    ]


def _after_drop(
    drop: Callable[[Capability], object], right: Capability
) -> tuple[Sets, Sets]:
    def after() -> tuple[Sets, Sets]:
        idmaps.unshare_as_root(Namespace(0))
        drop(right)
        return rights.look(), rights.of_program()

    return in_child(after)


@exercise("10-capabilities", 2)
def check_hand_on(hand_on: Callable[[Capability], object]) -> list[Point]:
    """Look if a program of another user has one right after `hand_on(right)`."""
    seen = [_after_hand_on(hand_on, right) for right in TRIED]
    pairs = list(zip(TRIED, seen, strict=True))
    return [
        Point(
            "it is still user 1000",
            all(sets.uid == rights.USER for sets in seen),
            "The user has to stay who it is: it is a right that you hand on.",
        ),
        Point(
            "the program that it starts has the right",
            all(sets.effective >> right & 1 for right, sets in pairs),
            "Inheritable alone brings nothing.  What comes along for any user is the "
            "ambient set; and a right must be permitted and inheritable first.",
        ),
        Point(
            "and no other",
            all(sets.permitted & ~(1 << right) == 0 for right, sets in pairs),
            "One bit in the ambient set, and one in the inheritable one: `1 << right`.",
        ),
    ]


def _after_hand_on(hand_on: Callable[[Capability], object], right: Capability) -> Sets:
    def after() -> Sets:
        rights.be_user()
        hand_on(right)
        return rights.of_program()

    return in_child(after)


def serve() -> str:
    """Be a small server: listen at port 80, read a key, and lock yourself in."""
    listener = socket.socket()
    listener.bind(("", 80))
    with open(SECRET) as file:  # which nobody may read
        key = file.read()
    syscalls.chroot("/mnt")
    return key


@exercise("10-capabilities", 3)
def check_least(least: Callable[[], Collection[Capability]]) -> list[Point]:
    """Look if `least()` is what `serve` needs, and nothing besides."""
    chosen = _capabilities_in(in_child(least))
    runs = _served_with(chosen)
    idle = [] if runs else [str(r) for r in sorted(chosen) if _is_idle(chosen, r)]
    return [
        Point(
            "with these rights, `serve` does all it has to",
            runs == "",
            f"It ended like this: {runs}.  Which right is that call about?",
        ),
        Point(
            "each of them is needed",
            not runs and not idle,
            f"It goes without each of these, one at a time: {', '.join(idle)}.",
        ),
    ]


def _capabilities_in(answer: object) -> frozenset[Capability]:
    """Return the answer as a set of capabilities; say what it is if it is none."""
    several = list(answer) if isinstance(answer, Iterable) else [answer]
    found = [each for each in several if isinstance(each, Capability)]
    if found != several or several == [answer]:
        said = f"`least` returned {answer!r:.60}"
        hint = "Return a set of them: {Capability.CHOWN, ...}."
        raise Stumbled("TypeError", said, "", 0, (hint,))
    return frozenset(found)


def _is_idle(chosen: frozenset[Capability], right: Capability) -> bool:
    return _served_with(chosen - {right}) == ""


def _served_with(kept: frozenset[Capability]) -> str:
    """Serve with some rights, and say what went wrong; nothing if all went well."""

    def served() -> str:
        idmaps.unshare_as_root(Namespace.MNT | Namespace.NET)
        mounts.keep_private()
        syscalls.mount("files", "/mnt", "tmpfs")
        _hide_a_key()
        capabilities.keep_only(kept)
        try:
            return "" if serve() == "secret" else "the key is another one"
        except OSError as error:
            return f"`{_line_of(error)}`: {os.strerror(error.errno or 0)}"

    return in_child(served)


def _line_of(error: OSError) -> str:
    """Return the line of `serve` that an error comes from: not each names its call."""
    steps = traceback.extract_tb(error.__traceback__)
    line = next(step.line or "" for step in steps if step.name == "serve")
    return line.split("  #")[0]


def _hide_a_key() -> None:
    with open(SECRET, "w") as file:
        file.write("secret")
    os.chmod(SECRET, 0)
