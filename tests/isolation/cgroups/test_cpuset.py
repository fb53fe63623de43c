"""cpuset: of the processors that are asked for, all are there, or nothing is run."""

import os
from pathlib import Path

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation import limits
from cfslib.isolation.cgroups import cpuset, hierarchies
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.isolation.limits import Limits
from tests.conftest import needs_root


@pytest.fixture(params=[1, 2])
def group(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, int]:
    """Return a directory with the file that says which processors there are."""
    name = {1: "cpuset.effective_cpus", 2: "cpuset.cpus.effective"}[request.param]
    (tmp_path / name).write_text("0-2,5\n")
    return str(tmp_path), request.param


@pytest.mark.parametrize("cpus", ["0", "0-2", "5,1", "0-2,5"])
def test_processors_that_are_there_are_fine(cpus: str, group: tuple[str, int]) -> None:
    cpuset.check(cpus, *group)


@pytest.mark.parametrize("cpus", ["3", "0-5", "99"])
def test_one_that_is_not_there_is_refused(cpus: str, group: tuple[str, int]) -> None:
    with pytest.raises(CannotLimit, match="there are 0-2,5"):
        cpuset.check(cpus, *group)


def ours() -> set[int]:
    """Return the processors that our group may use."""
    home = hierarchies.home_of("cpuset")
    name = {1: "cpuset.effective_cpus", 2: "cpuset.cpus.effective"}[home.version]
    return cpuset.numbers(Path(home.ours, name).read_text().strip())


@needs_root
def test_a_process_gets_the_processors_that_were_asked_for() -> None:
    last = max(ours())

    with limits.enforced(Limits(cpuset_cpus=str(last)), counted_alone=False) as join:

        def allowed() -> set[int]:
            join()
            return os.sched_getaffinity(0)

        assert in_child(allowed) == {last}


@needs_root
def test_without_all_of_them_nothing_is_made() -> None:
    asked = Limits(cpuset_cpus=f"{max(ours()) + 1}")

    with pytest.raises(CannotLimit, match="cannot have the processors"):
        limits.plan(asked, counted_alone=False)
