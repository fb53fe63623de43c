"""filter_steps: a call falls through a filter, one instruction after the other."""

from collections.abc import Mapping, Sequence

from cfslib.isolation.seccomp import bpf, calls, machine
from cfslib.isolation.seccomp.bpf import Instruction
from cfslib.isolation.seccomp.data import ARCH, NR, Action, Arch, SeccompData
from cfslib.isolation.seccomp.machine import Step as Ran
from cfslib.views import steps
from cfslib.views.page import Markup, element, join, svg
from cfslib.views.steps import Step
from cfslib.views.style import COLOURS
from cfslib.views.widget import View

WIDTH, LINE, TOP, CODE, RIGHT = 700, 26, 40, 110, 430
NOW, WENT = COLOURS[0], COLOURS[1]  # orange, sky blue
GOOD, BAD = COLOURS[2], COLOURS[5]  # bluish green, vermilion


def view(
    program: Sequence[Instruction | str], asked: Mapping[str, SeccompData]
) -> View:
    """Return the way of each call through the program; a learner chooses the call."""
    program = bpf.assemble(program)
    told = {name: story(program, data) for name, data in asked.items()}
    return steps.view("The filter", told, "Call")


def story(program: Sequence[Instruction], data: SeccompData) -> list[Step]:
    """Return one step for each instruction that a call meets."""
    way = list(machine.steps(program, data))
    start = Step(
        "The call waits",
        "The kernel has not looked at it yet. First the filter runs, from its top.",
        picture(program, data, []),
    )
    return [start] + [
        Step(
            f"`{bpf.written_at(ran.instruction, ran.at)}`",
            in_words(ran, data),
            picture(program, data, way[: number + 1]),
        )
        for number, ran in enumerate(way)
    ]


def in_words(ran: Ran, data: SeccompData) -> str:
    """Say what an instruction has done."""
    it = ran.instruction
    if ran.to is None:
        return f"That is the answer: {MEANING.get(Action(ran.a).kind, 'an answer')}."
    if it.code == bpf.LD | bpf.ABS:
        return f"A is {shown(it.k, ran.a, data)} now."
    if it.code & 7 == bpf.JMP and it.jt != it.jf:
        yes = ran.to == ran.at + 1 + int(it.jt)
        return f"{'Yes' if yes else 'No'}: it goes on at {ran.to}."
    return f"It goes on at {ran.to}."


MEANING = {
    Action.ALLOW: "the kernel makes the call",
    Action.ERRNO: "the call is not made, and fails with this error",
    Action.KILL_PROCESS: "the process ends here",
    Action.KILL_THREAD: "the thread ends here",
    Action.USER_NOTIF: "another process is asked",
    Action.LOG: "the kernel makes the call, and writes it down",
    Action.TRAP: "the process gets SIGSYS",
}


def shown(offset: int, value: int, data: SeccompData) -> str:
    """Write a value of struct seccomp_data, with its name if it has one."""
    if offset == ARCH:
        return Arch(value).name or hex(value)
    if offset == NR and data.arch in calls.ARCHES.values():
        return f"{value}, {call_name(data)}"
    return str(value) if value < 1 << 16 else hex(value)


def call_name(data: SeccompData) -> str:
    """Return the name of a call, in the set of calls that its number is from."""
    sets = [name for name, arch in calls.ARCHES.items() if arch == data.arch]
    names = [
        name for one in sets for name, n in calls.numbers(one).items() if n == data.nr
    ]
    return names[0] if names else "no call"


def picture(
    program: Sequence[Instruction], data: SeccompData, way: Sequence[Ran]
) -> Markup:
    """Return the program with the way so far, beside what it is told and says."""
    height = max(TOP + LINE * len(program) + 14, 230)
    now = way[-1] if way else None
    return svg(
        WIDTH,
        height,
        _said(now, data),
        element("text", "the program", x=CODE, y=20, class_="cfs-bold"),
        *(_line(it, at, way, meant(program, at)) for at, it in enumerate(program)),
        *(_jump(ran) for ran in way),
        _told(data, now),
    )


