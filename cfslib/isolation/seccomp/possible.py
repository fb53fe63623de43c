"""Possible: every answer that a filter may give, if not all is known about a call.

Where an argument is an address, nobody knows it beforehand.  A filter that looks at it
may take either way, and both are followed.

    >>> from cfslib.isolation.seccomp.bpf import jeq, ld, ret
    >>> from cfslib.isolation.seccomp.data import args
    >>> program = [ld(args(1)), jeq(0, 1, 0), ret(Action.ERRNO | 1), ret(Action.ALLOW)]
    >>> sorted(map(str, answers(program, {})))
    ['ALLOW', 'ERRNO(EPERM)']
    >>> [str(it) for it in answers(program, {args(1): 0})]
    ['ALLOW']
"""

from cfslib.isolation.seccomp import bpf, data, machine
from cfslib.isolation.seccomp.data import ARCH, NR, Action

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cfslib.isolation.seccomp.bpf import Instruction

    Words = dict[int, int]  # of struct seccomp_data, by their places
_HALF = 0xFFFF_FFFF


def words(number: int, *arguments: "int | None") -> "Words":
    """Return what is known about a call of ours; None is an argument that is not.

    Of a number below 0 only the lower half is known: compilers fill the upper one
    with zeros or with ones.
    """
    known = {NR: number, ARCH: int(data.our_arch())}
    for at, argument in enumerate(arguments):
        if argument is not None:
            known[data.args(at)] = argument & _HALF
        if argument is not None and argument >= 0:
            known[data.args_high(at)] = argument >> 32
    return known


def answers(program: "Sequence[Instruction]", known: "Words") -> "set[Action | None]":
    """Return the answers; None among them means that there may be any other."""
    found: set[Action | None] = set()
    ways: list[tuple[int, int | None]] = [(0, None)]
    met = set(ways)
    while ways:
        at, a = ways.pop()
        it = program[at]
        if it.code & 7 == bpf.RET:
            found.add(_answer(it, a))
            continue
        if it.code == bpf.ALU | bpf.DIV | bpf.X:  # by what may be 0
            found.add(Action.KILL_THREAD)
        further = {(to, _after(it, a, known)) for to in _targets(it, at, a)} - met
        met |= further
        ways += further
    return found


def _answer(it: "Instruction", a: "int | None") -> "Action | None":
    if not it.code & bpf.A:
        return Action(it.k)
    return None if a is None else Action(a)


def _targets(it: "Instruction", at: int, a: "int | None") -> "list[int]":
    """Return where the program may go on."""
    if it.code & 7 != bpf.JMP:
        return [at + 1]
    if it.code == bpf.JMP | bpf.JA or (a is not None and not it.code & bpf.X):
        return [at + 1 + machine.skipped(it, a or 0, 0)]
    return [at + 1 + int(it.jt), at + 1 + int(it.jf)]


def _after(it: "Instruction", a: "int | None", known: "Words") -> "int | None":
    """Return A after an instruction; None if it is unknown.  X is never known."""
    if it.code == bpf.LD | bpf.ABS:
        return known.get(it.k)
    if it.code == bpf.LD | bpf.IMM:
        return it.k
    if it.code & 7 == bpf.ALU and not it.code & bpf.X:
        return None if a is None else machine.calculated(it.code & 0xF0, a, it.k)
    changes_a = it.code & 7 in (bpf.LD, bpf.ALU) or it.code == bpf.MISC | bpf.TXA
    return None if changes_a else a
