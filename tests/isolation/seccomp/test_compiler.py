import ctypes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfslib.children.in_child import in_child
from cfslib.isolation import seccomp
from cfslib.isolation.seccomp import bpf, calls, compiler, machine, meaning
from cfslib.isolation.seccomp.data import Action, Arch, SeccompData
from cfslib.isolation.seccomp.rules import Condition, Profile, Rule
from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Prctl
from tests.isolation.seccomp import profiles
from tests.isolation.seccomp.profiles import HARMLESS

pytestmark = [pytest.mark.alike, pytest.mark.long]


@settings(max_examples=100)
@given(profile=profiles.profiles(), data=st.lists(profiles.some_calls(), min_size=20))
def test_a_filter_says_what_its_profile_says(
    profile: Profile, data: list[SeccompData]
) -> None:
    program = compiler.compiled(profile)
    machine.check(program)

    for call in data:
        assert machine.run(program, call) == meaning.answer(profile, call)


MADE = st.tuples(
    st.sampled_from(HARMLESS),
    st.lists(profiles.values, min_size=6, max_size=6),
)


@settings(max_examples=40)
@given(
    rules=st.lists(profiles.rules(HARMLESS, profiles.answers), min_size=1, max_size=12),
    made=st.lists(MADE, min_size=20),
)
def test_the_kernel_says_what_a_profile_says(
    rules: list[Rule], made: list[tuple[str, list[int]]]
) -> None:
    ours = calls.machine()
    numbers = calls.numbers(ours)
    made = [(name, args) for name, args in made if name in numbers]
    profile = Profile(Action.ALLOW, rules, calls.SETS[ours])
    arch = calls.ARCHES[ours]
    data = [SeccompData(numbers[name], args, arch) for name, args in made]
    expected = [meaning.answer(profile, call) for call in data]

    assert all(map(is_so, asked(profile, data), expected))


def asked(profile: Profile, data: list[SeccompData]) -> list[tuple[int, int]]:
    """Make these calls under a profile; return result and errno of each."""
    program = bpf.pack(compiler.compiled(profile))
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long

    def child() -> list[tuple[int, int]]:
        syscalls.prctl(Prctl.SET_NO_NEW_PRIVS, 1)
        seccomp.filter_calls(program)
        found = []
        for call in data:
            ctypes.set_errno(0)
            result = syscall(call.nr, *map(ctypes.c_ulong, call.args))
            found.append((result, ctypes.get_errno()))
        return found

    return in_child(child)


def is_so(found: tuple[int, int], expected: Action) -> bool:
    """Say if a call came out as it should; none of ours gets 0 but as root."""
    result, error = found
    if expected.kind == Action.ERRNO:
        return found == ((-1, expected.data) if expected.data else (0, 0))
    return result >= 0 and error == 0


@pytest.mark.parametrize("name", calls.SETS)
def test_every_machine_has_filters(name: str) -> None:
    profile = Profile(Action.ALLOW, [Rule(["read"], Action.TRAP)], calls.SETS[name])
    program = compiler.compiled(profile)
    machine.check(program)

    for each in calls.SETS[name]:
        number, arch = calls.numbers(each)["read"], calls.ARCHES[each]
        assert machine.run(program, SeccompData(number, arch=arch)) == Action.TRAP


def test_a_filter_may_be_longer_than_a_jump_is_wide() -> None:
    conditions = [[Condition(it % 6, "GT", it << 30)] for it in range(300)]
    rules = [
        Rule(["read"], Action.ERRNO | 1 + it, c) for it, c in enumerate(conditions)
    ]
    profile = Profile(Action.ALLOW, rules, ["x86_64"])
    program = compiler.compiled(profile)
    machine.check(program)

    assert len(program) > 5 * 255
    for at in (0, 1, 6, 100, 299):
        args = [0] * 6
        args[at % 6] = (at << 30) + 1
        data = SeccompData(0, args, Arch.X86_64)
        assert machine.run(program, data) == meaning.answer(profile, data)


def test_no_more_conditions_than_the_kernel_takes() -> None:
    rules = [
        Rule(["read"], Action.TRAP, [Condition(0, "EQ", it)]) for it in range(2000)
    ]

    with pytest.raises(ValueError, match="4096"):
        compiler.compiled(Profile(Action.ALLOW, rules, ["x86_64"]))


def test_a_call_of_many_is_found_in_a_few_steps() -> None:
    names = list(calls.numbers("x86_64"))[::2]
    program = compiler.compiled(
        Profile(Action.TRAP, [Rule(names, Action.ALLOW)], ["x86_64"])
    )
    lengths = [
        len(list(machine.steps(program, SeccompData(number, arch=Arch.X86_64))))
        for number in calls.numbers("x86_64").values()
    ]

    assert max(lengths) <= 13
