"""Our machine and the kernel's do the same with a program."""

import ctypes
import errno
import mmap
import os
import platform

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfslib.children.in_child import in_child
from cfslib.isolation.seccomp import bpf, machine
from cfslib.isolation.seccomp.bpf import Instruction, ja, jeq, ld, ret
from cfslib.isolation.seccomp.data import (
    ARCH,
    NR,
    Action,
    Arch,
    SeccompData,
    args,
    our_arch,
)
from tests.isolation.seccomp.filters import in_bare_child, is_taken, load

pytestmark = [pytest.mark.alike, pytest.mark.long]

GETPPID = {"x86_64": 110, "aarch64": 173}[platform.machine()]
ALLOW = ret(Action.ALLOW)

# What the kernel refuses, and in which words we say so.
REFUSED: dict[str, list[Instruction]] = {
    "not 0": [],
    "not 4097": [ALLOW] * 4097,
    "has to be a ret": [ld(NR)],
    "jumps to 5": [jeq(0, 4, 0), ALLOW],
    "jumps to 8": [ja(7), ALLOW],
    "loads from 2": [ld(2), ALLOW],
    "loads from 64": [ld(64), ALLOW],
    "divides by 0": [Instruction(bpf.ALU | bpf.DIV), ALLOW],
    "shifts 32 bits by 32": [Instruction(bpf.ALU | bpf.LSH, k=32), ALLOW],
    "16 cells": [Instruction(bpf.ST, k=16), ALLOW],
    "0 reads cell 3": [Instruction(bpf.LD | bpf.MEM, k=3), ALLOW],
    "no instruction": [Instruction(0x28, k=0), ALLOW],  # half a word: BPF_H
    "0 0x000e: no instruction": [Instruction(bpf.RET | bpf.X), ALLOW],
}


@pytest.mark.parametrize(("words", "program"), REFUSED.items(), ids=REFUSED)
def test_what_the_kernel_refuses_is_refused_with_the_reason(
    words: str, program: list[Instruction]
) -> None:
    with pytest.raises(ValueError, match=words):
        machine.check(program)
    assert not is_taken(program)


def test_a_cell_is_read_only_after_every_way_has_filled_it() -> None:
    fill, read = Instruction(bpf.ST, k=3), Instruction(bpf.LD | bpf.MEM, k=3)
    some = [ld(NR), jeq(1, 0, 1), fill, read, ALLOW]
    every = [ld(NR), jeq(1, 0, 2), fill, ja(1), fill, read, ALLOW]

    machine.check(every)
    assert is_taken(every)
    assert not is_taken(some)
    with pytest.raises(ValueError, match="reads cell 3"):
        machine.check(some)


# Random programs.  They end with `getppid() answers A`, so that the kernel tells what
# its machine has calculated; every other call is made as if there were no filter.

words = st.integers(0, 2**32 - 1) | st.integers(0, 70)
small = st.integers(0, 3)
code = st.sampled_from(sorted(bpf.WORDS)) | st.integers(0, 0x120)
any_instruction = st.builds(Instruction, code, small, small, words | small)


@settings(max_examples=75, deadline=None)
@given(st.lists(any_instruction, min_size=1, max_size=6))
def test_the_kernel_and_we_refuse_the_same_programs(lines: list[Instruction]) -> None:
    program = [*lines, ALLOW]
    try:
        machine.check(program)
        ours = True
    except ValueError:
        ours = False

    assert ours == is_taken(program)


calculations = [code for code in bpf.WORDS if code & 7 != bpf.RET]
calculation = st.builds(
    Instruction,
    st.sampled_from(calculations),
    small,
    small,
    words | st.sampled_from([NR, ARCH, args(0), args(1), args(5)]),
)
END = [
    Instruction(bpf.ALU | bpf.AND, k=0x3FF),  # errno has a limit: see seccomp(2)
    Instruction(bpf.ALU | bpf.OR, k=Action.ERRNO),
    Instruction(bpf.RET | bpf.A),
]


def accepted(program: list[Instruction]) -> bool:
    try:
        machine.check(program)
    except ValueError:
        return False
    return True


@settings(max_examples=75, deadline=None)
@given(st.lists(calculation, max_size=12), st.lists(words, min_size=6, max_size=6))
def test_the_kernel_and_we_calculate_the_same(
    middle: list[Instruction], numbers: list[int]
) -> None:
    valid: list[Instruction] = []
    for it in middle:
        # Jumps may lead into the end, which is long enough for the longest.
        if accepted([*valid, it, *END]):
            valid.append(it)
    only_getppid = [ld(NR), jeq(GETPPID, 1, 0), ALLOW]
    program = [*only_getppid, *valid, *END]

    ours = machine.run(program, SeccompData(GETPPID, numbers))

    theirs = in_bare_child(lambda: told(program, numbers))
    if ours.kind == Action.ERRNO:
        assert theirs == (0 if ours.data == 0 else 1 + ours.data % 99)
    elif ours.kind == Action.KILL_THREAD:
        assert theirs == -31  # SIGSYS


