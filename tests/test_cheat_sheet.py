"""What the cheat sheet says is so: its commands are run, its names are looked up."""

import ast
import importlib
import re
import subprocess
from pathlib import Path

import pytest

from cfslib.doctor import extras
from cfslib.isolation import mounts, namespaces
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from tests.conftest import in_own_mounts, needs_namespaces
from tests.test_readme import TOP, shell

pytestmark = pytest.mark.long

__all__ = ["shell"]  # a fixture: `cfs` is the one of this checkout

SHEET = (TOP / "notebooks/cheat-sheet.md").read_text()
ROWS = [line.split(" | ") for line in SHEET.splitlines() if line.startswith("| ")]
ROOMS = ("kernel", "isolation")


def codes(column: int) -> list[str]:
    """Return what stands in backquotes in one column of all tables."""
    rows = [row[column].strip("| ") for row in ROWS]
    return [code for row in rows for code in re.findall(r"^`([^`]+)`$", row)]


COMMANDS = [code for code in codes(-2) if not code.startswith(("mount", "umount"))]
IN_OWN_MOUNTS = [code for code in codes(-2) if code not in COMMANDS]
OF_CFS = [code for code in codes(-1) if code.startswith("cfs ")]
IN_PYTHON = [code for code in codes(-1) if code not in OF_CFS]


def test_the_sheet_is_read_to_the_end() -> None:
    rows = [row for row in ROWS if row[0].strip("| -")]
    titles = len(re.findall(r"^\| ---", SHEET, re.MULTILINE))

    assert len(COMMANDS) + len(IN_OWN_MOUNTS) == len(rows) - titles
    assert len(OF_CFS) + len(IN_PYTHON) == len(rows) - titles - 1  # TIME has none


@needs_namespaces
@pytest.mark.parametrize("command", dict.fromkeys([*COMMANDS, *OF_CFS]))
def test_a_command_works(command: str, shell: dict[str, str], tmp_path: Path) -> None:
    done = typed(command, shell, tmp_path)

    if "--memory" in command and extras.other_limits().remedy:
        assert "cannot limit" in done.stderr
    else:
        assert (done.returncode, done.stderr) == (0, "")


@needs_namespaces
@pytest.mark.parametrize("command", IN_OWN_MOUNTS)
def test_a_mount_works(command: str, shell: dict[str, str], tmp_path: Path) -> None:
    done = typed(f"unshare -r --mount sh -c '{command}'", shell, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


def typed(
    command: str, shell: dict[str, str], place: Path
) -> subprocess.CompletedProcess[str]:
    """Have a shell run a command; whatever it mounts is not seen here."""
    return in_own_mounts(
        lambda: subprocess.run(
            ["sh", "-c", f"set -e; {command}"],
            env=shell | {"PATH": f"{shell['PATH']}:/usr/sbin:/sbin"},
            cwd=place / "here",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
    )


@pytest.mark.parametrize("code", IN_PYTHON)
def test_a_function_that_is_named_is_there(code: str) -> None:
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    module, _, function = ast.unparse(call.func).partition(".")
    found = [
        importlib.import_module(f"cfslib.{room}.{module}")
        for room in ROOMS
        if (TOP / f"cfslib/{room}/{module}.py").exists()
    ]

    assert hasattr(found[0], function)


def test_each_flag_has_the_name_that_the_kernel_gives_it() -> None:
    found = dict(re.findall(r"^\| (\w+) \| `CLONE_NEW(\w+)`", SHEET, re.MULTILINE))
    in_c = {str(kind): str(kind) for kind in Namespace} | {"MNT": "NS"}

    assert found == in_c


def test_calls_and_flags_that_are_named_are_ours_too() -> None:
    for name in re.findall(r"`MS_(\w+)`", SHEET):
        assert hasattr(mounts.MountFlag, name)
    for name in re.findall(r"`(unshare|setns|mount|umount2|chroot|pivot_root)`", SHEET):
        assert hasattr(syscalls, name)
    assert hasattr(namespaces, "enter")
