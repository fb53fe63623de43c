import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cfslib.children.pipes import Finished
from cfslib.runtime import client
from cfslib.runtime.init import CannotExecute
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec
from tests.conftest import needs_namespaces, wait_until

pytestmark = needs_namespaces


def by_a_thread(*argv: str) -> Finished:
    """Run a container where the play server has to make it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(capture, Spec(argv)).result()


def test_containers_side_by_side_have_their_own_outputs_and_codes() -> None:
    capture(Spec(["true"]))
    specs = [Spec(["sh", "-c", f"echo {n}; exit {n}"]) for n in range(16)]
    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(capture, specs))

    assert [(d.stdout, d.code) for d in done] == [(f"{n}\n", n) for n in range(16)]
    assert client.server.pid


def test_many_containers_leave_no_descriptor_open() -> None:
    by_a_thread("true")
    by_a_thread("true")
    pids = ["self", client.server.pid]

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
    pid = client.server.pid
    assert pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    idle = len(children.read_text().split())
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(capture, Spec(["sleep", "60"]))
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


MORE_THAN_IT_CAN_OPEN = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from cfslib.runtime import client
from cfslib.runtime.run import capture
from cfslib.runtime.spec import Spec

pool = ThreadPoolExecutor(16)
for _ in range(2):
    pool.submit(capture, Spec(["true"])).result()
client.stop()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), hard))
pool.submit(capture, Spec(["true"])).result()
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
server = client.server.pid
running = [pool.submit(capture, Spec(["sleep", "0.5"])) for _ in range(16)]
assert [each.result().code for each in running] == [0] * 16
assert server == client.server.pid
"""


# A container takes four: so the last one lacks one, two, three or all of them.
@pytest.mark.parametrize("limit", range(36, 40))
def test_more_containers_than_it_can_open_files_for_are_made_elsewhere(
    limit: int,
) -> None:
    program = [sys.executable, "-c", MORE_THAN_IT_CAN_OPEN, str(limit)]
    done = subprocess.run(program, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