def _said(now: Ran | None, data: SeccompData) -> str:
    asked = f"The call {call_name(data)}"
    if now is None:
        return f"{asked} waits above the first instruction."
    if now.to is None:
        return f"{asked} has its answer at {now.at}: {Action(now.a)}."
    return f"{asked} has passed {now.at}. A is {now.a}, and it goes on at {now.to}."


def meant(program: Sequence[Instruction], at: int) -> str:
    """Return the name of what an instruction compares with, if that has one."""
    it = program[at]
    loads = [other for other in program[:at] if other.code == bpf.LD | bpf.ABS]
    if it.code != bpf.JMP | bpf.JEQ or not loads:
        return ""
    if loads[-1].k == ARCH:
        return Arch(it.k).name or ""
    return call_name(SeccompData(it.k)) if loads[-1].k == NR else ""


def _line(it: Instruction, at: int, way: Sequence[Ran], name: str) -> Markup:
    y = TOP + LINE * at
    met = [ran.at for ran in way]
    here = bool(met) and met[-1] == at
    box = element(
        "rect", x=CODE - 8, y=y, width=300, height=LINE - 4, rx=4,
        class_="cfs-knot", style=f"fill: {NOW if here else 'var(--cfs-ground)'}",
        stroke_width=2 if at in met else 1,
    )  # fmt: skip
    ink = "cfs-on" if here else "cfs-in"
    written = bpf.written_at(it, at)
    words = element("text", written, x=CODE + 26, y=y + 16, class_=f"cfs-code {ink}")
    number = element("text", at, x=CODE, y=y + 16, class_=f"cfs-code cfs-bold {ink}")
    note = element("text", name, x=CODE + 284, y=y + 16, text_anchor="end", class_=ink)
    return join(box, number, words, note)


def _jump(ran: Ran) -> Markup:
    """Draw a line from an instruction to the one that comes next."""
    if ran.to is None:
        return join()
    start, end = (TOP + LINE * at + LINE / 2 - 2 for at in (ran.at, ran.to))
    out = CODE - 8 - (12 if ran.to == ran.at + 1 else 20 + 8 * min(ran.to - ran.at, 8))
    edge = CODE - 8
    line = f"M{edge} {start + 3} H{out} V{end - 3} H{edge - 6}"
    head = f"M{edge} {end - 3} l-8 -4 v8 z"
    style = f"stroke: {WENT}"
    return join(
        element("path", d=line, class_="cfs-wire", style=style),
        element("path", d=head, style=f"fill: {WENT}"),
    )


def _told(data: SeccompData, now: Ran | None) -> Markup:
    """Draw what the program is told about the call, A, and the answer."""
    answered = now is not None and now.to is None
    rows = [
        ("nr", shown(NR, data.nr, data)),
        ("arch", shown(ARCH, data.arch, data)),
        *((f"args[{n}]", shown(-1, data.args[n], data)) for n in range(2)),
    ]
    a = "" if now is None or answered else str(now.a) if now.a < 1 << 16 else hex(now.a)
    return join(
        element("text", "what it is told", x=RIGHT, y=20, class_="cfs-bold"),
        *(_row(n, name, value) for n, (name, value) in enumerate(rows)),
        element("text", "A", x=RIGHT, y=172, class_="cfs-bold"),
        element("rect", x=RIGHT + 70, y=155, width=190, height=26, rx=4,
                class_="cfs-knot", style="fill: var(--cfs-raised)"),
        element("text", a, x=RIGHT + 80, y=172, class_="cfs-code cfs-in"),
        _answer(Action(now.a)) if now is not None and answered else "",
    )  # fmt: skip


def _row(number: int, name: str, value: str) -> Markup:
    y = TOP + LINE * number + 16
    return join(
        element("text", name, x=RIGHT, y=y, class_="cfs-code"),
        element("text", value, x=RIGHT + 80, y=y, class_="cfs-code"),
    )


def _answer(action: Action) -> Markup:
    made = action.kind in (Action.ALLOW, Action.LOG)
    return join(
        element("rect", x=RIGHT, y=194, width=260, height=28, rx=14,
                style=f"fill: {GOOD if made else BAD}"),
        element("text", f"{'✓' if made else '✗'} {action}", x=RIGHT + 130, y=213,
                text_anchor="middle", class_="cfs-bold cfs-on"),
    )  # fmt: skip
