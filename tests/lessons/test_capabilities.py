"""10-capabilities: right answers pass, the usual wrong ones do not, and get a hint."""

import os
import time
from collections.abc import Callable, Collection

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import capabilities, idmaps
from cfslib.isolation.capabilities import ALL, DEFAULT, Capability
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.lessons import capabilities as lesson
from cfslib.observe import rights
from tests.conftest import needs_user_namespaces
from tests.lessons.conftest import assert_not_yet

pytestmark = needs_user_namespaces

RUNS = "it runs"
RAISE = 2  # PR_CAP_AMBIENT_RAISE


def nothing(right: Capability) -> None:
    pass


def without_end(right: Capability) -> None:
    while True:
        time.sleep(0.001)


def of_no_argument() -> None:
    pass


# Drop one


def less(bits: int, right: Capability) -> int:
    return bits & ~(1 << right)


def drop_by_hand(right: Capability) -> None:
    own = rights.look()
    syscalls.prctl(Prctl.CAPBSET_DROP, right)
    syscalls.capset(less(own.effective, right), less(own.permitted, right), 0)


def drop_by_the_library(right: Capability) -> None:
    capabilities.keep_only(ALL - {right})


def bound_and_have(right: Capability) -> None:
    capabilities.bound(ALL - {right})
    capabilities.have_only(ALL - {right})


def from_the_effective_set(right: Capability) -> None:
    own = rights.look()
    syscalls.capset(less(own.effective, right), own.permitted, 0)


def from_both_sets(right: Capability) -> None:
    own = rights.look()
    syscalls.capset(less(own.effective, right), less(own.permitted, right), 0)


def have_alone(right: Capability) -> None:
    capabilities.have_only(ALL - {right})


def from_the_bounding_set(right: Capability) -> None:
    syscalls.prctl(Prctl.CAPBSET_DROP, right)


def all_of_them(right: Capability) -> None:
    capabilities.keep_only(())


def all_but_it(right: Capability) -> None:
    capabilities.keep_only({right})


def to_the_default(right: Capability) -> None:
    capabilities.keep_only(DEFAULT - {right})


def always_kill(right: Capability) -> None:
    drop_by_hand(Capability.KILL)


def both_that_are_tried(right: Capability) -> None:
    capabilities.keep_only(ALL - set(lesson.TRIED))


def its_number_as_bits(right: Capability) -> None:
    own = rights.look()
    syscalls.prctl(Prctl.CAPBSET_DROP, right)
    syscalls.capset(own.effective & ~right, own.permitted & ~right, 0)


def too_late(right: Capability) -> None:
    capabilities.have_only(ALL - {right, Capability.SETPCAP})
    syscalls.prctl(Prctl.CAPBSET_DROP, right)


def effective_without_permitted(right: Capability) -> None:
    own = rights.look()
    syscalls.capset(own.effective, less(own.permitted, right), 0)


def in_a_child_alone(right: Capability) -> None:
    in_child(lambda: drop_by_hand(right))


def by_no_new_privs(right: Capability) -> None:
    capabilities.gain_no_more()
    from_both_sets(right)


def inheritable_before(right: Capability) -> None:
    own = rights.look()
    syscalls.capset(own.effective, own.permitted, 1 << right)
    syscalls.prctl(Prctl.CAPBSET_DROP, right)
    syscalls.capset(less(own.effective, right), less(own.permitted, right), 1 << right)


def by_noroot(right: Capability) -> None:
    syscalls.prctl(Prctl.SET_SECUREBITS, 1)  # SECBIT_NOROOT
    from_both_sets(right)


def another_user(right: Capability) -> None:
    rights.be_user()


