"""The checks of notebook 01 know right answers from wrong ones."""

import os
import signal
import socket
from collections.abc import Callable

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, namespaces
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.lessons import Verdict, guard, hostname
from tests.conftest import needs_user_namespaces
from tests.lessons.conftest import assert_not_yet

Func = Callable[[], object]


def named(name: str, func: Func) -> object:
    def inside() -> object:
        idmaps.unshare_as_root(Namespace.UTS)
        syscalls.sethostname(name)
        return func()

    return in_child(inside)


def without_a_child(name: str, func: Func) -> object:
    idmaps.unshare_as_root(Namespace.UTS)
    syscalls.sethostname(name)
    return func()


def without_a_name(name: str, func: Func) -> object:
    def inside() -> object:
        idmaps.unshare_as_root(Namespace.UTS)
        return func()

    return in_child(inside)


def without_a_namespace(name: str, func: Func) -> object:
    return in_child(func)


def without_a_result(name: str, func: Func) -> object:
    named(name, func)
    return None


def named_too_late(name: str, func: Func) -> object:
    def inside() -> object:
        idmaps.unshare_as_root(Namespace.UTS)
        result = func()
        syscalls.sethostname(name)
        return result

    return in_child(inside)


def named_without_a_ticket(name: str, func: Func) -> object:
    def inside() -> object:
        syscalls.unshare(Namespace.UTS)
        syscalls.sethostname(name)
        return func()

    return in_child(inside)


def renamed_without_leave(name: str, func: Func) -> object:
    def inside() -> object:
        syscalls.sethostname(name)
        return func()

    return in_child(inside)


def called_too_early(name: str, func: Func) -> object:
    return in_child(func())  # type: ignore[arg-type]


def named_and_called_outside(name: str, func: Func) -> object:
    named(name, lambda: None)
    return func()


def named_without_cfslib(name: str, func: Func) -> object:
    def inside() -> object:
        syscalls.unshare(Namespace.USER | Namespace.UTS)
        socket.sethostname(name)
        return func()

    return in_child(inside)


def all_in_a_list(name: str, func: Func) -> object:
    steps = (
        lambda: idmaps.unshare_as_root(Namespace.UTS),
        lambda: syscalls.sethostname(name),
        func,
    )
    return in_child(lambda: [step() for step in steps])


def never_end(*_: object) -> object:
    while True:
        signal.pause()


def repaint(pid: int, name: str) -> object:
    return in_child(lambda: repaint_as_a_resident(pid, name))


def repaint_as_a_resident(pid: int, name: str) -> object:
    namespaces.enter(Namespace.USER | Namespace.UTS, pid)
    before = socket.gethostname()
    syscalls.sethostname(name)
    return before


def repaint_and_say_nothing(pid: int, name: str) -> object:
    repaint(pid, name)
    return None


def repaint_and_say_the_new_name(pid: int, name: str) -> object:
    repaint(pid, name)
    return name


def visit(pid: int, name: str) -> object:
    def inside() -> str:
        namespaces.enter(Namespace.USER | Namespace.UTS, pid)
        return socket.gethostname()

    return in_child(inside)


def build_a_new_house(pid: int, name: str) -> object:
    def inside() -> str:
        before = socket.gethostname()
        idmaps.unshare_as_root(Namespace.UTS)
        syscalls.sethostname(name)
        return before

    return in_child(inside)


def repaint_by_descriptors(pid: int, name: str) -> object:
    def there() -> str:
        for kind in (Namespace.USER, Namespace.UTS):
            with open(namespaces.link(kind, pid)) as file:
                syscalls.setns(file.fileno(), kind)
        before = os.uname().nodename
        socket.sethostname(name)
        return before

    return in_child(there)


def repaint_from(which: Namespace) -> Callable[[int, str], object]:
    def answer(pid: int, name: str) -> object:
        def there() -> str:
            namespaces.enter(which, pid)
            before = socket.gethostname()
            syscalls.sethostname(name)
            return before

        return in_child(there)

    return answer


def repaint_from_another_house(pid: int, name: str) -> object:
    def there() -> object:
        idmaps.unshare_as_root(Namespace.UTS)
        return repaint_as_a_resident(pid, name)

    return in_child(there)


def repaint_after_asking_at_home(pid: int, name: str) -> object:
    before = socket.gethostname()
    repaint(pid, name)
    return before


def repaint_and_say_too_much(pid: int, name: str) -> object:
    return repaint(pid, name), name


def call_too_early_there(pid: int, name: str) -> object:
    return in_child(repaint(pid, name))  # type: ignore[arg-type]


def end_the_neighbour(pid: int, name: str) -> object:
    os.kill(pid, signal.SIGKILL)
    return name


def enter_by_name(pid: int, name: str) -> object:
    namespaces.enter("USER|UTS", pid)  # type: ignore[arg-type]
    return name


def enter_by_pid(pid: int, name: str) -> object:
    syscalls.setns(pid, Namespace.UTS)
    return name


def mix_up_the_arguments(pid: int, name: str) -> object:
    namespaces.enter(pid, Namespace.USER | Namespace.UTS)  # type: ignore[arg-type]
    return name


def test_a_right_answer_to_exercise_1_is_done() -> None:
    before = hostname.here()
    verdict = hostname.check_named(named)

    assert verdict.done, verdict
    assert hostname.here() == before


