"""Containers for the time of a notebook, and one who visits them without care."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import capabilities
from cfslib.kernel import procfs, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.lessons import guests
from cfslib.runtime import running
from cfslib.runtime.running import Running
from cfslib.runtime.spec import Spec
from tests.conftest import needs_namespaces, wait_until
from tests.life import life

pytestmark = needs_namespaces
FILES = ("exe", "environ", "maps")


@pytest.fixture(scope="module")
def box() -> Generator[Running]:
    with life() as found, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", found.env["XDG_RUNTIME_DIR"])
        with running.start(Spec(["sleep", "1000"], userns="private")) as container:
            yield container


def test_its_command_is_found_among_our_processes(box: Running) -> None:
    assert procfs.status(guests.command(box))["Name"] == "sleep"
    assert procfs.pids_on_each_level(guests.first(box))[-1] == 1
    assert [each.id for each in guests.every()] == [box.id]


def test_who_visits_with_the_rights_of_all_is_looked_into(box: Running) -> None:
    def careless() -> None:
        capabilities.have_only(capabilities.DEFAULT)

    def careful() -> None:
        careless()
        syscalls.prctl(Prctl.SET_DUMPABLE, 0)

    found = guests.spied(box, careless, FILES)
    assert found["exe"] == "the host's Python"
    assert found["environ"] == "can be read"
    assert set(guests.spied(box, careful, FILES).values()) == {"Permission denied"}


def test_the_visitor_leaves(box: Running) -> None:
    def visited() -> int:
        with guests.visitor(guests.command(box), lambda: None) as pid:
            assert procfs.pids_on_each_level(pid)[-1] > 1
            return pid

    assert not os.path.exists(f"/proc/{in_child(visited)}")


def test_a_visitor_who_cannot_prepare_is_an_error(box: Running) -> None:
    def fails() -> None:
        raise ZeroDivisionError

    def visited() -> None:
        with guests.visitor(guests.command(box), fails):
            pass

    with pytest.raises(ChildProcessError, match="did not arrive"):
        in_child(visited)


def test_what_settled_here_ends_with_the_process_however_that_ends() -> None:
    line = """import os, sys
from cfslib.lessons import guests
from cfslib.runtime import running
from cfslib.runtime.spec import Spec
guests.settle()
container = running.start(Spec(["sleep", "1000"]))
print(os.environ["XDG_RUNTIME_DIR"], guests.command(container), flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", line],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    place, pid = done.stdout.split()

    assert done.returncode == -9
    assert wait_until(lambda: not Path(place).exists())
    assert not Path(f"/proc/{pid}").exists()
