"""Random profiles and calls, for hypothesis."""

from hypothesis import strategies as st

from cfslib.isolation.seccomp import calls
from cfslib.isolation.seccomp.data import X32_BIT, Action, Arch, SeccompData
from cfslib.isolation.seccomp.rules import (
    COMPARISONS,
    NO_SUCH_CALL,
    Condition,
    Profile,
    Rule,
)

# Calls without arguments, which can be made with any; and others, some of them new.
HARMLESS = ("getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid")
OTHERS = ("read", "socket", "personality", "clone3", "openat2", "mseal", "fork")
SETS = ("x86_64", "i386")
# Where halves of 64 bits meet.
EDGES = (0, 1, 5, 2**31, 2**32 - 1, 2**32, 2**32 + 5, 5 << 32, 2**63, 2**64 - 1)
_near = st.sampled_from(
    sorted({(it + by) % 2**64 for it in EDGES for by in (-1, 0, 1)})
)
values = _near | st.integers(0, 2**64 - 1)
answers = st.sampled_from(
    [Action.ERRNO | 1, Action.ERRNO | 2, Action.ERRNO, Action.LOG]
)
actions = answers | st.sampled_from([Action.ALLOW, Action.KILL_PROCESS, Action.TRAP])


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    """Return a condition that may well hold."""
    op = draw(st.sampled_from(COMPARISONS))
    mask = draw(values) if op == "MASKED_EQ" else 0
    return Condition(
        draw(st.integers(0, 5)),
        op,
        draw(values) & (mask if op == "MASKED_EQ" else 2**64 - 1),
        mask,
    )


def rules(
    names: tuple[str, ...], actions: st.SearchStrategy[Action]
) -> st.SearchStrategy[Rule]:
    """Return a rule about some of these calls."""
    some = st.lists(st.sampled_from(names), min_size=1, max_size=3)
    return st.builds(Rule, some, actions, st.lists(conditions(), max_size=3))


def profiles() -> st.SearchStrategy[Profile]:
    """Return a profile for x86_64, as it may come out of any text."""
    names = HARMLESS + OTHERS
    return st.builds(
        Profile,
        actions,
        st.lists(rules(names, actions), max_size=12),
        st.sampled_from([SETS, SETS[:1]]),
        unknown=st.sampled_from([None, NO_SUCH_CALL]),
        known=st.sets(st.sampled_from(names)),
    )


@st.composite
def some_calls(draw: st.DrawFn) -> SeccompData:
    """Return a call of one that profiles here name, of another, or of none."""
    named = [calls.numbers("x86_64")[name] for name in HARMLESS + OTHERS]
    near = [number + by for number in named for by in (-1, 0, 1) if number + by >= 0]
    numbers = st.sampled_from(near) | st.integers(0, 600) | st.integers(0, 2**31 - 1)
    number = draw(numbers) | draw(st.sampled_from([0, 0, X32_BIT]))
    args = draw(st.lists(values, min_size=6, max_size=6))
    arch = draw(st.sampled_from([Arch.X86_64, Arch.X86_64, Arch.I386, Arch.AARCH64]))
    return SeccompData(number, args, arch)
