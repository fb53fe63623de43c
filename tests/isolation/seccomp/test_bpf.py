"""Programs: written by hand, packed, and printed."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.isolation.seccomp import bpf
from cfslib.isolation.seccomp.bpf import Instruction, assemble, jeq, ld, listing, ret
from cfslib.isolation.seccomp.data import NR, Action, args, args_high

pytestmark = pytest.mark.alike

byte = st.integers(0, 255)
instruction = st.builds(
    Instruction, st.integers(0, 0xFFFF), byte, byte, st.integers(0, 2**32 - 1)
)


@given(st.lists(instruction))
def test_what_is_packed_can_be_unpacked(program: list[Instruction]) -> None:
    packed = bpf.pack(program)

    assert bpf.unpack(packed) == program
    assert len(packed) == 8 * len(program)


def test_an_instruction_is_laid_out_as_struct_sock_filter() -> None:
    assert bpf.pack([jeq(39, 1, 2)]) == struct.pack("HBBI", 0x15, 1, 2, 39)


def test_labels_become_numbers() -> None:
    program = assemble(
        [ld(NR), jeq(1, "no", "yes"), "no", ret(0), "yes", ret(Action.ALLOW)]
    )

    assert program == [ld(NR), jeq(1, 0, 1), ret(0), ret(Action.ALLOW)]


@pytest.mark.parametrize(
    "program",
    [
        ["back", ld(NR), jeq(1, "back", 0), ret(0)],
        [jeq(1, "far", 0), *[ret(0)] * 256, "far", ret(0)],
    ],
    ids=["backwards", "too far"],
)
def test_a_jump_goes_forward_and_not_too_far(program: list[Instruction | str]) -> None:
    with pytest.raises(ValueError, match="0 to 255, forward"):
        assemble(program)


def test_a_label_that_is_nowhere_is_named() -> None:
    with pytest.raises(ValueError, match="there is no label 'yes', only 'no'"):
        assemble([jeq(1, "yes", 0), "no", ret(0)])


def test_a_listing_names_what_is_loaded_and_what_is_answered() -> None:
    program = [
        ld(args(1)),
        ld(args_high(1)),
        jeq(0xC000_003E, 1, 0),
        bpf.ja(0),
        ret(Action.ERRNO | 38),
        ret(Action.LOG),
        Instruction(0x28),
    ]

    assert listing(program).splitlines() == [
        " 0  ld [args[1]]",
        " 1  ld [args[1] high]",
        " 2  jeq #0xc000003e, 4, 3",
        " 3  ja 4",
        " 4  ret ERRNO(ENOSYS)",
        " 5  ret LOG",
        " 6  0x0028 is no instruction of seccomp's",
    ]


def test_alone_an_instruction_says_how_many_it_skips() -> None:
    assert str(jeq(39, 1, 2)) == "jeq #39, +1, +2"
