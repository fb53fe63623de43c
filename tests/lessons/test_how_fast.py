import time
from collections.abc import Callable, Sequence

import pytest

from cfslib.children.in_child import in_child
from cfslib.isolation.mounts import MountFlag
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel.tracing import Call
from cfslib.lessons import how_fast
from tests.conftest import needs_user_namespaces


def call(name: str, microseconds: float) -> Call:
    return Call(name, {}, 0, 0, microseconds, 1)


def test_typical_is_the_median() -> None:
    naps = iter([0.001, 0.2, 0.001])

    assert 900 < how_fast.typical(lambda: time.sleep(next(naps)), 3) < 100_000


def test_a_fork_takes_time() -> None:
    assert in_child(lambda: how_fast.typical(how_fast.fork)) > 1


@needs_user_namespaces
@pytest.mark.parametrize("kind", [Namespace.UTS, Namespace.PID, Namespace.MNT])
def test_a_namespace_takes_time(kind: Namespace) -> None:
    assert how_fast.cost_of(kind) > 0


def test_calls_of_one_name_are_added_up() -> None:
    calls = [call("chdir", 1), call("mount", 2), call("mount", 3)]

    assert list(how_fast.by_name(calls).items()) == [("mount", 5), ("chdir", 1)]


def test_a_program_takes_time() -> None:
    assert in_child(lambda: how_fast.typical(how_fast.program)) > 10


def test_mounts_are_told_apart_by_type_or_else_by_flags() -> None:
    def mount(fstype: str | None, microseconds: float) -> Call:
        arguments: dict[str, object] = {"fstype": fstype, "flags": MountFlag.BIND}
        return Call("mount", arguments, 0, 0, microseconds, 1)

    calls = [mount("proc", 5), mount(None, 2), mount(None, 4), call("chdir", 9)]

    assert list(how_fast.by_filesystem(calls).items()) == [("proc", 5), ("BIND", 3)]


def test_what_is_installed_can_be_called() -> None:
    for name, argv in how_fast.installed().items():
        assert argv[0] == name


def _mean(func: Callable[[], object], times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        func()
    return (time.perf_counter() - started) / times * 1e6


def _first(calls: Sequence[Call]) -> str:
    return max(calls, key=lambda call: call.microseconds).name


def test_the_median_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    how_fast.check_median(how_fast.typical)

    assert capsys.readouterr().out.endswith("Done.\n")


@pytest.mark.parametrize("wrong", [_mean, lambda func, times: None])
def test_something_else_is_not(
    wrong: Callable[[Callable[[], object], int], object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    how_fast.check_median(wrong)

    assert "Not yet." in capsys.readouterr().out


def test_the_dearest_name_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    how_fast.check_dearest(lambda calls: next(iter(how_fast.by_name(calls))))

    assert capsys.readouterr().out.endswith("Done.\n")


def test_the_dearest_call_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    how_fast.check_dearest(_first)

    assert "Not yet." in capsys.readouterr().out
