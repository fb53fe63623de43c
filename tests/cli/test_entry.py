import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cfslib.cli import launcher
from tests.conftest import ROOT, needs_namespaces
from tests.life import Life, life

pytestmark = needs_namespaces

# What of ours makes a container, by room.
ROOMS = {
    "": "children cli images isolation kernel runtime",
    "children.": "streams",
    "cli.": "entry finder life limits network options parser rights values",
    "images.": "cache notes ours search",
    "isolation.": "capabilities cgroups devices idmaps keyring limits masks mounts"
    " namespaces rootfs seccomp users volumes workdir",
    "isolation.cgroups.": "group hierarchies janitor makers v1 v2",
    "isolation.seccomp.": "compiled",
    "kernel.": "ffi flags held hints kept_back libc procfs program record syscalls"
    " tracing",
    "runtime.": "channel container direct errors giving_up init inside lifeline"
    " ownership spec steps",
}


def of_ours(*lists: dict[str, str]) -> set[str]:
    """Return the modules that are named by room."""
    return {
        f"cfslib.{room}{name}"
        for rooms in lists
        for room, names in rooms.items()
        for name in names.split()
    }


OURS = of_ours(ROOMS)
# Of these, only what it takes to find out that we may make no groups.
GROUPS = {name for name in OURS if name.startswith("cfslib.isolation.cgroups.")}
NEEDED = OURS if ROOT else OURS - GROUPS
# What of Python's: all written in C, but `stat`, which is a list of numbers.
PYTHONS = {"_ctypes", "_stat", "errno", "gc", "marshal", "pwd", "select", "stat"}
# A terminal is made, its master sent out, and joined to the other one.
AT_A_TERMINAL = {"cfslib.kernel.messages"}
AT_A_TERMINAL |= {"cfslib.runtime.relay", "cfslib.runtime.terminal"}
AT_A_TERMINAL |= {"_socket", "fcntl", "termios"}
# What is written down of a container, and found by its name.
WRITTEN = {"runtime.": "names places processes register state"}
# Who leaves it to a monitor loads what that needs, but not what makes the container.
DETACHES = of_ours(
    WRITTEN, {"cli.": "naming"}, {"runtime.": "keep logbook monitor relay"}
)
ENTERS = of_ours(
    WRITTEN,
    {
        "runtime.": "enter entrance passage way_in",
        "isolation.": "freezer joining rlimits",
    },
    {"kernel.": "execute literal", "cli.": "exec_command"},
)


@pytest.fixture
def cfs(tmp_path: Path) -> list[str]:
    """Return the words that start the installed `cfs`, and show what it imports."""
    assert launcher.write(tmp_path / "cfs")
    return [*python(), str(tmp_path / "cfs")]


def python() -> list[str]:
    return [os.path.realpath(sys.executable), "-I", "-S", "-X", "importtime"]


def imported(errors: str) -> set[str]:
    """Return the modules in what -X importtime prints."""
    return set(re.findall(r"(?m)^import time:.*\| +(\S+)$", errors))


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.startswith("cfslib.")}


def start_of_python() -> set[str]:
    words = [*python(), "-c", "pass"]
    return imported(subprocess.run(words, capture_output=True, text=True).stderr)


def at_a_terminal(words: list[str]) -> tuple[str, str]:
    """Run a program at a terminal; return what it printed, and its errors."""
    ours, its = pty.openpty()
    done = subprocess.run(
        words, stdin=its, stdout=its, stderr=-1, text=True, start_new_session=True
    )
    os.close(its)
    output = os.read(ours, 1000).decode()
    os.close(ours)
    return output, done.stderr


def test_a_container_takes_these_modules_and_no_other(cfs: list[str]) -> None:
    words = [*cfs, "run", "echo", "it ran"]
    subprocess.run(words, capture_output=True)  # the first one may build a rootfs
    done = subprocess.run(words, capture_output=True, text=True)
    modules = imported(done.stderr) - start_of_python()

    assert done.stdout == "it ran\n"
    assert NEEDED <= ours(modules) <= OURS
    assert modules - OURS - {"cfslib"} <= PYTHONS


def test_a_container_at_a_terminal_takes_hardly_more(cfs: list[str]) -> None:
    words = [*cfs, "run", "-t", "sh", "-c", "tty; echo it ran"]
    subprocess.run(words, capture_output=True)
    output, errors = at_a_terminal(words)
    modules = imported(errors) - start_of_python()

    assert output.split("\r\n")[-2:] == ["it ran", ""]
    assert "/dev/pts/0" in output
    assert NEEDED | ours(AT_A_TERMINAL) <= ours(modules) <= OURS | AT_A_TERMINAL
    assert modules - OURS - AT_A_TERMINAL - {"cfslib"} <= PYTHONS


@pytest.fixture
def lives() -> Iterator[Life]:
    with life() as place:
        yield place


def test_a_container_that_goes_on_takes_hardly_more(
    cfs: list[str], lives: Life
) -> None:
    words = [*cfs, "run", "-d", "sleep", "60"]
    done = subprocess.run(words, capture_output=True, text=True, env=lives.env)
    modules = imported(done.stderr) - start_of_python()

    assert done.returncode == 0
    assert ours(modules) - OURS == DETACHES
    assert modules - OURS - DETACHES - {"cfslib"} <= PYTHONS


def test_who_enters_a_container_takes_nothing_that_makes_one(
    cfs: list[str], lives: Life
) -> None:
    box = lives.start("sleep", "60")
    words = [*cfs, "exec", box.id, "echo", "it ran"]
    done = subprocess.run(words, capture_output=True, text=True, env=lives.env)
    modules = imported(done.stderr) - start_of_python()

    assert done.stdout == "it ran\n"
    assert ours(modules) - OURS == ENTERS
    assert modules - OURS - ENTERS - {"cfslib"} <= PYTHONS
    assert not {"cfslib.runtime.spec", "cfslib.runtime.container"} & modules


@pytest.mark.parametrize(
    "words",
    [
        ["run", "-e", "A=1", "true"],
        ["run", "-v", "/tmp:/mnt", "true"],
        [
            "run",
            "--read-only",
            "--cap-add",
            "MKNOD",
            "--cap-drop",
            "KILL",
            "--security-opt",
            "no-new-privileges",
            "--storage-opt",
            "size=1m",
            "true",
        ],
        ["run", "-w", "/tmp", "--pids-limit", "max", "--hostname", "box", "true"],
    ],
)
def test_options_take_nothing_more(words: list[str], cfs: list[str]) -> None:
    subprocess.run([*cfs, *words], capture_output=True)
    done = subprocess.run([*cfs, *words], capture_output=True, text=True)

    assert done.returncode == 0
    assert imported(done.stderr) - start_of_python() <= OURS | PYTHONS | {"cfslib"}


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["ns"], ["ns", "--help"]])
def test_what_makes_no_container_imports_nothing_for_it(
    words: list[str], cfs: list[str]
) -> None:
    done = subprocess.run([*cfs, *words], capture_output=True, text=True)
    modules = imported(done.stderr)

    assert done.returncode == 0
    assert not {"cfslib.runtime.container", "cfslib.images", "argparse"} & modules
