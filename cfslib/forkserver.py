"""forkserver: a small process that forks where its client must not.

It has one thread and everything imported already, so a child is a fork away.
`forkclient` starts it and asks it; this is the side that serves:

    client                        server                       child
    socket pair, pipe   --fds-->  fork            -------->    reads the request
    sends the request   ------------------------------------>  calls the function
    prints what comes   <------------- pipe ----------------   prints
    takes the answer    <------------------------------------  sends the answer
    sees the end        <-------  adds the wait status         ends

Whoever ends takes the others along: without a client the server kills the children
and ends; the children ask the kernel to kill them when the server ends.
"""

import os
import pickle
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn

from cfslib import answers, libc, syscalls
from cfslib.syscalls import Prctl


@dataclass(frozen=True)
class Request:
    """What a child needs to know to stand in for the process that asked."""

    directory: str
    environment: dict[str, str]
    path: list[str]  # sys.path
    func: bytes  # pickled by value, so that functions of a notebook travel


@dataclass(frozen=True)
class _Job:
    """A child at work, and the client that waits for it."""

    pid: int
    pidfd: int
    client: int

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def finish(self) -> None:
        """Tell the client how the child ended; that is the end of the answer."""
        _, status = os.waitpid(self.pid, 0)
        with socket.socket(fileno=self.client) as client, suppress(OSError):
            client.sendall(pickle.dumps(status))  # unless the client is gone
            # Closing alone is no end where a child of the child's lives on.
            client.shutdown(socket.SHUT_WR)
        os.close(self.pidfd)


def serve(fd: int) -> NoReturn:
    """Fork for every request that arrives at `fd`, until the client is gone."""
    for module in ("cloudpickle", "cfslib.container"):
        import_module(module)  # now, so that no child has to
    requests = socket.socket(fileno=fd)
    jobs: dict[int, _Job] = {}
    while True:
        for ready in _wait(requests, jobs):
            if ready != fd:
                jobs.pop(ready).finish()
            elif job := _accept(requests):
                jobs[job.pidfd] = job
            else:
                for job in jobs.values():
                    job.kill()
                os._exit(0)


def _wait(requests: socket.socket, jobs: dict[int, _Job]) -> list[int]:
    """Wait for a request or for ends of children; kill those nobody waits for."""
    events = select.poll()
    events.register(requests, select.POLLIN)
    clients = {job.client: job for job in jobs.values()}
    for job in jobs.values():
        events.register(job.pidfd, select.POLLIN)
        events.register(job.client, select.POLLRDHUP)
    ready = [descriptor for descriptor, _ in events.poll()]
    gone = [clients[descriptor] for descriptor in ready if descriptor in clients]
    for job in gone:
        job.kill()
        os.waitid(os.P_PIDFD, job.pidfd, os.WEXITED | os.WNOWAIT)
    return [descriptor for descriptor in ready if descriptor not in clients]


def _accept(requests: socket.socket) -> _Job | None:
    """Start a child for the next request; None if the client is gone."""
    data, descriptors, _, _ = socket.recv_fds(requests, 1, maxfds=2)
    if not data:
        return None
    client, output = descriptors
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _be_the_child(client, output, server)
        finally:
            os._exit(1)
    os.close(output)
    return _Job(pid, os.pidfd_open(pid), client)


def _be_the_child(client: int, output: int, server: int) -> None:
    """Answer one request."""
    syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        return  # it ended before the kernel knew our wish
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    client = _keep_only(client)
    with open(client, "rb", closefd=False) as stream:
        request = pickle.load(stream)
    answer = answers.answer(_stand_in(request))
    with open(client, "wb") as stream:
        stream.write(answers.packed(answer, import_module("cloudpickle").dumps))
    os._exit(0)


def _keep_only(descriptor: int) -> int:
    """Close all else but 0, 1 and 2: other clients wait for the end of theirs."""
    os.dup2(descriptor, 3)
    os.set_inheritable(3, False)  # nor is it for the programs that the child starts
    libc.close_from(4)
    return 3


def _stand_in(request: Request) -> Callable[[], object]:
    """Return what to call, which first makes this process look like the client."""

    def call() -> object:
        import sys

        sys.path[:] = request.path
        os.environ.clear()
        os.environ.update(request.environment)
        os.chdir(request.directory)
        return pickle.loads(request.func)()

    return call
