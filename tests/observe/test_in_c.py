"""The calls of a trace in C; a C compiler is the judge."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cfslib.kernel import syscalls
from cfslib.kernel.syscalls import Trace
from cfslib.observe import in_c
from cfslib.runtime import run
from cfslib.runtime.spec import Spec, Volume
from tests.conftest import needs_namespaces

GCC = shutil.which("gcc")
needs_gcc = pytest.mark.skipif(not GCC, reason="needs gcc, and the kernel's headers")


def compiled(program: str, *options: str) -> None:
    """Have C checked; raise with what the compiler says."""
    command = [GCC or "gcc", "-x", "c", "-std=gnu11", "-Wall", "-Wextra", *options, "-"]
    done = subprocess.run(command, input=program, text=True, capture_output=True)

    assert done.returncode == 0, done.stderr
    assert not done.stderr


@pytest.fixture(scope="module")
def calls(rootfs_dir: Path) -> Trace:
    volumes = [
        Volume(str(rootfs_dir), "/data", read_only=True),
        Volume(str(rootfs_dir), "/more", read_only=True),
        Volume(None, "/scratch", size=1 << 20),
    ]
    argv = ["sh", "-c", 'echo "\\ä ??=\t"']
    spec = Spec(argv, rootfs=str(rootfs_dir), volumes=volumes, read_only=True)
    with syscalls.trace() as calls:
        run.capture(spec)
    return calls


@needs_gcc
@needs_namespaces
def test_all_calls_that_make_a_container_compile(calls: Trace) -> None:
    compiled(in_c.program(calls), "-Werror", "-fsyntax-only")


@needs_namespaces
def test_each_call_is_made_by_its_own_name(calls: Trace) -> None:
    others = {
        "setuid": "setresuid",
        "setgid": "setresgid",
        "posix_spawn": "posix_spawnp",
    }
    for call in calls:
        assert others.get(call.name, call.name) in in_c.written(call)


def test_a_call_that_failed_is_written_too() -> None:
    with syscalls.trace() as calls, pytest.raises(OSError, match="chdir"):
        syscalls.chdir("/no/such/place")

    assert in_c.written(calls[0]) == 'chdir("/no/such/place");'
