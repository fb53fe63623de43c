import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import cloudpickle
import pytest

from cfslib.children import forkserver
from cfslib.children.answers import Answer
from cfslib.children.worker import Request
from tests.conftest import is_alive, wait_until

PROGRAM = """
import sys
from cfslib.children import forkserver
from cfslib.children import over_exec
forkserver.serve(int(sys.argv[1]), over_exec.of_this_thread())
"""

WITHOUT_ROOM = """
import os, resource, sys
from cfslib.children import forkserver
from cfslib.children import over_exec
for module in forkserver._PRELOADED:  # while we may read the files
    __import__(module)
if os.geteuid() == 0:  # who has no such limit
    os.setuid(54329)
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
forkserver.serve(int(sys.argv[1]), over_exec.of_this_thread())
"""


class Client:
    """A fork server, and the end of the socket that its client holds."""

    def __init__(self, program: str = PROGRAM) -> None:
        self.requests, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, "-u", "-c", program, str(theirs.fileno())]
            self.server = subprocess.Popen(words, pass_fds=[theirs.fileno()])

    def ask(self, func: object) -> tuple[socket.socket, int]:
        """Ask for a call; return where the answer comes, and what is printed."""
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe()
        here = os.open(".", os.O_PATH)
        socket.send_fds(self.requests, [b"!"], [theirs.fileno(), writer, here])
        os.close(here)
        theirs.close()
        os.close(writer)
        environment = pickle.dumps(dict(os.environ))
        request = Request(environment, sys.path, cloudpickle.dumps(func))
        with suppress(BrokenPipeError):  # there was no child to read it
            ours.sendall(pickle.dumps(request))
        return ours, reader


@pytest.fixture
def client() -> Generator[Client]:
    client = Client()
    yield client
    client.requests.close()
    assert client.server.wait(10) == 0


def _read(reader: int) -> bytes:
    with open(reader, "rb") as stream:
        return stream.read()


def _answer(ours: socket.socket) -> list[object]:
    """Return the answer and the wait status, as far as they came."""
    with ours, ours.makefile("rb") as stream:
        parts = []
        while stream.peek():
            parts.append(pickle.load(stream))
        return parts


def _pid_of(reader: int) -> int:
    """Return the pid that a child printed first, while it runs."""
    return int(os.read(reader, 100))


def _children(pid: int) -> list[int]:
    return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def _sleeps() -> None:
    import os
    import time

    os.write(1, str(os.getpid()).encode())
    time.sleep(60)


def _waits() -> str:
    """Wait for a word of the client, by the socket that the answer will go to."""
    import os
    import select
    import stat

    os.write(1, str(os.getpid()).encode())
    fds = [fd for fd in range(3, 50) if os.path.exists(f"/proc/self/fd/{fd}")]
    (client,) = [fd for fd in fds if stat.S_ISSOCK(os.fstat(fd).st_mode)]
    select.select([client], [], [])
    os.read(client, 1)
    return "done"


