"""forkserver: the process that forks where its client must not.

It has one thread and everything imported already; but no library that hardly any child
uses, for each would be mapped into all of them.  A child is forked ahead and waits,
since half of the time that a call would take is the fork.  `forkclient` starts the
server and asks it, `standby` is the child:

    client                        server                       child
    writes the request
    socket pair, pipe   --fds-->  passes them on   --fds-->    reads the request
                                  forks the next one           calls the function
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
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn

from cfslib.children import worker
from cfslib.kernel import libc


@dataclass(frozen=True)
class _Child:
    """A child that waits for its orders."""

    pid: int
    pidfd: int
    orders: socket.socket

    def took(self, descriptors: list[int]) -> bool:
        """Hand over the client's socket and pipe; False if it has been killed."""
        # It sleeps, and will wake on another processor: on ours it would wait while we
        # fork the next one.  Then it takes them all back.
        with suppress(OSError):  # there is but one
            os.sched_setaffinity(self.pid, os.sched_getaffinity(0) - {libc.getcpu()})
        with self.orders, suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self.orders, [b"!"], descriptors)
            return True
        os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        return False


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
    """Have a child for every request that arrives at `fd`, until the client is gone."""
    for module in ("cloudpickle", "cfslib.runtime.container"):
        import_module(module)  # now, so that no child has to
    requests = socket.socket(fileno=fd)
    jobs: dict[int, _Job] = {}
    ahead = _child_ahead()
    while True:
        for ready in _wait(requests, jobs):
            if ready != fd:
                jobs.pop(ready).finish()
                continue
            data, descriptors, _, _ = socket.recv_fds(requests, 1, maxfds=2)
            if not data:
                _end(jobs)
            if len(descriptors) < 2:  # too many are open for more to be taken
                for descriptor in descriptors:
                    os.close(descriptor)
                continue
            if job := _give_to(ahead, *descriptors):
                jobs[job.pidfd] = job
            ahead = _child_ahead()
            # It gets ready here; when the other has ended, we need not wait for it.
            with suppress(OSError):
                libc.move_elsewhere(0)


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


def _give_to(child: _Child | None, client: int, output: int) -> _Job | None:
    """Have a child do what a client wants; None if there can be no child."""
    try:
        while not (child and child.took([client, output])):
            child = _child()
    except OSError:
        os.close(client)  # which says it all: there is no answer, and no wait status
        return None
    finally:
        os.close(output)
    return _Job(child.pid, child.pidfd, client)


def _child_ahead() -> _Child | None:
    """Fork a child for the next request; None if there can be none just now."""
    with suppress(OSError):
        return _child()
    return None


def _child() -> _Child:
    """Fork a child that waits for its orders."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    server, processors = os.getpid(), os.sched_getaffinity(0)
    pid = os.fork()
    if pid == 0:
        try:
            worker.wait_and_serve(theirs, server, processors)
        finally:
            os._exit(1)
    theirs.close()
    return _Child(pid, os.pidfd_open(pid), ours)


def _end(jobs: dict[int, _Job]) -> NoReturn:
    """Nobody asks any more: end all children, and ourselves."""
    for job in jobs.values():
        job.kill()
    os._exit(0)
