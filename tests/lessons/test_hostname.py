"""The checks of notebook 01 know right answers from wrong ones."""

import os
import socket
from collections.abc import Callable

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps, namespaces
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.lessons import hostname

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


def renamed_without_leave(name: str, func: Func) -> object:
    def inside() -> object:
        syscalls.sethostname(name)
        return func()

    return in_child(inside)


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


def test_a_right_answer_to_exercise_1_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = hostname.here()
    hostname.check_named(named)

    assert "Done." in capsys.readouterr().out
    assert hostname.here() == before


@pytest.mark.parametrize(
    ("wrong", "open_point"),
    [
        (lambda name, func: None, "the result of `func` comes back"),
        (without_a_result, "the result of `func` comes back"),
        (without_a_namespace, "`func` ran in a UTS namespace of its own"),
        (without_a_name, "the machine had the new name there"),
        (named_too_late, "the machine had the new name there"),
        (without_a_child, "the caller kept its namespace and its name"),
    ],
)
def test_a_wrong_answer_to_exercise_1_is_not_done(
    wrong: Callable[[str, Func], object],
    open_point: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hostname.check_named(wrong)

    out = capsys.readouterr().out
    assert f"[ ] {open_point}" in out
    assert "Not yet." in out


def test_an_answer_that_would_rename_the_host_is_refused() -> None:
    with pytest.raises(PermissionError, match="sethostname"):
        hostname.check_named(renamed_without_leave)


def test_a_right_answer_to_exercise_2_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hostname.check_repaint(repaint)

    assert "Done." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "open_point"),
    [
        (lambda pid, name: None, "the machine of the neighbour has the new name"),
        (visit, "the machine of the neighbour has the new name"),
        (build_a_new_house, "the machine of the neighbour has the new name"),
        (repaint_and_say_nothing, "`repaint` returned the old name"),
        (repaint_and_say_the_new_name, "`repaint` returned the old name"),
        (repaint_as_a_resident, "the caller stayed where it was"),
    ],
)
def test_a_wrong_answer_to_exercise_2_is_not_done(
    wrong: Callable[[int, str], object],
    open_point: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hostname.check_repaint(wrong)

    out = capsys.readouterr().out
    assert f"[ ] {open_point}" in out
    assert "Not yet." in out


def test_without_the_user_namespace_a_visit_is_refused() -> None:
    with pytest.raises(PermissionError, match="setns") as caught:
        hostname.check_repaint(lambda pid, _: namespaces.enter(Namespace.UTS, pid))
    assert "user namespace" in caught.value.__notes__[0]


def test_an_ordinary_process_is_refused_whoever_we_were() -> None:
    def refused() -> None:
        hostname.be_ordinary()
        syscalls.unshare(Namespace.UTS)

    with pytest.raises(PermissionError, match=r"unshare\(UTS\)"):
        in_child(refused)


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
