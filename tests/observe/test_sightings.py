import os
import signal
import time

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import procfs
from cfslib.lessons import company
from cfslib.observe import sightings
from tests.conftest import needs_namespaces, needs_user_namespaces, wait_until


def sleeper() -> int:
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGUSR1, lambda *_: None)
            time.sleep(60)
        finally:
            os._exit(0)
    return pid


def is_asleep(pid: int) -> bool:
    """Say if a sleeper has its handler, and has gone to sleep."""
    seen = sightings.look(pid)
    return bool(seen and seen.catches(signal.SIGUSR1) and seen.state == "S")


def test_we_see_ourselves() -> None:
    seen = sightings.look(os.getpid())

    assert seen
    assert seen.pid == os.getpid()
    assert seen.parents[0] == os.getppid()
    assert seen.name == procfs.status()["Name"]
    assert seen.namespaces[Namespace.UTS] == os.stat("/proc/self/ns/uts").st_ino


def test_nobody_is_no_error() -> None:
    assert sightings.look(2**22 + 1) is None
    assert sightings.send(2**22 + 1, signal.SIGTERM) == (None, None)


def test_descendants_come_after_their_parents() -> None:
    def look() -> tuple[list[int], list[int]]:
        made = [sleeper(), sleeper()]
        try:
            return made, [seen.pid for seen in sightings.below(os.getpid())]
        finally:
            for pid in made:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    made, found = in_child(look)

    assert found == made


def test_a_signal_has_a_before_and_an_after() -> None:
    def look() -> tuple[str, str, bool, bool]:
        pid = sleeper()
        wait_until(lambda: is_asleep(pid))
        before, after = sightings.send(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert before
        assert after
        return before.state, after.state, before.catches(10), before.catches(12)

    assert in_child(look) == ("S", "Z", True, False)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_that_ends_a_process_is_waited_for(number: int) -> None:
    def look() -> str:
        pid = sleeper()
        sightings.MOMENT = 0  # in this child
        _, after = sightings.send(pid, number)
        os.waitpid(pid, 0)
        return after.state if after else ""

    assert in_child(look) == "Z"


@pytest.mark.alone("a pid that ends may be another's at once, if pids are few")
@needs_user_namespaces
def test_a_family_is_seen_on_every_level() -> None:
    family = company.family()
    family.come()
    try:
        members = {seen.name: seen for seen in family.members()}
        firsts = [seen.name for seen in sightings.containers(os.getpid())]
        inside = [seen.name for seen in sightings.inside(os.getpid())]
    finally:
        family.go()

    assert set(members) == company.FAMILY
    assert members["first"].levels[1:] == (1,)
    assert members["first"].is_first
    assert members["first"].parents[1:] == (0,)
    assert not members["first"].caught
    assert members["polite"].catches(signal.SIGTERM)
    assert members["dead"].state == "Z"
    assert members["plain"].parents == members["first"].levels
    assert members["inner"].levels[-1] == 1
    assert len(members["inner"].levels) == len(members["first"].levels) + 1
    assert firsts == ["first"]
    assert inside[0] == "first"
    assert set(inside) == company.FAMILY
    assert family.members() == []


@pytest.mark.alone("a pid that ends may be another's at once, if pids are few")
@needs_user_namespaces
def test_no_one_of_the_family_is_left() -> None:
    family = company.family()
    family.come()
    pids = [seen.pid for seen in family.members()]
    family.go()

    assert wait_until(lambda: not any(map(sightings.look, pids)))


@needs_namespaces
def test_a_container_stays_until_it_is_sent_away() -> None:
    container = company.container()
    container.come()
    try:
        container.come()
        names = [seen.name for seen in container.members()]
    finally:
        container.go()

    assert names == ["cfs", "cat"]


@needs_namespaces
def test_a_cell_that_runs_twice_has_one_guest() -> None:
    try:
        for _ in range(2):
            company.container().come()
        guests = sightings.containers(os.getpid())
    finally:
        company.container().go()

    assert len(guests) == 1


def test_a_company_that_cannot_come_says_why() -> None:
    absent = company.Company("raise SystemExit('no such luck')", company.FAMILY)

    with pytest.raises(ChildProcessError, match="no such luck"):
        absent.come()


@needs_user_namespaces
def test_all_containers_below_can_be_ended_at_once() -> None:
    family = company.family()
    family.come()
    try:
        ended = company.end_all(os.getpid())
        left = wait_until(lambda: sightings.containers(os.getpid()) == [])
    finally:
        family.go()

    assert ended == 1
    assert left