NOT_EFFECTIVE = "the process has the right no more: it is not effective"
NOT_PERMITTED = "it cannot put it back: it is not permitted"
NOT_BACK = "no program that it starts gets it back: it is out of bounds"
OTHERS = "all other rights are as they were, there and in the program"
NOT_DROPPED: list[tuple[Callable[..., object], str, str]] = [
    (nothing, NOT_EFFECTIVE, "`syscalls.capset`"),
    (from_the_bounding_set, NOT_EFFECTIVE, "`syscalls.capset`"),
    (all_but_it, NOT_EFFECTIVE, "`syscalls.capset`"),
    (always_kill, NOT_EFFECTIVE, "`syscalls.capset`"),
    (its_number_as_bits, NOT_EFFECTIVE, "`syscalls.capset`"),
    (in_a_child_alone, NOT_EFFECTIVE, "`syscalls.capset`"),
    (another_user, NOT_EFFECTIVE, "`syscalls.capset`"),
    (from_the_effective_set, NOT_PERMITTED, "both sets"),
    (from_both_sets, NOT_BACK, "CAPBSET_DROP"),
    (have_alone, NOT_BACK, "CAPBSET_DROP"),
    (all_of_them, OTHERS, "Take out one bit"),
    (to_the_default, OTHERS, "Take out one bit"),
    (both_that_are_tried, OTHERS, "Take out one bit"),
    (by_no_new_privs, NOT_BACK, "no_new_privs holds back all the others"),
    (inheritable_before, NOT_BACK, "It is inheritable"),
    (by_noroot, NOT_BACK, "CAPBSET_DROP"),
    (too_late, RUNS, "prctl(CAPBSET_DROP, KILL)"),
    (effective_without_permitted, RUNS, "capset("),
    (of_no_argument, RUNS, "takes 0 positional arguments"),
    (without_end, RUNS, "time.sleep(0.001)"),
]


@pytest.mark.parametrize("right", [drop_by_hand, drop_by_the_library, bound_and_have])
def test_one_right_can_be_dropped(right: Callable[[Capability], object]) -> None:
    told = lesson.check_drop(right)

    assert told.done, told


@pytest.mark.parametrize(("wrong", "claim", "hint"), NOT_DROPPED)
def test_what_drops_more_or_less_is_told_so(
    wrong: Callable[..., object], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_drop(wrong), claim, hint)


# Hand one on


def hand_on_by_hand(right: Capability) -> None:
    own = rights.look()
    syscalls.capset(own.effective, own.permitted, 1 << right)
    syscalls.prctl(Prctl.CAP_AMBIENT, RAISE, right)


def hand_on_and_give_up(right: Capability) -> None:
    hand_on_by_hand(right)
    syscalls.capset(1 << right, 1 << right, 1 << right)


def inheritable_alone(right: Capability) -> None:
    own = rights.look()
    syscalls.capset(own.effective, own.permitted, 1 << right)


def ambient_alone(right: Capability) -> None:
    syscalls.prctl(Prctl.CAP_AMBIENT, RAISE, right)


def permitted_alone(right: Capability) -> None:
    syscalls.capset(1 << right, 1 << right, 0)


def all_ambient(right: Capability) -> None:
    for each in Capability:
        rights.give_to_programs(each)


def two_ambient(right: Capability) -> None:
    rights.give_to_programs(right)
    rights.give_to_programs(Capability.CHOWN)


def always_kill_ambient(right: Capability) -> None:
    rights.give_to_programs(Capability.KILL)


def taken_back(right: Capability) -> None:
    hand_on_by_hand(right)
    syscalls.capset(0, 0, 0)  # what is not permitted is ambient no more


def no_more_inheritable(right: Capability) -> None:
    hand_on_by_hand(right)
    permitted_alone(right)


def as_root(right: Capability) -> None:
    idmaps.unshare_as_root(Namespace(0))
    capabilities.keep_only({right})


def bound_to_it(right: Capability) -> None:
    capabilities.bound({right})


def in_the_wrong_order(right: Capability) -> None:
    syscalls.prctl(Prctl.CAP_AMBIENT, RAISE, right)
    inheritable_alone(right)


def handed_on_in_a_child(right: Capability) -> None:
    in_child(lambda: hand_on_by_hand(right))


