"""Hints: a refused call says what to do about it."""

import errno

import pytest

from cfslib.kernel import libc
from cfslib.kernel.hints import HINTS, hint_for


@pytest.mark.parametrize("call", sorted({call for call, _ in HINTS}))
def test_every_hint_is_about_a_call_of_ours(call: str) -> None:
    assert call == "posix_spawn" or callable(getattr(libc, call))


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
