"""BPF: programs for the small machine that a seccomp filter runs on.

The kernel runs the program before each system call.  It can look at struct seccomp_data
(the call's number, the architecture, six arguments) and ends with an answer.  There is
one register to work in, A, and another beside it, X.  Jumps go forward only, so each
program ends.

    >>> program = [ld(0), jeq(39, 0, 1), ret(Action.ERRNO | 1), ret(Action.ALLOW)]
    >>> print(listing(program))
     0  ld [nr]
     1  jeq #39, 2, 3
     2  ret ERRNO(EPERM)
     3  ret ALLOW

The words are those of the kernel's own assembler, tools/bpf/bpf_asm.c.  Manual pages:
seccomp(2), bpf(2).
"""

import sys

from cfslib.isolation.seccomp.data import Action, place
from cfslib.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Instruction(Record):
    """One step: what to do, where to go if it is true and if not, and a number."""

    def __init__(
        self, code: int, jt: "int | str" = 0, jf: "int | str" = 0, k: int = 0
    ) -> None:
        self.code = code
        self.jt = jt  # how many instructions to skip if true; or a label
        self.jf = jf  # how many if false
        self.k = k

    def __str__(self) -> str:
        return written(self, f"+{self.jt}", f"+{self.jf}")


SIZE = 8  # bytes of an instruction

# The parts of a code.  <linux/bpf_common.h>, where BPF_ comes before them.
LD, LDX, ST, STX, ALU, JMP, RET, MISC = range(8)  # the class: what it is about
IMM, ABS, MEM, LEN = 0x00, 0x20, 0x60, 0x80  # of a load: where from
ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG = range(0x00, 0x90, 0x10)
XOR = 0xA0
JA, JEQ, JGT, JGE, JSET = range(0x00, 0x50, 0x10)
K, X, A = 0x00, 0x08, 0x10  # what is compared or returned: k, or a register
TAX, TXA = 0x00, 0x80

_CALCULATIONS = {ADD: "add", SUB: "sub", MUL: "mul", DIV: "div", OR: "or", AND: "and"}
_CALCULATIONS |= {LSH: "lsh", RSH: "rsh", XOR: "xor"}
_TESTS = {JEQ: "jeq", JGT: "jgt", JGE: "jge", JSET: "jset"}

# All that a seccomp filter may contain, as the assembler writes it.
WORDS = {
    LD | ABS: "ld {place}",
    LD | LEN: "ld len",
    LD | IMM: "ld #{k}",
    LD | MEM: "ld M[{k}]",
    LDX | LEN: "ldx len",
    LDX | IMM: "ldx #{k}",
    LDX | MEM: "ldx M[{k}]",
    ST: "st M[{k}]",
    STX: "stx M[{k}]",
    **{ALU | it | K: f"{word} #{{k}}" for it, word in _CALCULATIONS.items()},
    **{ALU | it | X: f"{word} x" for it, word in _CALCULATIONS.items()},
    ALU | NEG: "neg",
    JMP | JA: "ja {on}",
    **{JMP | it | K: f"{word} #{{k}}, {{jt}}, {{jf}}" for it, word in _TESTS.items()},
    **{JMP | it | X: f"{word} x, {{jt}}, {{jf}}" for it, word in _TESTS.items()},
    RET | K: "ret {action}",
    RET | A: "ret a",
    MISC | TAX: "tax",
    MISC | TXA: "txa",
}


def ld(offset: int) -> Instruction:
    """Load 32 bits of struct seccomp_data into A."""
    return Instruction(LD | ABS, k=offset)


def jeq(k: int, jt: "int | str" = 0, jf: "int | str" = 0) -> Instruction:
    """Is A equal to k?  If so skip `jt` instructions, else skip `jf`."""
    return Instruction(JMP | JEQ, jt, jf, k)


def jgt(k: int, jt: "int | str" = 0, jf: "int | str" = 0) -> Instruction:
    """Is A greater than k?  Both are numbers without a sign."""
    return Instruction(JMP | JGT, jt, jf, k)


