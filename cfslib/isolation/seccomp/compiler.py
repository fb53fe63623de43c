"""Compiler: a profile as a program for the kernel's small machine.

The kernel runs the program for every call, so what counts is how few instructions each
call meets.  The calls are cut into runs of numbers about which the same is to be done,
and a binary search finds the run: about seven comparisons for all the calls there are.

A program is written from its end to its start.  Jumps only go forward, so that each
knows where it leads to when it is written.
"""

from cfslib.isolation.seccomp import bpf, calls
from cfslib.isolation.seccomp.data import ARCH, NR, Action, args, args_high
from cfslib.isolation.seccomp.meaning import Meaning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.isolation.seccomp.bpf import Instruction
    from cfslib.isolation.seccomp.meaning import Case
    from cfslib.isolation.seccomp.rules import Condition, Profile

MOST = 4096  # BPF_MAXINSNS in <linux/bpf_common.h>
_FURTHEST = 254  # instructions that a jump skips, with one to spare
_HALF = 0xFFFF_FFFF


def compiled(profile: "Profile") -> "list[Instruction]":
    """Return the filter that a profile describes."""
    program = Backwards()
    start = program.ret(Action.KILL_THREAD)
    for name in reversed(profile.sets):
        search = _search(program, _runs(Meaning(profile, name)))
        search = program.load(NR, search)
        start = program.test(bpf.JEQ, int(calls.ARCHES[name]), search, start)
    program.load(ARCH, start)
    return program.finished()


class Backwards:
    """A program of which the last instructions are written first.

    A place in it is the number of instructions that come after.
    """

    def __init__(self) -> None:
        self._written: list[Instruction] = []
        self._answers: dict[int, int] = {}

    def finished(self) -> "list[Instruction]":
        """Return the program, from its start."""
        if (length := len(self._written)) > MOST:
            raise ValueError(f"a filter of {length} instructions; {MOST} at most")
        return self._written[::-1]

    def ret(self, action: int) -> int:
        """Return the place of an answer, which may be there already."""
        place = self._answers.get(action)
        if place is None or self._skipped(place) > _FURTHEST:
            place = self._answers[action] = self._put(bpf.ret(action))
        return place

    def load(self, offset: int, then: int) -> int:
        """Load a part of what there is to know about the call, and go on."""
        return self._followed(bpf.ld(offset), then)

    def keep(self, bits: int, then: int) -> int:
        """Keep these bits of what was loaded, and go on."""
        return self._followed(bpf.and_(bits), then)

    def test(self, test: int, k: int, yes: int, no: int) -> int:
        """Compare what was loaded with `k`."""
        if yes == no:
            return yes
        yes, no = self._near(yes), self._near(no)
        jumps = self._skipped(yes), self._skipped(no)
        return self._put(bpf.Instruction(bpf.JMP | test, *jumps, k))

    def _followed(self, instruction: "Instruction", then: int) -> int:
        if skipped := self._skipped(then):
            self._put(bpf.ja(skipped))
        return self._put(instruction)

    def _near(self, place: int) -> int:
        """Return a place within reach that leads on to `place`, or is it."""
        skipped = self._skipped(place)
        return place if skipped <= _FURTHEST else self._put(bpf.ja(skipped))

    def _skipped(self, place: int) -> int:
        return len(self._written) - 1 - place

    def _put(self, instruction: "Instruction") -> int:
        self._written.append(instruction)
        return len(self._written) - 1


def _runs(meaning: Meaning) -> "list[tuple[int, list[Case]]]":
    """Return where each run of calls begins, and what is to be done about them."""
    runs: list[tuple[int, list[Case]]] = []
    for number in meaning.edges():
        cases = meaning.cases(number)
        if not runs or runs[-1][1] != cases:
            runs.append((number, cases))
    return runs


def _search(program: Backwards, runs: "list[tuple[int, list[Case]]]") -> int:
    """Return the place from where the run with the number that was loaded is found."""
    if len(runs) == 1:
        return _case_by_case(program, runs[0][1])
    middle = len(runs) // 2
    upper = _search(program, runs[middle:])
    lower = _search(program, runs[:middle])
    return program.test(bpf.JGE, runs[middle][0], upper, lower)


def _case_by_case(program: Backwards, cases: "list[Case]") -> int:
    place = program.ret(cases[-1].action)
    for case in reversed(cases[:-1]):
        holds = program.ret(case.action)
        for condition in reversed(case.conditions):
            holds = _condition(program, condition, holds, place)
        place = holds
    return place


def _condition(program: Backwards, it: "Condition", yes: int, no: int) -> int:
    """Return the place from where it goes on at `yes` or `no`."""
    if it.op in ("NE", "LT", "LE"):
        yes, no = no, yes
    test = {"LT": bpf.JGE, "GE": bpf.JGE, "LE": bpf.JGT, "GT": bpf.JGT}.get(
        it.op, bpf.JEQ
    )
    # The machine has 32 bits and an argument 64.
    high, low = it.value >> 32, it.value & _HALF
    mask = it.mask if it.op == "MASKED_EQ" else (1 << 64) - 1
    place = program.test(test, low, yes, no)
    place = _load(program, args(it.index), mask & _HALF, place)
    if not mask >> 32 and not high:
        return place
    place = program.test(bpf.JEQ, high, place, no)
    if test != bpf.JEQ:
        place = program.test(bpf.JGT, high, yes, place)
    return _load(program, args_high(it.index), mask >> 32, place)


def _load(program: Backwards, offset: int, mask: int, place: int) -> int:
    if mask != _HALF:
        place = program.keep(mask, place)
    return program.load(offset, place)
