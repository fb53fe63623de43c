"""Machine: run a seccomp filter in Python, and see each of its steps.

It does what the kernel does with the same program, and refuses what the kernel would
refuse, but it says why.

    >>> from cfslib.isolation.seccomp.bpf import jeq, ld, ret
    >>> program = [ld(0), jeq(39, 0, 1), ret(Action.ERRNO | 1), ret(Action.ALLOW)]
    >>> print(run(program, SeccompData(nr=39)))
    ERRNO(EPERM)
    >>> check(program[:2])
    Traceback (most recent call last):
    ValueError: 1 jeq: jumps to 3, but the last instruction is 1
"""

import sys

from cfslib.isolation.seccomp import bpf
from cfslib.isolation.seccomp.bpf import Instruction
from cfslib.isolation.seccomp.data import SIZE, Action, SeccompData
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST = 4096  # instructions of a filter: BPF_MAXINSNS
CELLS = 16  # of memory: BPF_MEMWORDS
_32_BITS = 0xFFFF_FFFF


class Step(Record):
    """One instruction that was run: where, what A and X are then, what comes next."""

    def __init__(
        self, at: int, instruction: Instruction, a: int, x: int, to: "int | None"
    ) -> None:
        self.at = at
        self.instruction = instruction
        self.a = a
        self.x = x
        self.to = to  # None if this was the answer; then A is the action


def run(program: "Sequence[Instruction]", data: SeccompData) -> Action:
    """Return what the filter says about a call."""
    *_, last = steps(program, data)
    return Action(last.a)


def steps(program: "Sequence[Instruction]", data: SeccompData) -> "Iterator[Step]":
    """Run a program, and yield each instruction that is met."""
    program = bpf.assemble(program)
    packed = data.packed()
    memory = [0] * CELLS
    a = x = at = 0
    while True:
        it = program[at]
        a, x, to = _one(it, at, a, x, memory, packed)
        yield Step(at, it, a, x, to)
        if to is None:
            return
        at = to


def _one(
    it: Instruction, at: int, a: int, x: int, memory: "list[int]", packed: bytes
) -> "tuple[int, int, int | None]":
    """Run one instruction; return A, X, and where the next one is."""
    kind, on = it.code & 7, at + 1
    if kind == bpf.RET:
        return (a if it.code & bpf.A else it.k), x, None
    if kind == bpf.JMP:
        return a, x, on + skipped(it, a, x)
    if kind == bpf.ALU:
        operand = x if it.code & bpf.X else it.k
        if it.code & 0xF0 == bpf.DIV and operand == 0:
            return int(Action.KILL_THREAD), x, None  # as if it had said so itself
        return calculated(it.code & 0xF0, a, operand), x, on
    if kind == bpf.LD:
        return _loaded(it, memory, packed), x, on
    if kind == bpf.LDX:
        return a, _loaded(it, memory, packed), on
    if kind in (bpf.ST, bpf.STX):
        memory[it.k] = a if kind == bpf.ST else x
        return a, x, on
    return (x, x, on) if it.code & bpf.TXA else (a, a, on)


def _loaded(it: Instruction, memory: "list[int]", packed: bytes) -> int:
    where = it.code & 0xE0
    if where == bpf.ABS:
        return int.from_bytes(packed[it.k : it.k + 4], sys.byteorder)
    if where == bpf.MEM:
        return memory[it.k]
    return SIZE if where == bpf.LEN else it.k


def skipped(it: Instruction, a: int, x: int) -> int:
    """Return how many instructions a jump skips."""
    test, other = it.code & 0xF0, x if it.code & bpf.X else it.k
    if test == bpf.JA:
        return it.k
    true = {
        bpf.JEQ: a == other,
        bpf.JGT: a > other,
        bpf.JGE: a >= other,
        bpf.JSET: bool(a & other),
    }[test]
    return int(it.jt if true else it.jf)


def calculated(operation: int, a: int, other: int) -> int:
    """Return A after a calculation, of which 32 bits are kept."""
    if operation == bpf.DIV:
        return a // other
    return (
        _32_BITS
        & {
            bpf.ADD: a + other,
            bpf.SUB: a - other,
            bpf.MUL: a * other,
            bpf.OR: a | other,
            bpf.AND: a & other,
            bpf.XOR: a ^ other,
            bpf.LSH: a << (other & 31),
            bpf.RSH: a >> (other & 31),
            bpf.NEG: -a,
        }[operation]
    )


def check(program: "Sequence[Instruction]") -> None:
    """Raise ValueError, with the reason, for what the kernel would refuse: EINVAL."""
    program = bpf.assemble(program)
    if not 0 < len(program) <= MOST:
        raise ValueError(f"a filter has 1 to {MOST} instructions, not {len(program)}")
    for at, it in enumerate(program):
        if wrong := _wrong(it, at, len(program)):
            raise ValueError(f"{at} {bpf.written_at(it, at).split()[0]}: {wrong}")
    if program[-1].code & 7 != bpf.RET:
        raise ValueError("the last instruction has to be a ret")
    _check_memory(program)


def _wrong(it: Instruction, at: int, length: int) -> "str | None":
    kind = it.code & 7
    if it.code not in bpf.WORDS:
        return "no instruction that a seccomp filter may have"
    if it.code == bpf.LD | bpf.ABS and (it.k % 4 or it.k >= SIZE):
        return f"loads from {it.k}, but there are 16 words: 0, 4, 8, ... 60"
    if _uses_memory(it) and it.k >= CELLS:
        return f"there are {CELLS} cells of memory, 0 to {CELLS - 1}"
    if it.code == bpf.ALU | bpf.DIV and it.k == 0:
        return "divides by 0"
    if it.code in (bpf.ALU | bpf.LSH, bpf.ALU | bpf.RSH) and it.k >= 32:
        return f"shifts 32 bits by {it.k}"
    if kind == bpf.JMP and (furthest := max(_targets(it, at))) >= length:
        return f"jumps to {furthest}, but the last instruction is {length - 1}"
    return None


def _targets(it: Instruction, at: int) -> "list[int]":
    """Return where the program may go on from here."""
    if it.code == bpf.JMP | bpf.JA:
        return [at + 1 + it.k]
    if it.code & 7 == bpf.JMP:
        return [at + 1 + int(it.jt), at + 1 + int(it.jf)]
    return [at + 1]


def _uses_memory(it: Instruction) -> bool:
    return it.code & 7 in (bpf.ST, bpf.STX) or _reads_memory(it)


def _reads_memory(it: Instruction) -> bool:
    return it.code in (bpf.LD | bpf.MEM, bpf.LDX | bpf.MEM)


def _check_memory(program: "Sequence[Instruction]") -> None:
    """See to it that no cell is read that some way has not filled."""
    every = set(range(CELLS))
    filled = [set() if at == 0 else set(every) for at in range(len(program))]
    for at, it in enumerate(program):
        if _reads_memory(it) and it.k not in filled[at]:
            raise ValueError(f"{at} reads cell {it.k}, which may not have been filled")
        stores = it.code & 7 in (bpf.ST, bpf.STX)
        after = filled[at] | {it.k} if stores else filled[at]
        # The kernel does not mind here that a ret is the end.
        for target in _targets(it, at):
            if target < len(program):
                filled[target] &= after
