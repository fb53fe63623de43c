import os
import signal
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cfslib.children.helper import Helper
from cfslib.children.in_child import in_child
from tests.conftest import is_alive, wait_until

# It writes back what it is sent, into the descriptor that came with it.  Sent CHILD, it
# leaves a child, which answers with its pid and keeps all else open.
CHILD = "a child"
PROGRAM = """
import os, signal, socket, sys
requests = socket.socket(fileno=int(sys.argv[1]))
while True:
    data, descriptors, _, _ = socket.recv_fds(requests, 1000, 1)
    if not data:
        break
    if data == b"a child":
        if os.fork() == 0:
            os.write(descriptors[0], b"%d" % os.getpid())
            os.close(descriptors[0])
            signal.pause()
        data = b""
    os.write(descriptors[0], data)
    os.close(descriptors[0])
"""


@pytest.fixture
def helper() -> Generator[Helper]:
    made = Helper(lambda: ["-I", "-S", "-c", PROGRAM])
    yield made
    made.stop()


def ask(helper: Helper, text: str) -> str:
    """Return what the helper answers, which is the text."""
    reader, writer = os.pipe()
    helper.ask([writer], text.encode())
    os.close(writer)
    with open(reader) as answer:
        return answer.read()


def test_it_is_started_with_the_first_question_and_stays(helper: Helper) -> None:
    assert helper.pid is None
    assert ask(helper, "a") == "a"
    pid = helper.pid
    assert ask(helper, "b") == "b"
    assert helper.pid == pid


def test_one_that_was_killed_is_replaced(helper: Helper) -> None:
    ask(helper, "a")
    pid = helper.pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(pid))

    assert ask(helper, "b") == "b"
    assert helper.pid != pid
    assert not os.path.exists(f"/proc/{pid}")  # nor is it a zombie


def test_so_is_one_whose_child_lives_on(helper: Helper) -> None:
    child, pid = int(ask(helper, CHILD)), helper.pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(pid))

    answer = ask(helper, "b")
    os.kill(child, signal.SIGKILL)
    assert answer == "b"


def test_a_stopped_one_has_ended_and_comes_back_when_asked(helper: Helper) -> None:
    ask(helper, "a")
    pid = helper.pid
    helper.stop()

    assert helper.pid is None
    assert not os.path.exists(f"/proc/{pid}")
    assert ask(helper, "b") == "b"


def test_threads_share_one(helper: Helper) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ask(helper, str(n)), range(40)))

    assert answers == [str(n) for n in range(40)]


def test_a_fork_of_us_gets_one_of_its_own(helper: Helper) -> None:
    ask(helper, "a")
    pid = helper.pid

    def child() -> tuple[str, bool]:
        answer = ask(helper, "b")
        own = helper.pid != pid
        helper.stop()
        return answer, own

    assert in_child(child) == ("b", True)
    assert ask(helper, "c") == "c"  # ours was left alone
    assert helper.pid == pid


def test_it_ends_when_we_are_killed() -> None:
    def child() -> int:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            orphan = Helper(lambda: ["-I", "-S", "-c", PROGRAM])
            ask(orphan, "a")
            os.write(writer, b"%d" % (orphan.pid or 0))
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(pid, 0)
        return int(os.read(reader, 20))

    pid = in_child(child)

    assert pid
    assert wait_until(lambda: not is_alive(pid))


def test_a_signal_for_our_terminal_does_not_reach_it(helper: Helper) -> None:
    ask(helper, "a")

    assert helper.pid
    assert os.getsid(helper.pid) == helper.pid != os.getsid(0)


@pytest.fixture
def changed() -> Generator[None]:
    """Be another user of files than before: what a child would have is different."""
    before = os.umask(0o77)
    yield
    os.umask(before)


def test_one_that_is_not_as_we_are_is_replaced(
    helper: Helper, request: pytest.FixtureRequest
) -> None:
    ask(helper, "a")
    pid = helper.pid
    request.getfixturevalue("changed")

    assert ask(helper, "b") == "b"
    assert helper.pid != pid
    assert wait_until(
        lambda: bool(ask(helper, "c")) and not os.path.exists(f"/proc/{pid}")
    )


def test_one_may_be_replaced_on_demand(helper: Helper) -> None:
    helper.retire()
    ask(helper, "a")
    pid = helper.pid
    helper.retire()

    assert helper.pid is None
    assert ask(helper, "b") == "b"
    assert helper.pid != pid


def test_a_retired_one_that_still_works_is_stopped_too(helper: Helper) -> None:
    ask(helper, "a")
    pid = helper.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)  # it cannot end by itself
    helper.retire()
    ask(helper, "b")
    assert is_alive(pid)
    os.kill(pid, signal.SIGCONT)
    helper.stop()

    assert not os.path.exists(f"/proc/{pid}")


def test_a_fork_of_us_leaves_our_helper_in_office(helper: Helper) -> None:
    ask(helper, "a")
    pid = helper.pid

    def child() -> None:
        os.umask(0o77)
        ask(helper, "b")
        helper.retire()
        helper.stop()

    in_child(child)
    assert ask(helper, "c") == "c"
    assert helper.pid == pid