VALUES = [0, 1, 2, 31, 0x3FF, 0xFFFF_0001, 0x8000_0001, 0xFFFF_FFFF]
OPERATIONS = [code for code in bpf.WORDS if code & 7 == bpf.ALU]
TESTS = [code for code in bpf.WORDS if code & 7 == bpf.JMP and code != bpf.JMP | bpf.JA]


def one_operation(code: int, k: int) -> list[Instruction]:
    """Load X and A from the arguments, do one thing, and answer with part of A."""
    yes, no = Instruction(bpf.LD | bpf.IMM, k=1), Instruction(bpf.LD | bpf.IMM, k=2)
    if code & 7 == bpf.JMP:
        middle = [Instruction(code, 0, 2, k), yes, ja(1), no]
    else:
        middle = [Instruction(code, k=k)]
    fold = [  # of all 32 bits, something that fits into an errno
        Instruction(bpf.MISC | bpf.TAX),
        Instruction(bpf.ALU | bpf.RSH, k=16),
        Instruction(bpf.ALU | bpf.XOR | bpf.X),
        Instruction(bpf.MISC | bpf.TAX),
        Instruction(bpf.ALU | bpf.RSH, k=7),
        Instruction(bpf.ALU | bpf.XOR | bpf.X),
    ]
    load = [ld(args(1)), Instruction(bpf.MISC | bpf.TAX), ld(args(0))]
    return [ld(NR), jeq(GETPPID, 1, 0), ALLOW, *load, *middle, *fold, *END]


@pytest.mark.parametrize("code", [*OPERATIONS, *TESTS], ids=lambda code: f"{code:#x}")
def test_each_operation_is_the_kernels(code: int) -> None:
    takes_x = code & bpf.X
    k = 5 if code & 0xF0 in (bpf.LSH, bpf.RSH) else 0x8000_0001
    program = one_operation(code, k)
    pairs = [(a, x) for a in VALUES for x in (VALUES if takes_x else [0])]
    if code == bpf.ALU | bpf.DIV | bpf.X:
        pairs = [(a, x) for a, x in pairs if x]
    if code & 0xF0 in (bpf.LSH, bpf.RSH):
        pairs = [(a, x % 32) for a, x in pairs]

    theirs = in_child(lambda: answers(program, pairs))

    ours = [machine.run(program, SeccompData(GETPPID, pair)).data for pair in pairs]
    assert theirs == ours
    assert len(set(ours)) > 1


def answers(program: list[Instruction], pairs: list[tuple[int, int]]) -> list[int]:
    """Load a program, and return the errno of one call for each pair of arguments."""
    libc = ctypes.CDLL(None, use_errno=True)
    load(program)
    found = []
    for pair in pairs:
        ctypes.set_errno(0)
        libc.syscall(ctypes.c_long(GETPPID), *map(ctypes.c_ulong, pair))
        found.append(ctypes.get_errno())
    return found


def told(program: list[Instruction], numbers: list[int]) -> int:
    """Load a program, make the call, and return 0 or something made of its errno."""
    libc = ctypes.CDLL(None, use_errno=True)
    values = [ctypes.c_ulong(number) for number in numbers]
    load(program)
    if libc.syscall(ctypes.c_long(GETPPID), *values) == -1:
        return 1 + ctypes.get_errno() % 99
    return 0


def test_steps_tell_the_way_through_a_program() -> None:
    program = [ld(NR), jeq(39, 1, 0), ALLOW, ret(Action.ERRNO | errno.EPERM)]

    way = list(machine.steps(program, SeccompData(39)))

    assert [step.at for step in way] == [0, 1, 3]
    assert [step.a for step in way] == [39, 39, Action.ERRNO | errno.EPERM]
    assert [step.to for step in way] == [1, 3, None]


def test_the_kernel_tells_a_filter_the_architecture_of_this_machine() -> None:
    program = [ld(ARCH), jeq(our_arch(), 1, 0), ret(Action.KILL_PROCESS), ALLOW]

    def ask() -> int:
        load(program)
        return 7 if os.getppid() else 0

    assert in_bare_child(ask) == 7


# mov eax, 20; int 0x80; ret: getpid by its number of 32 bits.
IN_32_BITS = bytes.fromhex("b814000000cd80c3")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs a processor of x86")
def test_a_program_of_64_bits_can_make_a_call_of_32() -> None:
    def call() -> int:
        memory = mmap.mmap(-1, 4096, prot=7)
        memory.write(IN_32_BITS)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        return int(ctypes.CFUNCTYPE(ctypes.c_int)(start)())

    def filtered() -> int:
        load([ld(ARCH), jeq(Arch.I386, 0, 1), ret(Action.ERRNO | 7), ALLOW])
        return call()

    try:
        in_child(call)
    except ChildProcessError:
        pytest.skip("needs a kernel that runs programs of 32 bits")
    assert in_child(filtered) == -7
