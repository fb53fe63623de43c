"""What a container may ask the kernel, in each of the ways to start one."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cfslib.isolation.seccomp import bpf, calls, filter_from
from cfslib.isolation.seccomp.data import NR, Action
from cfslib.kernel import procfs
from cfslib.runtime import outer, run
from cfslib.runtime.spec import Spec
from tests import ways
from tests.conftest import needs_namespaces, needs_root

pytestmark = needs_namespaces

OURS = 1 + int(procfs.status()["Seccomp_filters"])  # with those around this machine
COUNT = Spec(["grep", "Seccomp_filters", "/proc/self/status", "/proc/1/status"])
ALLOW, ERRNO = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"


def filters(spec: Spec) -> set[int]:
    """Return how many filters there are for the command, and for PID 1."""
    return {int(line.split()[-1]) for line in run.capture(spec).stdout.splitlines()}


@pytest.mark.parametrize("way", ways.WAYS)
def test_every_container_has_a_filter(way: str) -> None:
    done = ways.start(way, COUNT)

    assert {int(line.split()[-1]) for line in done.stdout.splitlines()} == {OURS}


def test_without_one_there_is_none() -> None:
    assert filters(COUNT.changed(filter=b"")) == {OURS - 1}


@pytest.mark.parametrize("box", [{"no_new_privileges": True}, {"capabilities": set()}])
def test_it_is_there_whatever_else_is_taken(box: dict[str, Any]) -> None:
    assert filters(COUNT.changed(**box)) == {OURS}


@needs_root
def test_another_user_has_it_too() -> None:
    assert filters(COUNT.changed(user="1000")) == {OURS}


@needs_root  # a user's would be an overlay on an overlay, which is EINVAL
def test_a_container_in_a_container_has_both() -> None:
    words = [str(ways.CFS), "run", "--pids-limit", "max", *COUNT.argv]
    # Covered parts of /proc would be in its way.
    box = COUNT.changed(rootfs="/", argv=words, leave_out={"hide_the_machine"})
    found = outer.around(lambda: run.capture(box))

    assert found.code == 0, found.stderr
    assert {int(line.split()[-1]) for line in found.stdout.splitlines()} == {OURS + 1}


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """Return a profile in which mkdir(2) finds the disk full."""
    return write(tmp_path, names=["mkdir", "mkdirat"], action=ERRNO, errnoRet=28)


def write(directory: Path, default: str = ALLOW, **rule: Any) -> Path:
    file = directory / "profile.json"
    file.write_text(json.dumps({"defaultAction": default, "syscalls": [rule]}))
    return file


def cfs(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ways.CFS, "run", *words], capture_output=True, text=True, timeout=ways.SECONDS
    )


def test_a_profile_says_what_is_refused(profile: Path) -> None:
    done = cfs("--security-opt", f"seccomp={profile}", "mkdir", "/new")

    assert "No space left" in done.stderr
    assert cfs("--security-opt", "seccomp=unconfined", "mkdir", "/new").returncode == 0


@pytest.mark.parametrize("way", ways.WAYS)
def test_a_program_may_be_a_filter(way: str, profile: Path) -> None:
    program, flags = filter_from(str(profile), ())
    spec = Spec(["mkdir", "/new"], filter=program, filter_flags=flags)

    assert (
        "No space left" in ways.start(way, spec).stdout + ways.start(way, spec).stderr
    )


def test_a_profile_is_for_the_capabilities_that_there_are(tmp_path: Path) -> None:
    excludes = {"caps": ["CAP_MKNOD"]}
    names = ["mkdir", "mkdirat"]
    file = write(tmp_path, names=names, action=ERRNO, excludes=excludes)
    words = ["--security-opt", f"seccomp={file}", "mkdir", "/new"]

    assert cfs(*words).returncode == 1
    assert cfs("--cap-add", "MKNOD", *words).returncode == 0


# What is wrong is said, and nothing runs.


def test_names_of_no_call_are_said(tmp_path: Path) -> None:
    file = write(tmp_path, names=["mkdri", "set_tls"], action=ERRNO)
    done = cfs("--security-opt", f"seccomp={file}", "echo", "it ran")

    assert done.stderr == f"cfs: {file}: no such calls: mkdri\n"
    assert done.stdout == "it ran\n"


def test_conditions_of_which_one_is_enough_are_said(tmp_path: Path) -> None:
    args = [
        {"index": 0, "op": "SCMP_CMP_GE", "value": 3},
        {"index": 0, "op": "SCMP_CMP_LE", "value": 1},
    ]
    file = write(tmp_path, names=["sync", "acct"], action=ERRNO, args=args)
    done = cfs("--security-opt", f"seccomp={file}", "echo", "it ran")

    enough = "of two conditions on one argument, one is enough"
    assert done.stderr == f"cfs: {file}: {enough}: acct sync\n"
    assert done.stdout == "it ran\n"


def test_who_has_no_standard_error_is_told_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, names=["mkdri"], action=ERRNO)
    line = [str(ways.CFS), "run", f"--security-opt=seccomp={file}", "echo", "it ran"]
    done = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *line], capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (0, "it ran\n")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"action": "SCMP_ACT_NOTIFY"}, "nobody is there"),
        ({"action": "no"}, "not one of"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused(
    rule: dict[str, Any], said: str, tmp_path: Path
) -> None:
    file = write(tmp_path, names=["mkdir"], **rule)
    done = cfs("--security-opt", f"seccomp={file}", "echo", "it ran")

    assert done.returncode == ways.REFUSED
    assert done.stderr.startswith(f"cfs: {file}: ")
    assert said in done.stderr
    assert not done.stdout


def test_a_profile_that_is_not_there_is_refused() -> None:
    done = cfs("--security-opt", "seccomp=/no/such/file", "echo", "it ran")

    assert done.returncode == ways.REFUSED
    assert done.stderr.startswith("cfs: /no/such/file: No such file")


@pytest.mark.parametrize("way", ways.WAYS)
def test_what_the_kernel_does_not_take_stops_the_container(way: str) -> None:
    no_end = bpf.pack([bpf.ld(0)])
    done = ways.start(way, Spec(["echo", "it ran"], filter=no_end))

    assert done.code == ways.REFUSED
    assert "seccomp(SET_MODE_FILTER" in done.stdout + done.stderr
    assert "it ran" not in done.stdout


def test_what_kills_pid_1_is_no_container() -> None:
    """A call that it needs not, but makes if it can: for the name of a terminal."""
    numbers = calls.numbers(calls.machine())
    number = numbers.get("access", numbers["faccessat"])
    kill = [bpf.ld(NR), bpf.jeq(number, 0, 1), bpf.ret(Action.KILL_PROCESS)]
    filter = bpf.pack([*kill, bpf.ret(Action.ALLOW)])

    with pytest.raises(ChildProcessError, match="killed before it started") as caught:
        run.run(Spec(["echo", "it ran"], filter=filter))
    assert "filter" in "".join(caught.value.__notes__)


LIES = ["setgroups", "setgid", "setresgid", "setuid", "setresuid", "capset", "prctl"]


@needs_root
@pytest.mark.parametrize("more", [[], ["getgroups", "capget", "getuid"]])
def test_a_filter_that_lies_gives_nobody_other_rights(
    more: list[str], tmp_path: Path
) -> None:
    file = write(tmp_path, names=LIES + more, action=ERRNO, errnoRet=0)
    options = ["--user", "7:8", "--security-opt", f"seccomp={file}"]
    done = cfs(*options, "echo", "it ran")

    assert done.returncode == ways.REFUSED
    assert "capset, " in done.stderr
    assert "prctl, setresuid with ERRNO(0)" in done.stderr
    assert not done.stdout


@needs_root
def test_a_filter_that_lies_about_groups_comes_too_late(tmp_path: Path) -> None:
    names = ["setgroups", "setgid", "setresgid", "getgroups"]
    file = write(tmp_path, names=names, action=ERRNO, errnoRet=0)
    look = ["grep", "-E", "^(Uid|Gid|Groups)", "/proc/self/status"]
    options = ["--user", "7:8", "--security-opt", f"seccomp={file}"]
    line = [str(ways.CFS), "run", *options]
    done = subprocess.run(
        [*line, *look], capture_output=True, text=True, extra_groups=[1, 2]
    )

    assert done.stdout.split() == ["Uid:", *"7777", "Gid:", *"8888", "Groups:"]
