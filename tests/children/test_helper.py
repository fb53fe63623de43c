import os
import signal
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cfslib.children.helper import Helper
from cfslib.children.in_child import in_child
from tests.conftest import is_alive, wait_until

# It writes back what it is sent, into the descriptor that came with it.
PROGRAM = """
import os, socket, sys
requests = socket.socket(fileno=int(sys.argv[1]))
while True:
    data, descriptors, _, _ = socket.recv_fds(requests, 1000, 1)
    if not data:
        break
    os.write(descriptors[0], data)
    os.close(descriptors[0])
"""


@pytest.fixture
def helper() -> Generator[Helper]:
    made = Helper(lambda: ["-I", "-S", "-c", PROGRAM])
    yield made
    made.stop()


def ask(helper: Helper, text: str) -> str:
    """Return what the helper answers: the text, and if it was told that it is new."""
    reader, writer = os.pipe()
    helper.ask([writer], lambda new: f"{text}, {new}".encode())
    os.close(writer)
    with open(reader) as answer:
        return answer.read()


def test_it_is_started_with_the_first_question_and_stays(helper: Helper) -> None:
    assert helper.pid is None
    assert ask(helper, "a") == "a, True"
    pid = helper.pid
    assert ask(helper, "b") == "b, False"
    assert helper.pid == pid


def test_one_that_was_killed_is_replaced(helper: Helper) -> None:
    ask(helper, "a")
    pid = helper.pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(pid))

    assert ask(helper, "b") == "b, True"
    assert helper.pid != pid
    assert not os.path.exists(f"/proc/{pid}")  # nor is it a zombie


def test_a_stopped_one_has_ended_and_comes_back_when_asked(helper: Helper) -> None:
    ask(helper, "a")
    pid = helper.pid
    helper.stop()

    assert helper.pid is None
    assert not os.path.exists(f"/proc/{pid}")
    assert ask(helper, "b") == "b, True"


def test_threads_share_one(helper: Helper) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ask(helper, str(n)), range(40)))

    assert sorted(a.endswith("True") for a in answers) == [False] * 39 + [True]
    assert [a.partition(",")[0] for a in answers] == [str(n) for n in range(40)]


def test_a_fork_of_us_gets_one_of_its_own(helper: Helper) -> None:
    ask(helper, "a")
    pid = helper.pid

    def child() -> tuple[str, bool]:
        answer = ask(helper, "b")
        own = helper.pid != pid
        helper.stop()
        return answer, own

    assert in_child(child) == ("b, True", True)
    assert ask(helper, "c") == "c, False"  # ours was left alone
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


# It sends what it is sent back as a message too, with a descriptor of its own.
SENDER = PROGRAM.replace(
    "    os.write", "    socket.send_fds(requests, [data], [0])\n    os.write"
)


def test_what_it_sends_is_there_when_we_look() -> None:
    helper = Helper(lambda: ["-I", "-S", "-c", SENDER])
    assert helper.message() == (b"", [])

    said = [ask(helper, "a"), ask(helper, "b")]
    for text in said:
        data, (fd,) = helper.message()
        os.close(fd)
        assert data == text.encode()
    assert helper.message() == (b"", [])
    helper.stop()
    assert helper.message() == (b"", [])
