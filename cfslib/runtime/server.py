"""server: a small process that makes containers for a process with threads.

It has one thread, and has imported little, so a clone of it is cheap.

    client                             server                   PID 1
    request, descriptors  ------->     makes a container --->   waits
                                       order  -------------->   starts the command
    reads what is printed  <---------------------------------   prints
    sees how it ended      <-------    waits for its end

Often the container is there already: see `ahead`.  Each request has a socket of its
own.  A client that closes it wants the container no more.
"""

import errno
import gc
import posix
import select
import time

from cfslib.children import retirement, streams
from cfslib.isolation.cgroups.janitor import Janitor
from cfslib.kernel import libc, messages, tracing
from cfslib.kernel.syscalls import Resource
from cfslib.runtime import (
    direct,
    init,
    inside,  # noqa: F401  what PID 1 imports, once for all of them
    request,
)
from cfslib.runtime.ahead import Ahead
from cfslib.runtime.job import Job, tell
from cfslib.runtime.request import Made, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cfslib.kernel.tracing import Call

DESCRIPTORS = 5  # the socket for the answer, the request, and the standard streams
FILES = 4  # that we have open for a container: its pidfd, channel, rootfs, and answer,
OTHER_FILES = 20  # and for all else together


class Server:
    """The containers that run, and what it takes to start more."""

    def __init__(self, fd: int) -> None:
        self._requests = fd
        self._events = select.epoll()
        self._events.register(fd, select.EPOLLIN)
        self._ahead = Ahead(self._make)
        self._janitor: Janitor | None = None
        self._jobs: dict[int, Job] = {}  # by the pidfd of PID 1
        self._young: dict[int, Job] = {}  # of these, who must still start, in order
        self._clients: dict[int, Job] = {}  # by the descriptor for the answer
        self._most = (libc.getrlimit(Resource.NOFILE)[0] - OTHER_FILES) // FILES
        self._last: Job | None = None
        self._is_retired = False

    def wait(self) -> None:
        """Wait for something to do, and do it."""
        events = self._events.poll(self._patience())
        for number, kind in events:
            if number == self._requests:
                self._hear_client(kind)
            elif number in self._clients:  # which has gone
                self._clients.pop(number).kill()
                self._events.unregister(number)
            elif number in self._jobs:
                self._finish(self._jobs.pop(number))
        if not events:
            self._idle()
        if self._is_retired and not self._jobs:
            self._end()

    def _patience(self) -> "float | None":
        """Return after how many seconds with nothing to do `_idle` should be called."""
        last_runs = self._last is not None and self._last.end in self._jobs
        waits = [self._ahead.patience(last_runs)]
        if youngest := next(iter(self._young.values()), None):
            waits.append(max(0, youngest.deadline - time.monotonic()))
        return min((wait for wait in waits if wait is not None), default=None)

    def _idle(self) -> None:
        first = next(iter(self._young.values()), None)
        if first and first.deadline <= time.monotonic():
            del self._young[first.end]
            first.must_have_started()
        else:
            self._ahead.idle()

    def _hear_client(self, kind: int) -> None:
        """Take a request, or see that there will be no more."""
        if retirement.is_gone(kind):
            self._end()
        data, descriptors = messages.receive(self._requests, 1, DESCRIPTORS)
        if not data:  # another server is asked from now on
            self._is_retired = True
            self._ahead.end()
            self._events.modify(self._requests, 0)
            return
        answer, *others = descriptors
        if self._jobs and len(self._jobs) >= self._most:
            tell(answer, None, _too_many(), [])
        else:
            self._start(answer, *others)
        for fd in others:
            posix.close(fd)

    def _start(self, answer: int, file: int, *streams: int) -> None:
        """Start a container, or tell the client why there is none."""
        calls: list[Call] = []
        try:
            wanted = request.unpacked(posix.pread(file, posix.fstat(file).st_size, 0))
            made = self._ahead.take(wanted) or self._traced(wanted, calls)
            term = direct.term_in(wanted.environ)
            made.container.start(wanted.spec.argv, term=term, streams=streams)
            job = Job(made, answer, calls)
        except Exception as error:  # whatever it is, the client raises it
            tell(answer, None, error, calls)
            return
        self._jobs[job.end] = self._young[job.end] = self._clients[answer] = job
        self._last = job
        self._events.register(job.end, select.EPOLLIN)
        self._events.register(answer, select.EPOLLRDHUP)

    def _traced(self, wanted: Request, calls: "list[Call]") -> Made:
        """Make a container; note down the calls that it takes, if somebody asks."""
        if not wanted.is_traced:
            return self._make(wanted)
        with tracing.trace() as made:
            try:
                return self._make(wanted)
            finally:
                calls += made

    def _make(self, wanted: Request) -> Made:
        return Made(wanted, self._see_to_cgroups)

    def _see_to_cgroups(self) -> Janitor:
        """Return the janitor of all containers."""
        self._janitor = self._janitor or Janitor()
        return self._janitor

    def _finish(self, job: Job) -> None:
        self._events.unregister(job.end)
        self._young.pop(job.end, None)
        if self._clients.pop(job.answer, None):
            self._events.unregister(job.answer)
        job.finish()

    def _end(self) -> "NoReturn":
        """End all containers, and ourselves."""
        self._ahead.end()
        for job in self._jobs.values():
            job.kill()
        for job in self._jobs.values():
            self._finish(job)
        if self._janitor:
            self._janitor.dismiss()
        posix._exit(0)


def _too_many() -> OSError:
    error = OSError(errno.EMFILE, "too many containers run at once")
    error.add_note("Hint: each takes some open files: raise `ulimit -n`.")
    return error


def serve(fd: int) -> "NoReturn":
    """Make a container for every request that arrives at `fd`, until it is closed."""
    streams.have_all_three()
    gc.disable()  # it would touch, and so copy, all memory shared with the containers
    init.arguments()  # so that they need not look for them
    server = Server(fd)
    while True:
        server.wait()