HAS_IT = "the program that it starts has the right"
NO_OTHER = "and no other"
WHO = "it is still user 1000"
NOT_HANDED_ON: list[tuple[Callable[..., object], str, str]] = [
    (nothing, HAS_IT, "Inheritable alone brings nothing"),
    (inheritable_alone, HAS_IT, "Inheritable alone brings nothing"),
    (permitted_alone, HAS_IT, "Inheritable alone brings nothing"),
    (bound_to_it, HAS_IT, "Inheritable alone brings nothing"),
    (taken_back, HAS_IT, "Inheritable alone brings nothing"),
    (no_more_inheritable, HAS_IT, "Inheritable alone brings nothing"),
    (always_kill_ambient, HAS_IT, "Inheritable alone brings nothing"),
    (handed_on_in_a_child, HAS_IT, "Inheritable alone brings nothing"),
    (all_ambient, NO_OTHER, "One bit in the ambient set"),
    (two_ambient, NO_OTHER, "One bit in the ambient set"),
    (as_root, WHO, "The user has to stay"),
    (ambient_alone, RUNS, "prctl(CAP_AMBIENT"),
    (in_the_wrong_order, RUNS, "prctl(CAP_AMBIENT"),
    (of_no_argument, RUNS, "takes 0 positional arguments"),
    (without_end, RUNS, "time.sleep(0.001)"),
]


@pytest.mark.parametrize(
    "right", [hand_on_by_hand, hand_on_and_give_up, rights.give_to_programs]
)
def test_one_right_can_be_handed_on(right: Callable[[Capability], object]) -> None:
    told = lesson.check_hand_on(right)

    assert told.done, told


@pytest.mark.parametrize(("wrong", "claim", "hint"), NOT_HANDED_ON)
def test_what_hands_on_more_or_less_is_told_so(
    wrong: Callable[..., object], claim: str, hint: str
) -> None:
    assert_not_yet(lesson.check_hand_on(wrong), claim, hint)


# The least there is

BIND, CHROOT = Capability.NET_BIND_SERVICE, Capability.SYS_CHROOT
READ, SEARCH = Capability.DAC_OVERRIDE, Capability.DAC_READ_SEARCH
WORKS = "with these rights, `serve` does all it has to"
NEEDED = "each of them is needed"
NOT_LEAST: list[tuple[object, str, str]] = [
    (set(), WORKS, '`listener.bind(("", 80))`: Permission denied'),
    ({BIND}, WORKS, "`with open(SECRET) as file:`: Permission denied"),
    ({BIND, READ}, WORKS, "chroot"),
    ({BIND, CHROOT}, WORKS, "open(SECRET)"),
    ({CHROOT, READ}, WORKS, "Permission denied"),
    ({Capability.SYS_ADMIN}, WORKS, "Permission denied"),
    (ALL, NEEDED, "one at a time: CHOWN, "),
    (DEFAULT, NEEDED, "one at a time: CHOWN, "),
    ({BIND, CHROOT, READ, Capability.KILL}, NEEDED, "one at a time: KILL."),
    ({BIND, CHROOT, READ, SEARCH}, NEEDED, "DAC_OVERRIDE, DAC_READ_SEARCH."),
    (None, RUNS, "Return a set of them"),
    ("ALL", RUNS, "Return a set of them"),
    ({"SYS_CHROOT", "NET_BIND_SERVICE"}, RUNS, "Return a set of them"),
    ({18, 10, 1}, RUNS, "Return a set of them"),
    (BIND, RUNS, "Return a set of them"),
]


@pytest.mark.parametrize("rights", [{BIND, CHROOT, READ}, [BIND, CHROOT, SEARCH]])
def test_the_least_may_be_found_in_two_ways(rights: Collection[Capability]) -> None:
    told = lesson.check_least(lambda: rights)

    assert told.done, told


@pytest.mark.parametrize(("wrong", "claim", "hint"), NOT_LEAST)
def test_what_is_not_the_least_is_told_so(wrong: object, claim: str, hint: str) -> None:
    assert_not_yet(lesson.check_least(lambda: wrong), claim, hint)


# What is left


def test_the_checks_leave_the_machine_as_it_was() -> None:
    before = procfs.mounts(), rights.look(), os.listdir("/proc/self/fd")

    lesson.check_drop(all_of_them)
    lesson.check_hand_on(as_root)
    lesson.check_least(lambda: DEFAULT)

    assert (procfs.mounts(), rights.look(), os.listdir("/proc/self/fd")) == before
