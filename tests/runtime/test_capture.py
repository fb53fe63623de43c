"""What is caught of a container: a lot, in a time to match, and not without end."""

import inspect
import subprocess
import time
from collections.abc import Callable

import pytest

from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec
from tests.conftest import in_time, needs_namespaces
from tests.runtime.threads import in_a_thread

pytestmark = needs_namespaces

WAYS: dict[str, Callable[[Callable[[], object]], object]] = {
    "one thread": lambda func: func(),
    "threads": in_a_thread,
}
LOT = 100_000_000


def printing(size: int) -> list[str]:
    return ["head", "-c", str(size), "/dev/zero"]


def time_of(func: Callable[[], object]) -> float:
    start = time.monotonic()
    func()
    return time.monotonic() - start


@pytest.mark.alone("it measures time")
@pytest.mark.parametrize("way", WAYS)
def test_it_takes_no_longer_than_a_programs_output_does(way: str) -> None:
    def usual() -> None:
        subprocess.run(printing(LOT), capture_output=True, text=True, check=True)

    def caught() -> None:
        done = capture(Spec(printing(LOT)))
        assert (len(done.stdout), done.code) == (LOT, 0)

    WAYS[way](lambda: capture(Spec(["true"])))
    took = min(time_of(lambda: WAYS[way](caught)) for _ in range(2))

    in_time(took, 3 * min(time_of(usual) for _ in range(2)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [1, 2])
def test_who_prints_without_end_is_ended(way: str, stream: int) -> None:
    endless = Spec(["sh", "-c", f"yes >&{stream}"])
    with pytest.raises(OSError, match="more than 1000000 bytes") as caught:
        WAYS[way](lambda: capture(endless, most=1_000_000))

    assert caught.value.__notes__ == [
        "Hint: `capture(spec, most=BYTES)` takes more; None means all."
    ]
    assert WAYS[way](lambda: capture(Spec(["echo", "well"])).stdout) == "well\n"


@pytest.mark.parametrize("most", [5, None])
def test_what_is_within_the_bound_is_caught(most: int | None) -> None:
    assert capture(Spec(["printf", "12345"]), most=most).stdout == "12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        capture(Spec(["sh", "-c", "printf 123; printf 45 >&2"]), most=4)


def test_there_is_a_bound_unless_told_otherwise() -> None:
    assert inspect.signature(capture).parameters["most"].default == 1 << 30
