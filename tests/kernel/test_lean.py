"""What passes on the way of every container is imported in a moment.

Each of these modules, or all of them together, takes longer to import than a container
takes to start.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cfslib
from tests.conftest import needs_namespaces, needs_user_namespaces

pytestmark = pytest.mark.alike

PACKAGE = Path(cfslib.__file__).parent
ROOMS = ("kernel", "isolation")
FILES = sorted(file for room in ROOMS for file in (PACKAGE / room).rglob("*.py"))
LIGHT = {
    *(
        "_ctypes",
        "_signal",
        "_socket",
        "abc",
        "errno",
        "fcntl",
        "gc",
        "marshal",
        "posix",
        "pwd",
    ),
    *("stat", "sys", "time"),
    # Where a network is asked for: 0.4 ms each, most of it to open the file.
    *("_struct", "select", "struct"),
    "cfslib",
}


def shown(path: Path) -> str:
    """Name a file in the report of a test."""
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_a_module_on_the_way_of_a_container_imports_nothing_heavy(path: Path) -> None:
    imported = set()
    for node in ast.parse(path.read_text()).body:  # what is below is not always asked
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])

    assert imported <= LIGHT


def test_both_rooms_together_load_nothing_heavy() -> None:
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in FILES
    ]
    code = f"""
import sys
before = set(sys.modules)
sys.path.insert(0, {str(PACKAGE.parent)!r})
for name in {names!r}:
    __import__(name.removesuffix(".__init__"))
print(*{{name.split(".")[0] for name in set(sys.modules) - before}})
"""
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) <= LIGHT | {"_stat"}


AS_PID_1 = """
import posix, sys
sys.path.insert(0, {place!r})
from cfslib.isolation import (
    capabilities, devices, idmaps, keyring, masks, mounts, rootfs, users, volumes
)
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls, tracing

class Volume:
    source, target, read_only = "/usr", "/made/for/it", True

idmaps.unshare_as_root(Namespace.MNT | Namespace.PID | Namespace.UTS)
if posix.fork():
    posix._exit(posix.wait()[1])
with tracing.trace():
    mounts.keep_private()
    trees = volumes.detached([Volume])
    rootfs.layer({root!r})
    mounts.proc({root!r} + "/proc")
    devices.mount_dev({root!r} + "/dev", may_make_devices=False)
    before = set(sys.modules)
    rootfs.pivot({root!r})
    volumes.attach(trees, [Volume])
    masks.hide_the_machine()
    mounts.make_read_only("/")
    user = users.look_up("root:root")
    capabilities.keep_only(capabilities.DEFAULT)
    users.join_groups(user, leave_groups=False)
    users.become(user)
    try:
        syscalls.chdir("/no/such/place")
    except OSError as error:
        print(error, error.__notes__)
print("imported:", *set(sys.modules) - before)
"""


@needs_user_namespaces
@needs_namespaces
def test_nothing_is_imported_after_the_root_has_changed(rootfs_dir: Path) -> None:
    code = AS_PID_1.format(place=str(PACKAGE.parent), root=str(rootfs_dir))
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.stdout.endswith("\nimported:\n"), done.stderr
    assert "no such directory" in done.stdout
