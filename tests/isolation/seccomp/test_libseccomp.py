"""Beside libseccomp, the compiler of runc, crun, Docker and Podman."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfslib.isolation.capabilities import DEFAULT, Capability
from cfslib.isolation.seccomp import bpf, calls, compiler, machine, meaning, profile
from cfslib.isolation.seccomp.bpf import Instruction
from cfslib.isolation.seccomp.data import Action, Arch, SeccompData
from cfslib.isolation.seccomp.rules import Condition, Profile, Rule
from tests.isolation.seccomp import peer, profiles

FILE = Path("/usr/share/containers/seccomp.json")
needs_profile = pytest.mark.skipif(
    not FILE.exists(), reason=f"no {FILE}: apt install golang-github-containers-common"
)
pytestmark = [
    pytest.mark.alike,
    pytest.mark.skipif(
        calls.machine() != "x86_64", reason="numbers and architectures here are of x86"
    ),
    pytest.mark.long,
]
SETS = calls.SETS["x86_64"]
# What programs ask most: those of a shell, of Python, of a server.
_WORDS = """
read write openat close newfstatat fstat lseek mmap mprotect munmap brk rt_sigaction
rt_sigprocmask rt_sigreturn ioctl pread64 pwrite64 readv writev access faccessat2 pipe2
select pselect6 poll ppoll epoll_create1 epoll_ctl epoll_wait epoll_pwait sched_yield
madvise dup dup2 dup3 nanosleep clock_nanosleep clock_gettime gettimeofday getpid
getppid gettid getuid geteuid getgid getegid getgroups sendfile socket connect accept4
sendto recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername socketpair
setsockopt getsockopt clone clone3 vfork execve exit exit_group wait4 waitid kill tgkill
uname fcntl flock fsync ftruncate getdents64 getcwd chdir rename renameat2 mkdirat
unlinkat linkat symlinkat readlinkat fchmod fchown umask getrlimit prlimit64 getrusage
sysinfo statfs fstatfs prctl arch_prctl futex set_robust_list set_tid_address rseq
getrandom statx
"""
MOST_USED = _WORDS.split()


def podmans(capabilities: set[Capability]) -> Profile:
    return profile.load(str(FILE), capabilities)


def call(name: str, *args: int) -> SeccompData:
    return SeccompData(calls.numbers("x86_64")[name], args, Arch.X86_64)


@needs_profile
@pytest.mark.parametrize("capabilities", [DEFAULT, set(), set(Capability)], ids=str)
def test_podmans_profile_means_the_same(capabilities: set[Capability]) -> None:
    read = podmans(capabilities)
    theirs, ours = peer.compiled(read), compiler.compiled(read)
    names = filter(peer.knows, calls.numbers("x86_64"))
    data = [call(name) for name in names]
    data += [call("personality", value) for value in (8, 9, 2**32 - 1, 2**64 - 1)]
    data += [call("socket", *args) for args in ((16, 3, 9), (16, 3, 8), (2, 3, 9))]

    for each in data:
        assert machine.run(ours, each) == machine.run(theirs, each), each


MADE = st.tuples(
    st.sampled_from(profiles.HARMLESS),
    st.lists(profiles.values, min_size=6, max_size=6),
)


# With two conditions on one argument, libseccomp compares halves of another: see
# findings/libseccomp-half-of-another.sh.
RULES = profiles.rules(profiles.HARMLESS, st.just(Action.ALLOW)).filter(
    lambda rule: len({it.index for it in rule.conditions}) == len(rule.conditions)
)


@settings(max_examples=25)
@given(st.lists(RULES, max_size=1), st.lists(MADE, min_size=20))
def test_any_rule_of_what_is_allowed_means_the_same(
    rules: list[Rule], made: list[tuple[str, list[int]]]
) -> None:
    read = Profile(Action.ERRNO | 38, rules, SETS)
    theirs, ours = peer.compiled(read), compiler.compiled(read)

    for name, args in made:
        each = call(name, *args)
        assert machine.run(ours, each) == machine.run(theirs, each)


@pytest.mark.parametrize("swap", [1, -1])
def test_the_rule_on_the_later_argument_decides(swap: int) -> None:
    both = [
        Rule(["read"], Action.ERRNO | 1 + at, [Condition(at, "EQ", 5)]) for at in (0, 1)
    ][::swap]
    read = Profile(Action.ALLOW, both, SETS)
    each = call("read", 5, 5)

    assert machine.run(peer.compiled(read), each) == Action.ERRNO | 2
    assert meaning.answer(read, each) == Action.ERRNO | 2


def test_the_rule_without_conditions_decides() -> None:
    rules = [Rule(["read"], Action.ERRNO | 2, [Condition(0, "EQ", 5)])]
    rules += [Rule(["read"], Action.ERRNO | 1), Rule(["read"], Action.ERRNO | 3)]
    read = Profile(Action.ALLOW, rules, SETS)

    assert machine.run(peer.compiled(read), call("read", 5)) == Action.ERRNO | 1
    assert meaning.answer(read, call("read", 5)) == Action.ERRNO | 1


# Bars: what a filter costs is what each call pays.


def instructions(program: list[Instruction], names: list[str]) -> float:
    """Return how many of them a call meets, in the mean."""
    return statistics.mean(
        len(list(machine.steps(program, call(name)))) for name in names
    )


@needs_profile
def test_a_call_meets_fewer_instructions_than_in_theirs() -> None:
    read = podmans(set(DEFAULT))
    named = Profile(
        read.default, read.rules, SETS, unknown=read.unknown, known=read.known
    )
    ours = instructions(compiler.compiled(named), MOST_USED)
    linear = instructions(peer.compiled(named), MOST_USED)
    tree = instructions(peer.compiled(named, peer.BINARY_TREE), MOST_USED)
    print(
        f"instructions a call: ours {ours:.1f}, theirs {linear:.1f}, a tree {tree:.1f}"
    )

    assert len(set(MOST_USED)) >= 100
    assert ours <= 0.1 * linear
    assert ours <= 0.9 * tree


@needs_profile
@pytest.mark.alone("it compares times")
def test_compiling_takes_no_longer_than_theirs() -> None:
    read = podmans(set(DEFAULT))

    def ours() -> None:
        bpf.pack(compiler.compiled(read))

    pairs = [(took(ours), took(lambda: peer.compiled(read))) for _ in range(7)]
    mine, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(f"compiled in {mine * 1000:.1f} ms, theirs in {theirs * 1000:.1f} ms")

    assert mine <= 3 * theirs


def took(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
