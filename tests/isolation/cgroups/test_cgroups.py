"""All groups of a container: planned, made, and gone afterwards."""

import os
import signal
import time
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import cgroups
from cfslib.isolation.cgroups.group import Group
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.isolation.cgroups.janitor import Janitor
from tests.conftest import needs_root, wait_until

SETTINGS = {"pids.max": "20", "memory.max": str(64 << 20), "cpu.max": "50000 100000"}


def plan_or_skip() -> list[Group]:
    try:
        return cgroups.plan(SETTINGS)
    except CannotLimit as why:
        pytest.skip(f"needs cgroups for pids, memory and cpu: {why}")


@needs_root
def test_a_plan_makes_nothing() -> None:
    groups = plan_or_skip()

    assert not any(os.path.exists(group.path) for group in groups)


@needs_root
def test_every_limit_has_a_group() -> None:
    groups = plan_or_skip()

    for setting in SETTINGS:
        assert sum(group.holds(setting) for group in groups) == 1


@needs_root
def test_two_plans_do_not_meet() -> None:
    assert not {group.path for group in plan_or_skip()} & {
        group.path for group in plan_or_skip()
    }


@needs_root
def test_groups_last_as_long_as_their_block() -> None:
    groups = plan_or_skip()

    def make() -> bool:
        with cgroups.made(groups, SETTINGS):
            for group in groups:
                in_child(group.join)
            return all(os.path.isdir(group.path) for group in groups)

    assert in_child(make)
    assert not any(os.path.exists(group.path) for group in groups)


@needs_root
def test_a_limit_that_the_kernel_refuses_leaves_no_group() -> None:
    groups = plan_or_skip()

    def make() -> None:
        with cgroups.made(groups, SETTINGS | {"pids.max": "nonsense"}):
            pass

    with pytest.raises(OSError, match=r"pids\.max"):
        in_child(make)
    assert not any(os.path.exists(group.path) for group in groups)


@needs_root
def test_groups_and_processes_are_gone_after_we_were_killed() -> None:
    groups = plan_or_skip()

    def be_killed() -> None:
        with cgroups.made(groups, SETTINGS):
            reader, writer = os.pipe()
            if os.fork() == 0:
                for group in groups:
                    group.join()
                os.write(writer, b"!")
                time.sleep(60)
                os._exit(0)
            os.read(reader, 1)
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="SIGKILL"):
        in_child(be_killed)
    assert wait_until(lambda: not any(os.path.exists(group.path) for group in groups))


def test_a_controller_that_nobody_has_cannot_limit() -> None:
    with pytest.raises(CannotLimit, match="no-such"):
        cgroups.plan({"no-such.max": "1"})


def test_no_limits_are_no_groups() -> None:
    assert cgroups.plan({}) == []


@needs_root
def test_a_janitor_that_was_given_lives_on() -> None:
    first, second = plan_or_skip(), plan_or_skip()

    def make() -> list[bool]:
        janitor = Janitor()
        seen = []
        for groups in (first, second):
            with cgroups.made(groups, SETTINGS, lambda: janitor):
                seen += [os.path.isdir(group.path) for group in groups]
            seen += [not os.path.exists(group.path) for group in groups]
        janitor.dismiss()
        return seen

    assert all(in_child(make))


def test_no_groups_take_no_janitor() -> None:
    def make() -> str:
        us = os.getpid()
        with cgroups.made([], {}):
            return Path(f"/proc/{us}/task/{us}/children").read_text()

    assert in_child(make) == ""