def jge(k: int, jt: "int | str" = 0, jf: "int | str" = 0) -> Instruction:
    """Is A greater than k, or equal to it?  Else skip `jf`."""
    return Instruction(JMP | JGE, jt, jf, k)


def jset(k: int, jt: "int | str" = 0, jf: "int | str" = 0) -> Instruction:
    """Have A and k any bit in common?  Else skip `jf`."""
    return Instruction(JMP | JSET, jt, jf, k)


def ja(k: int) -> Instruction:
    """Skip k instructions; they may be more than 255."""
    return Instruction(JMP | JA, k=k)


def and_(k: int) -> Instruction:
    """Keep those bits of A that are in k."""
    return Instruction(ALU | AND, k=k)


def ret(action: int) -> Instruction:
    """End with an answer."""
    return Instruction(RET | K, k=int(action))


def assemble(lines: "Sequence[Instruction | str]") -> "list[Instruction]":
    """Turn labels into numbers.

    A string among the instructions names the place of the next one, and `jt` and `jf`
    may be such names.
    """
    places: dict[str, int] = {}
    program: list[Instruction] = []
    for line in lines:
        if isinstance(line, str):
            places[line] = len(program)
        else:
            program.append(line)
    return [_without_labels(it, at, places) for at, it in enumerate(program)]


def _without_labels(it: Instruction, at: int, places: "dict[str, int]") -> Instruction:
    def distance(target: "int | str") -> int:
        if isinstance(target, int):
            return target
        if target not in places:
            known = ", ".join(map(repr, places)) or "none"
            raise ValueError(f"there is no label {target!r}, only {known}")
        return places[target] - at - 1

    jt, jf = distance(it.jt), distance(it.jf)
    for steps, target in (jt, it.jt), (jf, it.jf):
        if not 0 <= steps <= 255:
            raise ValueError(f"from {at} to {target!r}: a jump skips 0 to 255, forward")
    return Instruction(it.code, jt, jf, it.k)


def pack(program: "Sequence[Instruction | str]") -> bytes:
    """Return what the kernel takes: a row of struct sock_filter."""
    return b"".join(map(_packed, assemble(program)))


def _packed(it: Instruction) -> bytes:
    jumps = bytes([int(it.jt), int(it.jf)])
    return it.code.to_bytes(2, sys.byteorder) + jumps + it.k.to_bytes(4, sys.byteorder)


def unpack(packed: bytes) -> "list[Instruction]":
    """Return the instructions in a row of struct sock_filter."""
    return [_unpacked(packed[at : at + SIZE]) for at in range(0, len(packed), SIZE)]


def _unpacked(packed: bytes) -> Instruction:
    code = _number_in(packed[:2])
    return Instruction(code, packed[2], packed[3], _number_in(packed[4:]))


def _number_in(packed: bytes) -> int:
    return int.from_bytes(packed, sys.byteorder)


def listing(program: "Sequence[Instruction | str]") -> str:
    """Write a program, one line an instruction; a jump says where to."""
    return "\n".join(
        f"{at:2}  {written_at(it, at)}" for at, it in enumerate(assemble(program))
    )


def written_at(it: Instruction, at: int) -> str:
    """Write the instruction at this place: jumps name the line that they lead to."""
    jt, jf = (str(at + 1 + int(skipped)) for skipped in (it.jt, it.jf))
    return written(it, jt, jf, at)


def written(it: Instruction, jt: str, jf: str, at: "int | None" = None) -> str:
    """Write one instruction, with these words for where it leads."""
    on = f"+{it.k}" if at is None else str(at + 1 + it.k)
    parts = {"k": _number(it.k), "place": place(it.k), "action": Action(it.k)}
    words = WORDS.get(it.code, f"{it.code:#06x} is no instruction of seccomp's")
    return words.format(**parts, jt=jt, jf=jf, on=on)


def _number(k: int) -> str:
    return str(k) if k < 0x1_0000 else f"{k:#x}"
