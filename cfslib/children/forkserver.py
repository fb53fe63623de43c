"""forkserver: the process that forks where its client must not.

It has one thread and everything imported already; but no library that hardly any child
uses, for each would be mapped into all of them.  A child is forked ahead and waits,
since half of the time that a call would take is the fork.  `forkclient` starts the
server and asks it, `worker` is the child:

    client                        server                       child
    writes the request
    socket pair, pipe   --fds-->  passes them on   --fds-->    reads the request
                                  forks the next one           calls the function
    prints what comes   <------------- pipe ----------------   prints
    takes the answer    <------------------------------------  sends the answer
    sees the end        <-------  adds the wait status         ends

Whoever ends takes the others along: without a client the server kills the children
and ends; the children ask the kernel to kill them when the server ends.  A retired
server (see `retirement`) waits for the children that are at work, and then ends.
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

from cfslib.children import over_exec, retirement, worker
from cfslib.kernel import libc

# What functions of a notebook use, imported now so that no child has to.
_PRELOADED = (
    "cloudpickle",
    "cfslib.isolation.capabilities",
    "cfslib.isolation.idmaps",
    "cfslib.isolation.limits",
    "cfslib.isolation.mounts",
    "cfslib.isolation.namespaces",
    "cfslib.isolation.rootfs",
    "cfslib.isolation.users",
    "cfslib.kernel.procfs",
    "cfslib.kernel.syscalls",
)


@dataclass(frozen=True)
class _Child:
    """A child that waits for its orders."""

    pid: int
    pidfd: int
    orders: socket.socket

    def took(self, descriptors: list[int]) -> bool:
        """Hand over what comes from the client; False if it has been killed."""
        # It sleeps, and will wake on another processor: on ours it would wait while we
        # fork the next one.  Then it takes them all back.
        with suppress(OSError):  # there is but one
            os.sched_setaffinity(self.pid, os.sched_getaffinity(0) - {libc.getcpu()})
        with self.orders, suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self.orders, [b"!"], descriptors)
            return True
        self.dismiss()
        return False

    def dismiss(self) -> None:
        """Have it end, unless it has been killed already."""
        self.orders.close()
        os.waitpid(self.pid, 0)
        os.close(self.pidfd)


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


def serve(fd: int, told: str) -> NoReturn:
    """Have a child for every request that arrives at `fd`, until the client is gone.

    `told` is what the client is, for `over_exec`.
    """
    for module in _PRELOADED:
        import_module(module)
    _Server(fd, over_exec.restore(told)).serve()


class _Server:
    """The children at work, and the one that waits."""

    def __init__(self, fd: int, ignored: int) -> None:
        self._ignored = ignored  # signals, by the client
        self._requests = socket.socket(fileno=fd)
        self._retired = False
        self._jobs: dict[int, _Job] = {}  # by pidfd
        self._ahead = self._child_ahead()

    def serve(self) -> NoReturn:
        while self._jobs or not self._retired:
            for ready, events in self._wait():
                if ready in self._jobs:
                    self._jobs.pop(ready).finish()
                elif retirement.is_gone(events):
                    self._end()
                else:
                    self._accept()
        self._end()

    def _wait(self) -> list[tuple[int, int]]:
        """Wait for a request or for ends of children; kill those nobody waits for."""
        events = select.poll()
        events.register(self._requests, 0 if self._retired else select.POLLIN)
        clients = {job.client: job for job in self._jobs.values()}
        for job in self._jobs.values():
            events.register(job.pidfd, select.POLLIN)
            events.register(job.client, select.POLLRDHUP)
        ready = events.poll()
        gone = [clients[descriptor] for descriptor, _ in ready if descriptor in clients]
        for job in gone:
            job.kill()
            os.waitid(os.P_PIDFD, job.pidfd, os.WEXITED | os.WNOWAIT)
        return [event for event in ready if event[0] not in clients]

    def _accept(self) -> None:
        """Have a child for the next request, or hear that there is none to come."""
        data, descriptors, _, _ = socket.recv_fds(self._requests, 1, maxfds=3)
        if not data:
            self._retired = True
            if self._ahead:
                self._ahead.dismiss()
        elif len(descriptors) < 3:  # too many are open for more to be taken
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            if job := self._give_to(self._ahead, descriptors):
                self._jobs[job.pidfd] = job
            self._ahead = self._child_ahead()
            # It gets ready here; when the other has ended, we need not wait for it.
            with suppress(OSError):
                libc.move_elsewhere(0)

    def _give_to(self, child: _Child | None, descriptors: list[int]) -> _Job | None:
        """Have a child do what a client wants; None if there can be no child."""
        client, *others = descriptors
        try:
            while not (child and child.took(descriptors)):
                child = self._child()
        except OSError:
            os.close(client)  # which says it all: no answer, and no wait status
            return None
        finally:
            for descriptor in others:
                os.close(descriptor)
        return _Job(child.pid, child.pidfd, client)

    def _child_ahead(self) -> _Child | None:
        """Fork a child for the next request; None if there can be none just now."""
        with suppress(OSError):
            return self._child()
        return None

    def _child(self) -> _Child:
        """Fork a child that waits for its orders."""
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        server, processors = os.getpid(), os.sched_getaffinity(0)
        pid = os.fork()
        if pid == 0:
            try:
                worker.wait_and_serve(theirs, server, processors, self._ignored)
            finally:
                os._exit(1)
        theirs.close()
        return _Child(pid, os.pidfd_open(pid), ours)

    def _end(self) -> NoReturn:
        """Nobody asks any more: end all children, and ourselves."""
        for job in self._jobs.values():
            job.kill()
        os._exit(0)
