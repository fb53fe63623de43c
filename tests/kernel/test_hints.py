"""Hints: a refused call says what to do about it."""

import errno
import os

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import idmaps
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import libc, syscalls
from cfslib.kernel.hints import HINTS, hint_for
from cfslib.kernel.syscalls import Prctl
from tests.conftest import needs_namespaces, needs_root, needs_user_namespaces
from tests.kernel.refusals import ELSEWHERE, IN_A_GROUP, WAYS, with_a_group


def named(refusal: tuple[str, int]) -> str:
    return f"{refusal[0]} {errno.errorcode[refusal[1]]}"


@needs_namespaces
@needs_user_namespaces
@pytest.mark.parametrize("refusal", WAYS, ids=named)
def test_the_kernel_says_what_a_hint_is_for(refusal: tuple[str, int]) -> None:
    with pytest.raises(OSError, match=os.strerror(refusal[1])):
        in_child(WAYS[refusal])


@needs_root
@pytest.mark.parametrize("refusal", IN_A_GROUP, ids=named)
def test_so_it_does_for_cgroups(refusal: tuple[str, int]) -> None:
    with pytest.raises(OSError, match=rf"{refusal[0]}\(") as caught:
        in_child(lambda: with_a_group(IN_A_GROUP[refusal]))

    assert caught.value.errno == refusal[1]
    assert f"Hint: {HINTS[refusal]}" in caught.value.__notes__


@needs_user_namespaces
@pytest.mark.parametrize(
    ("inheritable", "is_taken"),
    [
        (Capability.KILL, True),
        (Capability.CHOWN, False),  # beyond the bounding set
        (Capability.SETUID, False),  # not permitted, once SETPCAP is gone
    ],
)
def test_what_is_inheritable_has_bounds(
    inheritable: Capability, is_taken: bool
) -> None:
    def widen() -> str:
        idmaps.unshare_as_root(Namespace(0))
        syscalls.prctl(Prctl.CAPBSET_DROP, Capability.CHOWN)
        kept = 1 << Capability.KILL | 1 << Capability.CHOWN
        if inheritable == Capability.CHOWN:
            kept |= 1 << Capability.SETPCAP
        syscalls.capset(kept, kept, 0)
        try:
            syscalls.capset(kept, kept, 1 << inheritable)
        except PermissionError as error:
            return error.__notes__[0]
        return "taken"

    said = in_child(widen)

    assert ("in the bounding set" in said) != is_taken


def test_there_is_a_way_to_every_hint() -> None:
    assert {*WAYS, *IN_A_GROUP, *ELSEWHERE} == set(HINTS)


@pytest.mark.parametrize("call", sorted({call for call, _ in HINTS}))
def test_every_hint_is_about_a_call_of_ours(call: str) -> None:
    name, _, _ = call.partition(" ")  # of what it is about, "proc" in "mount proc"
    assert name == "posix_spawn" or callable(getattr(libc, name))


@pytest.mark.parametrize("hint", sorted(set(HINTS.values())))
def test_a_hint_is_one_line_that_ends_like_a_sentence(hint: str) -> None:
    assert "\n" not in hint
    assert hint.endswith(".")


@pytest.mark.parametrize("code", sorted({code for _, code in HINTS}))
def test_the_codes_are_numbers_that_the_kernel_has(code: int) -> None:
    assert code in errno.errorcode


def test_there_is_no_hint_where_there_is_nothing_to_say() -> None:
    assert hint_for("unshare", errno.EIO) is None
    assert hint_for("no such call", errno.EPERM) is None
