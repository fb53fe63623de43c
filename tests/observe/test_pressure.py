"""Containers that are pressed against their limits."""

from pathlib import Path

import pytest

from cfslib.isolation import cgroups
from cfslib.isolation.cgroups.hierarchies import CannotLimit
from cfslib.observe import meter, pressure
from cfslib.observe.pressure import BOMB, HOG, LOADS, Load, Run, Sample
from tests.conftest import SLOWNESS, needs_namespaces


def _can(setting: str) -> bool:
    try:
        cgroups.plan({setting: "max"})
    except CannotLimit:
        return False
    return True


can_limit_memory = _can("memory.max")


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressure, "PATIENCE", pressure.PATIENCE * SLOWNESS)


def press(load: Load, limit: int) -> tuple[Run, list[Sample]]:
    seen: list[Sample] = []
    return pressure.press(load, limit, seen.append), seen


@needs_namespaces
def test_the_fork_bomb_is_stopped_at_the_limit() -> None:
    run, seen = press(BOMB, 15)

    assert list(run.samples) == seen
    assert 10 <= run.peak <= 15
    assert "fork" in run.stderr
    if run.enforcer.startswith("cgroup"):
        assert run.events["max"] > 0


@needs_namespaces
def test_with_room_enough_it_gets_all_that_it_wants() -> None:
    run, _ = press(BOMB, 60)

    assert BOMB.wants < run.peak < 60
    assert "fork" not in run.stderr
    assert run.stdout.split()[-1] == "40"


@needs_namespaces
@pytest.mark.skipif(not can_limit_memory, reason="needs a cgroup for memory")
def test_the_memory_hog_is_killed_at_the_limit() -> None:
    run, _ = press(HOG, 48 << 20)

    assert run.peak <= 48 << 20
    assert run.peak > 24 << 20
    # With swap the kernel may find room there instead.
    assert run.events["oom_kill"] == ("tail ended with 137" in run.stdout)


@needs_namespaces
@pytest.mark.skipif(can_limit_memory, reason="needs a user who cannot limit memory")
def test_where_memory_cannot_be_limited_it_says_why() -> None:
    with pytest.raises(CannotLimit, match="memory"):
        press(HOG, 48 << 20)


@needs_namespaces
def test_the_meter_sees_the_container_and_not_its_maker() -> None:
    run, _ = press(Load("nothing", "pids.max", 0, "exec sleep 0.3"), 9)

    assert run.peak <= 3  # PID 1, timeout, sleep
    assert run.enforcer == meter.Meter("pids.max", Path("/nowhere")).enforcer


@pytest.mark.parametrize("setting", LOADS)
def test_the_recording_shows_a_load_that_met_its_limit(setting: str) -> None:
    run = pressure.recorded(LOADS[setting])

    assert run.setting == setting
    assert run.limit // 2 < run.peak <= run.limit
    assert run.events["max" if setting == "pids.max" else "oom_kill"] > 0
    assert run.samples[-1].seconds <= pressure.PATIENCE
