"""06-users: right answers pass, the usual wrong ones do not, and get a hint."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.lessons import users as lesson
from tests.conftest import needs_user_namespaces
from tests.lessons.conftest import assert_not_yet

pytestmark = [needs_user_namespaces]

Func = Callable[[], object]
RUNS = "it runs"


def nothing(*_: object) -> None:
    pass


def without_end(*_: object) -> None:
    while True:
        time.sleep(0.001)


# As somebody


def mapped(users: Callable[[int, int], IdMap], groups: Callable[[int, int], IdMap]):  # type: ignore[no-untyped-def]
    """Return an answer that writes these two maps, from a number and our own id."""

    def as_user(number: int, func: Func) -> object:
        def inside() -> object:
            uid, gid = os.getuid(), os.getgid()
            syscalls.unshare(Namespace.USER)
            idmaps.write("self", [users(number, uid)], [groups(number, gid)])
            return func()

        return in_child(inside)

    return as_user


as_user = mapped(IdMap, IdMap)


def by_hand(number: int, func: Func) -> object:
    def inside() -> object:
        uid, gid = os.getuid(), os.getgid()
        syscalls.unshare(Namespace.USER)
        Path("/proc/self/uid_map").write_text(f"{number} {uid} 1")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{number} {gid} 1")
        return func()

    return in_child(inside)


def by_hand_without_deny(number: int, func: Func) -> object:
    def inside() -> object:
        uid, gid = os.getuid(), os.getgid()
        syscalls.unshare(Namespace.USER)
        syscalls.write("/proc/self/uid_map", f"{number} {uid} 1")
        syscalls.write("/proc/self/gid_map", f"{number} {gid} 1")
        return func()

    return in_child(inside)


def root_first(number: int, func: Func) -> object:
    def inside() -> object:
        idmaps.unshare_as_root(Namespace.USER)
        syscalls.unshare(Namespace.USER)
        idmaps.write("self", [IdMap(number, 0)], [IdMap(number, 0)])
        return func()

    return in_child(inside)


def by_setns(number: int, func: Func) -> object:
    def inside() -> object:
        one = [IdMap(number, os.getuid())], [IdMap(number, os.getgid())]
        syscalls.setns(idmaps.make(*one), Namespace.USER)
        return func()

    return in_child(inside)


def with_two_lines(number: int, func: Func) -> object:
    def inside() -> object:
        uid, gid = os.getuid(), os.getgid()
        syscalls.unshare(Namespace.USER)
        users = [IdMap(0, uid), IdMap(number, uid)]
        idmaps.write("self", users, [IdMap(number, gid)])
        return func()

    return in_child(inside)


def root_and_setuid(number: int, func: Func) -> object:
    def inside() -> object:
        idmaps.unshare_as_root(Namespace.USER)
        os.setuid(number)
        return func()

    return in_child(inside)


def without_lists(number: int, func: Func) -> object:
    def inside() -> object:
        idmaps.write("self", IdMap(number, 1), IdMap(number, 1))  # type: ignore[arg-type]
        return func()

    return in_child(inside)


def asks_too_late(number: int, func: Func) -> object:
    def inside() -> object:
        syscalls.unshare(Namespace.USER)
        idmaps.write("self", [IdMap(number, os.getuid())], [IdMap(number, os.getgid())])
        return func()

    return in_child(inside)


def without_a_map(number: int, func: Func) -> object:
    def inside() -> object:
        syscalls.unshare(Namespace.USER)
        return func()

    return in_child(inside)


def map_after_func(number: int, func: Func) -> object:
    def inside() -> object:
        uid, gid = os.getuid(), os.getgid()
        syscalls.unshare(Namespace.USER)
        found = func()
        idmaps.write("self", [IdMap(number, uid)], [IdMap(number, gid)])
        return found

    return in_child(inside)


def as_root(number: int, func: Func) -> object:
    def inside() -> object:
        idmaps.unshare_as_root(Namespace.USER)
        return func()

    return in_child(inside)


def setuid_alone(number: int, func: Func) -> object:
    def inside() -> object:
        os.setuid(number)
        return func()

    return in_child(inside)


def returns_nothing(number: int, func: Func) -> None:
    as_user(number, func)


def calls_it_outside(number: int, func: Func) -> object:
    as_user(number, nothing)
    return func()


def without_a_child(number: int, func: Func) -> object:
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(Namespace.USER)
    idmaps.write("self", [IdMap(number, uid)], [IdMap(number, gid)])
    return func()


def one_argument(number: int) -> None:
    pass


def users_alone(number: int, func: Func) -> object:
    def inside() -> object:
        uid = os.getuid()
        syscalls.unshare(Namespace.USER)
        syscalls.write("/proc/self/uid_map", f"{number} {uid} 1")
        return func()

    return in_child(inside)


@pytest.mark.parametrize("answer", [as_user, by_hand, by_setns, root_first])
def test_being_somebody_is_right(answer: Callable[[int, Func], object]) -> None:
    told = lesson.check_as_user(answer)

    assert told.done, told


@pytest.mark.parametrize(
    ("answer", "claim", "hint"),
    [
        (nothing, "the result", "`return` twice"),
        (returns_nothing, "the result", "`return` twice"),
        (calls_it_outside, "`func` ran in", "syscalls.unshare(Namespace.USER)"),
        (without_a_map, "its user id", "is it written before"),
        (map_after_func, "its user id", "is it written before"),
        (as_root, "its user id", "inside comes first"),
        (users_alone, "its group id", "a map of their own"),
        (mapped(IdMap, lambda _, gid: IdMap(0, gid)), "its group id", "their own"),
        (without_a_child, "you are where", "into a child"),
        (asks_too_late, RUNS, "from before the unshare"),
        (mapped(lambda n, uid: IdMap(uid, n), IdMap), RUNS, "before the unshare"),
        (mapped(IdMap, lambda n, _: IdMap(n, 1)), RUNS, "Outside is your group"),
        (by_hand_without_deny, RUNS, "`deny` in setgroups"),
        (with_two_lines, RUNS, "One line for users"),
        (root_and_setuid, RUNS, "`number` needs a place"),
        (without_lists, RUNS, "A map is a list"),
        (setuid_alone, RUNS, "PermissionError"),
        (one_argument, RUNS, "a number and a function"),
        (without_end, RUNS, "five seconds"),
        (lambda number, func: in_child(func()), RUNS, ""),
    ],
)
def test_being_somebody_else_is_not(
    answer: Callable[..., object], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_as_user(answer), claim, hint)


# In depth


def in_depth(levels: int, func: Func) -> object:
    def inside() -> object:
        for _ in range(levels):
            idmaps.unshare_as_root(Namespace.USER)
        return func()

    return in_child(inside)


def by_recursion(levels: int, func: Func) -> object:
    def inside() -> object:
        idmaps.unshare_as_root(Namespace(0))
        return by_recursion(levels - 1, func)

    return in_child(inside) if levels else func()


def one_alone(levels: int, func: Func) -> object:
    return in_depth(1, func)


def one_too_many(levels: int, func: Func) -> object:
    return in_depth(levels + 1, func)


def one_too_few(levels: int, func: Func) -> object:
    return in_depth(levels - 1, func)


def at_each_level(levels: int, func: Func) -> object:
    def inside() -> object:
        found = None
        for _ in range(levels):
            idmaps.unshare_as_root(Namespace.USER)
            found = func()
        return found

    return in_child(inside)


def with_pids(levels: int, func: Func) -> object:
    def inside() -> object:
        idmaps.unshare_as_root(Namespace.USER | Namespace.PID)
        return func()

    return in_child(inside)


def loops_over_a_number(levels: int, func: Func) -> object:
    for _ in levels:  # type: ignore[attr-defined]
        idmaps.unshare_as_root(Namespace.USER)
    return func()


def always_three(levels: int, func: Func) -> object:
    return in_depth(7, func)


def side_by_side(levels: int, func: Func) -> object:
    found = None
    for _ in range(levels):
        found = in_depth(1, func)
    return found


def not_at_all(levels: int, func: Func) -> object:
    return func()


def without_maps(levels: int, func: Func) -> object:
    def inside() -> object:
        for _ in range(levels):
            syscalls.unshare(Namespace.USER)
        return func()

    return in_child(inside)


def nobody_in_the_last(levels: int, func: Func) -> object:
    def inside() -> object:
        for _ in range(levels - 1):
            idmaps.unshare_as_root(Namespace.USER)
        syscalls.unshare(Namespace.USER)
        return func()

    return in_child(inside)


def depth_without_a_child(levels: int, func: Func) -> object:
    for _ in range(levels):
        idmaps.unshare_as_root(Namespace.USER)
    return func()


def depth_without_result(levels: int, func: Func) -> None:
    in_depth(levels, func)


@pytest.mark.parametrize("answer", [in_depth, by_recursion])
def test_so_many_levels_are_right(answer: Callable[[int, Func], object]) -> None:
    told = lesson.check_in_depth(answer)

    assert told.done, told


@pytest.mark.parametrize(
    ("answer", "claim", "hint"),
    [
        (lambda *_: (1, 0), "the result", "`return` twice"),
        (nothing, "the result", "`return` twice"),
        (depth_without_result, "the result", "`return` twice"),
        (not_at_all, "`levels` user", "There were 0"),
        (one_alone, "`levels` user", "There were 1"),
        (one_too_many, "`levels` user", "one deeper"),
        (one_too_few, "`levels` user", "one deeper"),
        (always_three, "`levels` user", "There were 7"),
        (side_by_side, "`levels` user", "once, after the loop"),
        (at_each_level, "`levels` user", "once, after the loop"),
        (with_pids, "`levels` user", "There were 1"),
        (loops_over_a_number, RUNS, "`range(levels)`"),
        (nobody_in_the_last, "it is root", "A map for each level"),
        (depth_without_a_child, "you are where", "into a child"),
        (without_maps, RUNS, ""),
        (one_argument, RUNS, "a number and a function"),
        (without_end, RUNS, "five seconds"),
    ],
)
def test_other_levels_are_not(
    answer: Callable[..., object], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_in_depth(answer), claim, hint)


# Seen inside

Maps = Sequence[IdMap]
NOBODY = 65534


def seen_inside(outside: int, maps: Maps) -> int:
    for one in maps:
        if one.outside <= outside < one.outside + one.count:
            return one.inside + outside - one.outside
    return NOBODY


def without_a_count(outside: int, maps: Maps) -> int:
    return next((m.inside for m in maps if m.outside == outside), NOBODY)


def to_outside(inside: int, maps: Maps) -> int | None:
    return idmaps.to_outside(inside, maps)


def first_line_alone(outside: int, maps: Maps) -> int:
    return seen_inside(outside, maps[:1])


def last_line_alone(outside: int, maps: Maps) -> int:
    return seen_inside(outside, maps[-1:])


def one_too_long(outside: int, maps: Maps) -> int:
    for one in maps:
        if one.outside <= outside <= one.outside + one.count:
            return one.inside + outside - one.outside
    return NOBODY


def one_too_short(outside: int, maps: Maps) -> int:
    for one in maps:
        if one.outside <= outside < max(one.outside + 1, one.outside + one.count - 1):
            return one.inside + outside - one.outside
    return NOBODY


def begins_of_lines(outside: int, maps: Maps) -> int:
    for one in maps:
        if one.outside <= outside < one.outside + one.count:
            return one.inside
    return NOBODY


def none_is_nobody(outside: int, maps: Maps) -> int | None:
    found = seen_inside(outside, maps)
    return None if found == NOBODY else found


def as_it_is(outside: int, maps: Maps) -> int:
    found = seen_inside(outside, maps)
    return outside if found == NOBODY else found


def always_nobody(*_: object) -> int:
    return NOBODY


def as_text(outside: int, maps: Maps) -> str:
    return str(seen_inside(outside, maps))


def unpacked(outside: int, maps: Any) -> int:
    for inside, first, count in maps:
        if first <= outside < first + count:
            return int(inside + outside - first)
    return NOBODY


def without_an_end(outside: int, maps: Maps) -> int:
    return next(
        one.inside + outside - one.outside
        for one in maps
        if one.outside <= outside < one.outside + one.count
    )


def in_the_loop(outside: int, maps: Maps) -> int:
    for one in maps:
        if one.outside <= outside < one.outside + one.count:
            return one.inside + outside - one.outside
        return NOBODY
    return NOBODY


def takes_the_list_apart(outside: int, maps: list[IdMap]) -> int:
    while maps:
        one = maps.pop()
        if one.outside <= outside < one.outside + one.count:
            return one.inside + outside - one.outside
    return NOBODY


def misspelt(outside: int, maps: Maps) -> int:
    return int(maps[0].inner)  # type: ignore[attr-defined]


@pytest.mark.parametrize("answer", [seen_inside, takes_the_list_apart])
def test_what_the_kernel_says_is_right(answer: Callable[..., int]) -> None:
    told = lesson.check_seen_inside(answer)

    assert told.done, told


@pytest.mark.parametrize(
    ("answer", "claim", "hint"),
    [
        (nothing, "a file of yours", "It said None"),
        (always_nobody, "a file of yours", "It said 65534"),
        (as_text, "a file of yours", "It said '"),
        (to_outside, "a file of yours", "`outside`"),
        (none_is_nobody, "a file of root's", "65534"),
        (as_it_is, "a file of root's", "It said 0"),
        (without_a_count, "the first", "`count` ids"),
        (begins_of_lines, "the first", "`count` ids"),
        (one_too_short, "the first", "`count` ids"),
        (first_line_alone, "the first", "`count` ids"),
        (last_line_alone, "the first", "`count` ids"),
        (one_too_long, "the right one", "outside + count - 1"),
        (in_the_loop, "the first", "`count` ids"),
        (unpacked, RUNS, "`maps` is a list"),
        (without_an_end, RUNS, "next(..., 65534)"),
        (misspelt, RUNS, "`inside`, `outside` and `count`"),
        (without_end, RUNS, "five seconds"),
    ],
)
def test_what_it_does_not_say_is_not(
    answer: Callable[..., object], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_seen_inside(answer), claim, hint)