def test_a_right_answer_to_exercise_1_may_be_unusual() -> None:
    assert hostname.check_named(named_without_cfslib).done


RESULT = "the result of `func` comes back"


@pytest.mark.parametrize(
    ("wrong", "open_point", "hint"),
    [
        (lambda name, func: None, RESULT, "It returned None"),
        (lambda name, func: name, RESULT, "It returned 'box-"),
        (without_a_result, RESULT, "`return` twice"),
        (all_in_a_list, RESULT, "It returned [None, None"),
        (without_a_namespace, "`func` ran in a UTS namespace of its own", "unshare_as"),
        (
            named_and_called_outside,
            "`func` ran in a UTS namespace of its",
            "unshare_as",
        ),
        (without_a_name, "the machine had the new name there", "sethostname(name)"),
        (named_too_late, "the machine had the new name there", "before `func`"),
        (
            lambda name, func: named("inside", func),
            "the machine had the new name there",
            "sethostname(name)",
        ),
        (without_a_child, "the caller kept its namespace and its name", "in_child"),
        (renamed_without_leave, "it runs", "a UTS namespace of one's own comes first"),
        (named_without_a_ticket, "it runs", "add Namespace.USER"),
        (called_too_early, "it runs", "without calling it"),
        (lambda func, name: named(name, func), "it runs", "a name and a function"),
        (lambda name: None, "it runs", "with a name and a function"),
        ("inside", "it runs", "named is no function"),
    ],
)
def test_a_wrong_answer_to_exercise_1_is_not_done(
    wrong: Callable[[str, Func], object], open_point: str, hint: str
) -> None:
    before = hostname.here()
    assert_not_yet(hostname.check_named(wrong), open_point, hint)
    assert hostname.here() == before


def test_a_right_answer_to_exercise_2_is_done() -> None:
    assert hostname.check_repaint(repaint).done


def test_a_right_answer_to_exercise_2_may_be_unusual() -> None:
    assert hostname.check_repaint(repaint_by_descriptors).done


PAINTED = "the neighbour's machine has the new name"
TOLD = "`repaint` returned the old name"


@pytest.mark.parametrize(
    ("wrong", "open_point", "hint"),
    [
        (lambda pid, name: None, PAINTED, "namespaces.enter(...)"),
        (visit, PAINTED, "then set the name"),
        (build_a_new_house, PAINTED, "namespaces.enter(...)"),
        (end_the_neighbour, PAINTED, "namespaces.enter(...)"),
        (repaint_and_say_nothing, TOLD, "It returned None"),
        (repaint_and_say_the_new_name, TOLD, "before you change the name"),
        (repaint_after_asking_at_home, TOLD, "when you are there"),
        (repaint_and_say_too_much, TOLD, "It returned ('door-"),
        (repaint_as_a_resident, "the caller stayed where it was", "in_child"),
        (repaint_from(Namespace.UTS), "it runs", "enter both in one call"),
        (repaint_from(Namespace.USER), "it runs", "and that to a user"),
        (repaint_from_another_house, "it runs", "From where you are"),
        (lambda pid, name: syscalls.sethostname(name), "it runs", "enter both"),
        (mix_up_the_arguments, "it runs", "the pid comes last"),
        (enter_by_name, "it runs", "joined with |"),
        (enter_by_pid, "it runs", "takes a pid and opens it"),
        (call_too_early_there, "it runs", "in_child(there)"),
        (None, "it runs", "repaint is no function"),
    ],
)
def test_a_wrong_answer_to_exercise_2_is_not_done(
    wrong: Callable[[int, str], object], open_point: str, hint: str
) -> None:
    before = hostname.here()
    assert_not_yet(hostname.check_repaint(wrong), open_point, hint)
    assert hostname.here() == before


@pytest.mark.parametrize("check", [hostname.check_named, hostname.check_repaint])
def test_an_answer_that_never_ends_is_stopped(
    check: Callable[..., Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "SECONDS", 0.3)

    for wrong in (never_end, lambda *_: in_child(never_end)):
        assert_not_yet(check(wrong), "it runs", guard.NO_END)


def test_an_ordinary_process_is_refused_whoever_we_were() -> None:
    def refused() -> None:
        hostname.be_ordinary()
        syscalls.unshare(Namespace.UTS)

    with pytest.raises(PermissionError, match=r"unshare\(UTS\)"):
        in_child(refused)


@needs_user_namespaces
def test_root_of_a_namespace_with_one_id_is_told_that_it_stays_root() -> None:
    def stay() -> None:
        idmaps.unshare_as_root(Namespace(0))
        hostname.be_ordinary()

    with pytest.raises(PermissionError, match="there is no uid 65534") as caught:
        in_child(stay)
    assert "unshare -r" in caught.value.__notes__[0]


def test_an_ordinary_process_may_still_become_root_inside() -> None:
    def become() -> int:
        hostname.be_ordinary()
        idmaps.unshare_as_root(Namespace.UTS)
        return os.geteuid()

    assert in_child(become) == 0


def test_a_neighbour_has_its_own_name_and_is_gone_afterwards() -> None:
    def meet() -> tuple[bool | None, bool]:
        with hostname.neighbour("next-door") as pid:
            shared = namespaces.shared(pid)[Namespace.UTS]
        return shared, os.path.exists(f"/proc/{pid}")

    assert in_child(meet) == (False, False)
