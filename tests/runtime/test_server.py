"""The server itself, in a child, without a client: its patience, its jobs, its end."""

import gc
import marshal
import os
import select
import socket
import time
import weakref
from collections.abc import Callable
from typing import TypeVar

import pytest

from cfslib.children import retirement
from cfslib.children.in_child import in_child
from cfslib.kernel import messages, syscalls
from cfslib.observe import sightings
from cfslib.runtime import ahead, channel, errors, server
from cfslib.runtime.request import Request
from cfslib.runtime.server import Server
from cfslib.runtime.spec import Spec
from tests.conftest import is_alive, needs_namespaces, wait_until

T = TypeVar("T")

pytestmark = needs_namespaces


class Bench:
    """A server, and the other end of its socket."""

    def __init__(self) -> None:
        self.requests, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        self.server = Server(theirs.detach())
        self.nothing = os.open("/dev/null", os.O_RDWR)

    def ask(self, *argv: str, **more: object) -> socket.socket:
        """Ask for a container; return what the answer will come from."""
        spec = Spec(argv, limits=None).changed(**more)
        answer, theirs = socket.socketpair()
        request = Request(spec, dict(os.environb), "/", False)
        file = os.memfd_create("request")
        os.write(file, request.packed())
        streams = [self.nothing] * 3
        messages.send(self.requests.fileno(), b"!", [theirs.fileno(), file, *streams])
        theirs.close()
        os.close(file)
        self.server.wait()
        return answer

    def answer(self, answer: socket.socket) -> tuple[int, BaseException | None]:
        """Let the server work until the answer is there; return what it says."""
        data = b""
        while True:
            while not select.select([answer], [], [], 0)[0]:
                self.server.wait()
            if not (chunk := answer.recv(1 << 16)):
                status, error, _ = marshal.loads(data)
                return status, error and errors.from_plain(error)
            data += chunk

    def end(self) -> None:
        """Have nothing left."""
        self.server._ahead.end()
        if self.server._janitor:
            self.server._janitor.dismiss()


def at_a_bench(func: Callable[[Bench], T]) -> T:
    """Call a function with a server, in a child."""

    def work() -> T:
        bench = Bench()
        try:
            return func(bench)
        finally:
            bench.end()

    return in_child(work)


def test_a_request_is_answered_with_how_the_container_ended() -> None:
    def work(bench: Bench) -> list[int]:
        codes = [bench.answer(bench.ask("sh", "-c", f"exit {n}"))[0] for n in (0, 3)]
        return [os.waitstatus_to_exitcode(code) for code in codes]

    assert at_a_bench(work) == [0, 3]


def test_what_goes_wrong_is_the_answer_too() -> None:
    def work(bench: Bench) -> list[str]:
        asked = [bench.ask("no-such"), bench.ask("true", rootfs="/none")]
        return [type(bench.answer(answer)[1]).__name__ for answer in asked]

    assert at_a_bench(work) == ["CannotExecute", "FileNotFoundError"]


def test_nothing_of_a_request_stays_open() -> None:
    def files(bench: Bench) -> list[str]:
        bench.server._ahead.end()
        places = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
        return sorted(f"{p} {os.readlink(p)}" for p in places if os.path.lexists(p))

    def work(bench: Bench) -> list[list[str]]:
        bench.answer(bench.ask("true"))
        before = files(bench)
        for words in (["true"], ["no-such"], ["sh", "-c", "exit 1"]):
            bench.answer(bench.ask(*words))
        return [before, files(bench)]

    before, after = at_a_bench(work)
    assert before == after


def test_no_error_keeps_a_container_in_memory() -> None:
    """In the server nobody collects garbage."""

    def work(bench: Bench) -> bool:
        gc.disable()
        asked = bench.ask("no-such")
        job = weakref.ref(bench.server._last or bench)
        bench.answer(asked)
        bench.answer(bench.ask("true"))
        return job() is None

    assert at_a_bench(work)


def test_a_client_that_goes_takes_its_container_along() -> None:
    def work(bench: Bench) -> bool:
        bench.ask("sleep", "60").close()
        family = sightings.below(os.getpid())
        inside = [seen.pid for seen in family if seen.name != "cfs-janitor"]
        while bench.server._jobs:
            bench.server.wait()
        return bool(inside) and wait_until(lambda: not any(map(is_alive, inside)))

    assert at_a_bench(work)


def test_it_has_time_for_the_next_one_later_while_the_last_one_runs() -> None:
    def work(bench: Bench) -> list[float | None]:
        ahead.LATER = 20  # or there may be one before the last one has ended
        patience = [bench.server._patience()]
        answer = bench.ask("sh", "-c", "kill -STOP $$")
        patience.append(bench.server._patience())
        answer.close()
        while bench.server._jobs:
            bench.server.wait()
        patience.append(bench.server._patience())
        bench.server._idle()
        return [*patience, bench.server._patience()]

    assert at_a_bench(work) == [None, 20, ahead.SOON, ahead.KEPT]


def test_a_container_that_never_starts_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file system of somebody's making may never answer."""

    def work(bench: Bench) -> tuple[int, str]:
        syscalls.chdir = lambda _: time.sleep(60)  # type: ignore[assignment]
        status, error = bench.answer(bench.ask("true"))
        return os.waitstatus_to_exitcode(status), str(error)

    monkeypatch.setattr(channel, "PATIENCE", 1)

    assert at_a_bench(work) == (-9, "the container did not start within 1 s")


def test_retired_it_makes_no_other_and_ends_after_its_last_container() -> None:
    def be_retired() -> None:
        bench = Bench()
        bench.ask("sleep", "0.3")
        retirement.retire(bench.requests)
        while True:
            bench.server.wait()  # it ends us with its own end

    with pytest.raises(ChildProcessError):  # which brings no answer
        in_child(be_retired)


def test_the_files_of_a_container_are_as_many_as_it_counts() -> None:
    def work(bench: Bench) -> int:
        first = bench.ask("sleep", "60")  # which has the janitor made
        before = len(os.listdir("/proc/self/fd"))
        answers = [bench.ask("sleep", "60") for _ in range(5)]
        opened = len(os.listdir("/proc/self/fd")) - before - len(answers)
        for answer in (first, *answers):
            answer.close()
        while bench.server._jobs:
            bench.server.wait()
        return opened

    assert at_a_bench(work) == 5 * server.FILES
