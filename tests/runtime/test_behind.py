"""A profile that does not let PID 1 do its work is refused before anything runs."""

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cfslib.isolation.capabilities import DEFAULT
from cfslib.isolation.seccomp import bpf, compiler, profile
from cfslib.isolation.seccomp.rules import Profile
from cfslib.runtime.spec import Spec
from tests import ways
from tests.conftest import needs_namespaces, needs_root

pytestmark = [
    needs_namespaces,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="needs the calls of x86"),
    pytest.mark.long,
]
ALLOW, ERRNO, KILL = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS"
PACKAGED = Path("/usr/share/containers/seccomp.json")  # Podman's, as Debian has it
OURS = Path(__file__).parents[2] / ".docker/seccomp.json"  # Docker's, and eleven calls

# What PID 1 asks from its filter on: strace(1) shows it.
NEEDED = (
    *("setresuid", "getuid", "capget", "capset", "prctl", "read", "write", "ioctl"),
    *("openat2", "close", "mmap", "munmap", "rt_sigprocmask", "rt_sigaction", "clone3"),
    *("execve", "rt_sigtimedwait", "wait4", "kill", "exit_group"),
)
AT_A_TERMINAL = ("getsockname", "getsockopt", "recvmsg", "sendmsg", "dup2")
# What `true` asks beside these, and the C library where it is short of memory.
OF_TRUE = (
    *("access", "openat", "newfstatat", "fstat", "pread64", "arch_prctl", "mprotect"),
    *("set_tid_address", "set_robust_list", "rseq", "prlimit64", "getrandom", "brk"),
)


def rule(*names: str, action: str = ERRNO, errno: int = 1, **args: Any) -> Any:
    """Return a rule about some calls, perhaps with conditions such as a0=5."""
    conditions = [
        {"index": int(name[1:]), "op": "SCMP_CMP_EQ", "value": value}
        for name, value in args.items()
    ]
    return {"names": [*names], "action": action, "errnoRet": errno, "args": conditions}


def read(*rules: Any, default: str = ALLOW) -> Profile:
    return profile.read({"defaultAction": default, "syscalls": [*rules]})


def spec(*rules: Any, default: str = ALLOW, **box: Any) -> Spec:
    program = bpf.pack(compiler.compiled(read(*rules, default=default)))
    return Spec(["true"], filter=program, **box)


