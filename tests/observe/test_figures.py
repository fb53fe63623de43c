"""figures: what the kernel counts of a group, of a container, and while loads run."""

import os
from pathlib import Path

import pytest

from cfslib.isolation.limits import Limits
from cfslib.observe import figures, groups
from cfslib.observe.groups import LOADS, Frame, Loads
from cfslib.observe.trees import Trees
from tests.conftest import groups_of, needs_namespaces
from tests.lessons.test_cgroups import MAKES_GROUPS

needs_groups = pytest.mark.skipif(not MAKES_GROUPS, reason="needs groups of our own")


@needs_namespaces
def test_of_a_container_that_sleeps_two_processes_are_seen() -> None:
    found, share = figures.of_command(["sleep", "9"])

    assert found.processes == 2  # cfs, and sleep
    assert share < 0.5


@needs_groups
def test_who_computes_is_seen_to_compute() -> None:
    loop = ["sh", "-c", "while :; do :; done"]
    found, _ = figures.of_command(loop, Limits(memory_max=64 << 20, cpu_max=0.1))

    assert found.memory
    assert found.memory < 64 << 20
    assert found.seconds


@needs_groups
def test_three_loads_meet_three_limits_and_leave_nothing() -> None:
    frames: list[Frame] = []
    limits = {load.name: load.limit for load in LOADS}
    Loads().run(limits, limits, frames.append)

    last = frames[-1].figures
    assert last["forking"].no
    assert last["hungry"].no
    assert max(f.figures["forking"].processes or 0 for f in frames) <= 21
    assert groups_of(os.getpid()) == []


@needs_groups
def test_a_load_alone_leaves_the_others_empty() -> None:
    frames: list[Frame] = []
    limits = {load.name: load.limit for load in LOADS}
    Loads().run(["computing"], limits, frames.append)

    assert any(frame.figures["computing"].processes for frame in frames)
    assert not any(frame.figures["forking"].processes for frame in frames)


def test_a_record_reads_as_it_was_written() -> None:
    assert groups.as_record(groups.recorded()) == groups.RECORD.read_text().strip()


def test_files_of_v1_have_other_names() -> None:
    of_v1 = Trees({"pids": Path("/x")}, 1)

    assert of_v1.file(Path("/x"), "memory.max").name == "memory.limit_in_bytes"
    assert of_v1.file(Path("/x"), "pids.max").name == "pids.max"