def _ticks(pid: int) -> int:
    """Return how long a process has computed, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_it_sends_the_answer_and_then_how_the_child_ended(client: Client) -> None:
    ours, reader = client.ask(lambda: 42)

    assert _read(reader) == b""
    assert _answer(ours) == [Answer(42), 0]


def test_a_child_that_died_sends_how_it_ended_and_no_more(client: Client) -> None:
    ours, reader = client.ask(lambda: os.abort())

    _read(reader)
    (status,) = _answer(ours)
    assert isinstance(status, int)
    assert os.WTERMSIG(status) == signal.SIGABRT


def test_both_outputs_of_a_child_go_into_its_pipe(client: Client) -> None:
    ours, reader = client.ask(lambda: os.system("echo out; echo err >&2"))

    assert _read(reader) == b"out\nerr\n"
    assert _answer(ours) == [Answer(0), 0]


def test_it_has_one_thread(client: Client) -> None:
    ours, reader = client.ask(lambda: None)
    _read(reader)
    _answer(ours)

    assert len(os.listdir(f"/proc/{client.server.pid}/task")) == 1


def test_children_work_side_by_side(client: Client) -> None:
    slow, slow_reader = client.ask(_sleeps)
    _pid_of(slow_reader)
    fast, fast_reader = client.ask(lambda: "fast")

    assert _answer(fast) == [Answer("fast"), 0]
    slow.close()
    _read(slow_reader)
    _read(fast_reader)


def test_a_child_that_nobody_waits_for_is_killed_alone(client: Client) -> None:
    ours, reader = client.ask(_sleeps)
    other, other_reader = client.ask(_sleeps)
    pid, other_pid = _pid_of(reader), _pid_of(other_reader)
    ours.close()

    assert wait_until(lambda: not is_alive(pid))
    assert is_alive(other_pid)
    _read(reader)
    other.close()
    _read(other_reader)


def test_without_its_client_it_kills_the_children_and_ends(client: Client) -> None:
    ours, reader = client.ask(_sleeps)
    pid = _pid_of(reader)
    client.requests.close()

    assert client.server.wait(10) == 0
    assert wait_until(lambda: not is_alive(pid))
    assert _read(reader) == b""
    ours.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_it_is_killed_its_children_are_too(number: int) -> None:
    client = Client()
    ours, reader = client.ask(_sleeps)
    pid = _pid_of(reader)
    client.server.send_signal(number)

    assert client.server.wait(10) == -number
    assert _read(reader) == b""
    assert wait_until(lambda: not is_alive(pid))
    ours.close()
    client.requests.close()


def test_children_that_ended_leave_no_zombie_and_no_open_file(client: Client) -> None:
    place = Path(f"/proc/{client.server.pid}")

    def ask_once() -> tuple[int, int]:
        ours, reader = client.ask(lambda: None)
        _read(reader)
        _answer(ours)
        wait_until(lambda: len(os.listdir(place / "fd")) <= idle)
        return len(os.listdir(place / "fd")), len(_children(client.server.pid))

    # Standard input, output and error; the socket for requests; for the one child that
    # waits for the next of them, a socket and a pidfd.
    idle = 6
    assert [ask_once() for _ in range(3)] == [(idle, 1)] * 3


def test_a_child_killed_while_it_waited_is_replaced(client: Client) -> None:
    assert wait_until(lambda: bool(_children(client.server.pid)))
    (waiting,) = _children(client.server.pid)
    os.kill(waiting, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(waiting))
    ours, reader = client.ask(os.getpid)

    _read(reader)
    answer, status = _answer(ours)
    assert isinstance(answer, Answer)
    assert answer.result != waiting
    assert status == 0


def test_without_room_for_a_process_there_is_no_answer_but_a_server() -> None:
    client = Client(WITHOUT_ROOM)
    for _ in range(2):
        ours, reader = client.ask(os.getpid)
        assert _read(reader) == b""
        ours.close()
    client.requests.close()
    assert client.server.wait(10) == 0


def test_a_client_that_never_asks_for_anything_is_no_harm(client: Client) -> None:
    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()
    socket.send_fds(client.requests, [b"!"], [theirs.fileno(), writer])
    theirs.close()
    os.close(writer)
    ours.shutdown(socket.SHUT_WR)

    _read(reader)
    ours.close()
    ours, reader = client.ask(lambda: "and well")
    _read(reader)
    assert _answer(ours) == [Answer("and well"), 0]


def test_what_a_child_imports_and_changes_is_unknown_to_the_next(
    client: Client,
) -> None:
    def change() -> str:
        import os
        import sys

        before = os.environ.get("CHANGED", "no"), "antigravity" in sys.modules
        os.environ["CHANGED"] = "yes"
        sys.modules["antigravity"] = sys
        return str(before)

    for _ in range(2):
        ours, reader = client.ask(change)
        _read(reader)
        assert _answer(ours) == [Answer("('no', False)"), 0]


def test_what_cells_use_is_imported_before_it_is_asked_for(client: Client) -> None:
    used = {f"cfslib.isolation.{name}" for name in ("idmaps", "mounts", "namespaces")}
    ours, reader = client.ask(lambda: used - sys.modules.keys())

    _read(reader)
    assert _answer(ours) == [Answer(set()), 0]


def test_a_retired_one_finishes_what_it_does_and_ends(client: Client) -> None:
    ours, reader = client.ask(_waits)
    pid = _pid_of(reader)
    client.requests.shutdown(socket.SHUT_WR)
    assert wait_until(lambda: _children(client.server.pid) == [pid])  # and none ahead
    ours.sendall(b"!")

    answer, status = _answer(ours)
    assert isinstance(answer, Answer)
    assert (answer.result, status) == ("done", 0)
    assert client.server.wait(10) == 0
    _read(reader)


def test_a_retired_one_uses_no_processor_while_it_waits(client: Client) -> None:
    ours, reader = client.ask(_sleeps)
    pid = _pid_of(reader)
    client.requests.shutdown(socket.SHUT_WR)
    assert wait_until(lambda: _children(client.server.pid) == [pid])
    before = _ticks(client.server.pid)
    time.sleep(0.3)

    assert _ticks(client.server.pid) - before < 10  # of 30 hundredths of a second
    ours.close()
    assert client.server.wait(10) == 0  # nobody waited for the child, so it was killed
    _read(reader)


def test_a_retired_one_without_its_client_kills_the_children(client: Client) -> None:
    ours, reader = client.ask(_sleeps)
    pid = _pid_of(reader)
    client.requests.shutdown(socket.SHUT_WR)
    assert wait_until(lambda: _children(client.server.pid) == [pid])
    client.requests.close()

    assert client.server.wait(10) == 0
    assert wait_until(lambda: not is_alive(pid))
    _read(reader)
    ours.close()


def test_one_that_has_nothing_to_do_ends_when_it_retires(client: Client) -> None:
    client.requests.shutdown(socket.SHUT_WR)

    assert client.server.wait(10) == 0


def test_libraries_that_hardly_any_child_uses_are_not(client: Client) -> None:
    rare = {"bz2", "hashlib", "lzma", "random", "shutil", "tempfile"}
    ours, reader = client.ask(lambda: rare & sys.modules.keys())

    _read(reader)
    assert _answer(ours) == [Answer(set()), 0]


ON_ONE = """
import os
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
"""


@pytest.mark.parametrize("program", [PROGRAM, ON_ONE + PROGRAM], ids=["all", "one"])
def test_a_child_may_use_the_processors_that_the_server_may(program: str) -> None:
    client = Client(program)
    for _ in range(10):
        ours, reader = client.ask(lambda: os.sched_getaffinity(0))
        _read(reader)
        (answer, status) = _answer(ours)
        assert isinstance(answer, Answer)
        assert answer.result == os.sched_getaffinity(client.server.pid)
        assert status == 0
    client.requests.close()
    assert client.server.wait(10) == 0


def test_a_child_wakes_on_another_processor_than_the_server() -> None:
    ours, theirs = socket.socketpair()
    with theirs, subprocess.Popen(["sleep", "60"]) as process:
        child = forkserver._Child(process.pid, os.pidfd_open(process.pid), ours)
        every = os.sched_getaffinity(0)

        took, chosen = child.took([]), os.sched_getaffinity(process.pid)
        process.kill()
        os.close(child.pidfd)

    assert took
    assert chosen <= every
    assert len(chosen) == max(len(every) - 1, 1)
