import os
import resource
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cfslib import container, playclient
from cfslib.children import in_child
from cfslib.init import CannotExecute
from cfslib.spec import Spec
from cfslib.streams import Finished
from tests.conftest import needs_namespaces, wait_until

pytestmark = needs_namespaces


def by_a_thread(*argv: str) -> Finished:
    """Run a container where the play server has to make it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(container.capture, Spec(argv)).result()


def test_containers_side_by_side_have_their_own_outputs_and_codes() -> None:
    container.capture(Spec(["true"]))
    specs = [Spec(["sh", "-c", f"echo {n}; exit {n}"]) for n in range(16)]
    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(container.capture, specs))

    assert [(d.stdout, d.code) for d in done] == [(f"{n}\n", n) for n in range(16)]
    assert playclient.server.pid


def test_many_containers_leave_no_descriptor_open() -> None:
    by_a_thread("true")
    by_a_thread("true")
    pids = ["self", playclient.server.pid]

    def opened() -> int:
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)

    before = opened()
    for _ in range(20):
        by_a_thread("true")

    assert wait_until(lambda: opened() <= before)  # it closes a moment after it answers


def test_without_a_term_it_is_dumb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERM", raising=False)

    assert by_a_thread("sh", "-c", 'echo "$TERM"').stdout == "dumb\n"
    assert by_a_thread("sh", "-c", 'echo "$TERM"').stdout == "dumb\n"


def test_what_cannot_be_played_is_left_to_the_plain_way() -> None:
    by_a_thread("true")

    with pytest.raises(CannotExecute, match="no-such-program"):
        by_a_thread("no-such-program")


def test_a_server_killed_at_work_is_an_error_and_no_second_run() -> None:
    by_a_thread("true")
    by_a_thread("true")
    pid = playclient.server.pid
    assert pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    idle = len(children.read_text().split())
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(container.capture, Spec(["sleep", "60"]))
        assert wait_until(lambda: len(children.read_text().split()) > idle)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ChildProcessError, match="play server was killed"):
            running.result()

    assert by_a_thread("echo", "well").stdout == "well\n"


def test_words_too_long_for_a_request_are_handed_over_otherwise() -> None:
    words = [letter * 100_000 for letter in "abcde"]  # one may have 128 KB
    for _ in range(2):
        done = by_a_thread("sh", "-c", "echo $#", "sh", *words)
        assert (done.stdout, done.code) == ("5\n", 0)


# Whichever it is that there is no room for.
@pytest.mark.parametrize("limit", range(26, 30))
def test_more_containers_than_its_descriptors_are_made_by_somebody_else(
    limit: int,
) -> None:
    def outcome() -> tuple[set[int], bool]:
        by_a_thread("true")  # and so there is a recipe, and a fork server
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        playclient.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))  # the server's
        by_a_thread("true")
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        server = playclient.server.pid
        spec = Spec(["sleep", "0.3"])
        with ThreadPoolExecutor(16) as pool:
            running = [pool.submit(container.capture, spec) for _ in range(16)]
            codes = {each.result().code for each in running}
        return codes, server == playclient.server.pid

    assert in_child(outcome) == ({0}, True)