def cfs(file: Path, *rules: Any) -> subprocess.CompletedProcess[str]:
    """Run `echo it ran` with a profile of such rules."""
    file.write_text(json.dumps({"defaultAction": ALLOW, "syscalls": rules}))
    line = [str(ways.CFS), "run", f"--security-opt=seccomp={file}", "echo", "it ran"]
    return subprocess.run(line, capture_output=True, text=True, timeout=ways.SECONDS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "profile.json"


@pytest.mark.parametrize("name", NEEDED)
def test_a_call_that_pid_1_needs_is_not_answered_in_the_kernels_place(
    name: str, file: Path
) -> None:
    done = cfs(file, rule(name, errno=0))

    assert done.returncode == ways.REFUSED
    assert not done.stdout
    first, hint = done.stderr.splitlines()
    assert first == f"cfs: the filter of calls answers {name} with ERRNO(0)"
    assert "a profile has to allow" in hint


@pytest.mark.parametrize("errno", [1, 4, 10, 11, 38])
def test_nor_does_it_fail(errno: int, file: Path) -> None:
    done = cfs(file, rule("read", "rt_sigtimedwait", "wait4", "kill", errno=errno))

    assert done.returncode == ways.REFUSED
    assert "answers kill, read, rt_sigtimedwait, wait4 with ERRNO(E" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("action", [KILL, "SCMP_ACT_TRAP", "SCMP_ACT_TRACE"])
def test_nor_does_it_end_by_one(action: str, file: Path) -> None:
    done = cfs(file, rule("wait4", "execve", action=action))

    assert done.returncode == ways.REFUSED
    assert "answers execve, wait4 with " in done.stderr
    assert not done.stdout


def test_all_that_is_missed_is_said_at_once(file: Path) -> None:
    done = cfs(file, rule("wait4", "kill"), rule("read", errno=0))

    assert "answers kill, wait4 with ERRNO(EPERM); read with ERRNO(0)" in done.stderr


@pytest.mark.parametrize("way", ways.WAYS)
def test_what_pid_1_needs_is_all_that_it_needs(way: str) -> None:
    more = [] if way == "command" else AT_A_TERMINAL
    names = [*NEEDED, *OF_TRUE, *more]
    done = ways.start(way, spec(rule(*names, action=ALLOW), default=KILL))

    assert (done.code, done.stderr) == (0, "")


@pytest.mark.parametrize("way", ways.WAYS)
def test_it_is_so_in_each_way_to_start_one(way: str) -> None:
    done = ways.start(way, spec(rule("wait4", errno=0)))

    assert done.code == ways.REFUSED
    assert (
        "the filter of calls answers wait4 with ERRNO(0)" in done.stdout + done.stderr
    )


@pytest.mark.parametrize("name", AT_A_TERMINAL)
def test_a_terminal_takes_more_calls(name: str) -> None:
    refused = ways.start("terminal", spec(rule(name)))

    assert f"answers {name} with ERRNO(EPERM)" in refused.stdout
    assert ways.start("command", spec(rule(name))).code == 0


# Conditions on arguments: what counts is what PID 1 says.


@pytest.mark.parametrize(
    ("name", "args", "is_refused"),
    [
        ("wait4", {"a2": 1}, True),  # WNOHANG, as it asks when a child has ended
        ("wait4", {"a2": 0}, True),  # and without, for one that could not exec
        ("wait4", {"a2": 2}, False),
        ("wait4", {"a3": 0}, True),
        ("wait4", {"a1": 5}, True),  # an address, which may be any
        ("rt_sigtimedwait", {"a2": 0}, True),
        ("rt_sigtimedwait", {"a2": 0, "a3": 9}, False),
        ("kill", {"a1": 15}, True),
        ("kill", {"a1": 9}, False),  # nobody can pass it on
        ("kill", {"a1": 17}, False),  # it is told of its own children
        ("write", {"a0": 3}, True),
        ("write", {"a0": 1}, False),  # `echo` would care, but not PID 1
        ("read", {"a2": 256}, True),
        ("prctl", {"a0": 1}, True),
        ("prctl", {"a0": 38}, False),  # until it has to promise something
        ("setresuid", {"a0": 0}, True),
        ("setresuid", {"a0": 7}, False),
        ("mmap", {"a2": 7}, False),
        ("openat2", {"a3": 24}, True),
        ("clone", {"a0": 0x4111}, False),
        ("rt_sigaction", {"a0": 9}, False),
        ("rt_sigaction", {"a0": 13}, True),
    ],
)
def test_a_condition_counts_if_it_may_hold(
    name: str, args: dict[str, Any], is_refused: bool
) -> None:
    done = ways.start("command", spec(rule(name, **args)))

    assert done.code == (ways.REFUSED if is_refused else 0)
    assert (f"answers {name} with" in done.stderr) == is_refused


def test_a_promise_is_needed_where_it_is_made() -> None:
    done = ways.start("command", spec(rule("prctl", a0=38), no_new_privileges=True))

    assert "answers prctl with ERRNO(EPERM)" in done.stderr


@needs_root
def test_who_the_command_runs_as_counts() -> None:
    nobody_else = spec(rule("setresuid", a0=7))

    assert ways.start("command", nobody_else.changed(user="8")).code == 0
    refused = ways.start("command", nobody_else.changed(user="7"))
    assert "answers setresuid with ERRNO(EPERM)" in refused.stderr


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([rule("clone3", errno=38)], None),  # then it is clone(2)
        ([rule("clone3", action="SCMP_ACT_TRACE")], None),  # nobody traces: ENOSYS
        ([rule("clone3", errno=0)], "clone3 with ERRNO(0)"),
        ([rule("clone3", errno=1)], "clone3 with ERRNO(EPERM)"),
        ([rule("clone3", "clone", errno=38)], "clone with ERRNO(ENOSYS)"),
        ([rule("clone3", errno=38), rule("clone", a0=0x4111)], "clone with ERRNO"),
        ([rule("clone3", errno=38), rule("clone", a0=17)], None),
    ],
)
def test_there_are_two_calls_to_make_a_child(
    rules: list[Any], said: str | None
) -> None:
    done = ways.start("command", spec(*rules))

    assert done.code == (ways.REFUSED if said else 0)
    assert not said or said in done.stderr


# Profiles that people have.


@pytest.mark.parametrize("way", ways.WAYS)
@pytest.mark.parametrize("theirs", [PACKAGED, OURS], ids=lambda path: path.parent.name)
def test_the_profiles_of_engines_are_taken(theirs: Path, way: str) -> None:
    if not theirs.exists():
        pytest.skip("needs the package golang-github-containers-common")
    for capabilities in (DEFAULT, frozenset[Any]()):
        program = bpf.pack(compiler.compiled(profile.load(str(theirs), capabilities)))
        found = ways.start(way, Spec(["true"], filter=program))

        assert (found.code, found.stderr) == (0, "")
