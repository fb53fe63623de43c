"""server: a small process that makes containers for a process with threads.

It has one thread, and has imported little, so a clone of it is cheap.

    client                               server                 PID 1
    request, descriptors  -->            makes a container -->  waits
                                         order  ------------->  starts the command
    reads what is printed  <----------------------------------  prints
    sees how it ended  <--               waits for its end

Often the container is there already: see `ahead`.  Each request has a socket of its own.
A client that closes it wants the container no more.
"""

import gc
import marshal
import posix
import select
import time

from cfslib.isolation.cgroups.janitor import Janitor
from cfslib.kernel import messages, tracing
from cfslib.runtime import channel, errors, init, spec
from cfslib.runtime.ahead import Ahead
from cfslib.runtime.container import Created
from cfslib.runtime.lifeline import have_all_three

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cfslib.kernel.tracing import Call
    from cfslib.runtime.spec import Spec

FULL = b"full"
DESCRIPTORS = 5  # the socket for the answer, the request, and the standard streams


class Request:
    """What to run, for whom, and where."""

    def __init__(
        self,
        spec: "Spec",
        environ: "dict[bytes, bytes]",
        directory: str,
        is_traced: bool,
    ) -> None:
        self.spec = spec
        self.environ = environ
        self.directory = directory
        self.is_traced = is_traced

    def is_alike(self, other: "Request") -> bool:
        """Say if one container would do for both, but for the command."""
        return (
            vars(self.spec) | {"argv": []} == vars(other.spec) | {"argv": []}
            and self.environ == other.environ
            and self.directory == other.directory
            and not other.is_traced
        )


def read(fd: int) -> Request:
    """Read the request in a file."""
    data = posix.pread(fd, posix.fstat(fd).st_size, 0)
    plain, environ, directory, is_traced = marshal.loads(data)
    return Request(spec.from_plain(plain), environ, directory, is_traced)


class Job:
    """A container that runs, and the client that waits for it."""

    def __init__(self, container: Created, answer: int, calls: "list[Call]") -> None:
        self.container = container
        self.answer = answer
        self.end = posix.pidfd_open(container.pid)
        self.deadline = time.monotonic() + channel.PATIENCE
        self._calls = calls
        self._error: BaseException | None = None

    def hear(self) -> None:
        """Take what PID 1 says of the command's start; it has said it by now."""
        with tracing.trace() as calls:
            try:
                self.container.hear()
            except (OSError, ValueError, LookupError) as error:
                self._error = error
        self._calls += calls

    def must_have_started(self) -> None:
        """End it if the command does not run by now."""
        if self.container.channel.has_something():
            self.hear()
        else:
            self._error = channel.too_late()
            self.container.kill()

    def finish(self) -> None:
        """Tell the client how it ended."""
        with self.container:
            status = self.container.wait()
            if not self._error:
                self.hear()
        tell(self.answer, status, self._error, self._calls)  # its cgroups are gone
        posix.close(self.end)


class Server:
    """The containers that run, and what it takes to start more."""

    def __init__(self, fd: int) -> None:
        self._requests = fd
        self.events = select.epoll()
        self.events.register(fd, select.EPOLLIN)
        self._ahead = Ahead(self._make)
        self._janitor: Janitor | None = None
        self._jobs: dict[int, Job] = {}  # by the pidfd of PID 1
        self._young: dict[int, Job] = {}  # of these, who must still be heard, in order
        self._clients: dict[int, Job] = {}  # by the descriptor for the answer
        self._last: Job | None = None
        self._is_retired = False

    def wait(self) -> None:
        """Wait for something to do, and do it."""
        events = self.events.poll(self._patience())
        for number, kind in events:
            if number == self._requests:
                self._hear_client(kind)
            elif number in self._clients:  # which has gone
                self._clients.pop(number).container.kill()
                self.events.unregister(number)
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
        waits += [job.deadline - time.monotonic() for job in self._first_young()]
        return min((max(0, wait) for wait in waits if wait is not None), default=None)

    def _first_young(self) -> "list[Job]":
        return [job for _, job in zip(range(1), self._young.values())]

    def _idle(self) -> None:
        for job in self._first_young():
            if job.deadline <= time.monotonic():
                del self._young[job.end]
                job.must_have_started()
                return
        self._ahead.idle()

    def _hear_client(self, kind: int) -> None:
        if kind & select.EPOLLHUP:
            self._end()  # it is gone
        data, descriptors = messages.receive(self._requests, 1, DESCRIPTORS)
        if not data:  # it asks another server from now on
            self._is_retired = True
            self._ahead.end()
            self.events.modify(self._requests, 0)
            return
        try:
            if len(descriptors) == DESCRIPTORS:  # else we may not have more open
                self._start(*descriptors)
            else:
                tell_that_it_is_full(descriptors)
        finally:
            for fd in descriptors[1:]:
                posix.close(fd)

    def _start(self, answer: int, request_file: int, *streams: int) -> None:
        """Start a container, or tell the client why there is none."""
        request = read(request_file)
        calls: list[Call] = []
        try:
            container = self._ahead.take(request) or self._made(request, calls)
            container.start(request.spec.argv, streams)
            job = Job(container, answer, calls)
        except (OSError, ValueError, LookupError) as error:
            tell(answer, None, error, calls)
            return
        self._jobs[job.end] = self._young[job.end] = self._clients[answer] = job
        self._last = job
        self.events.register(job.end, select.EPOLLIN)
        self.events.register(answer, select.EPOLLRDHUP)

    def _made(self, request: Request, calls: "list[Call]") -> Created:
        if not request.is_traced:
            return self._make(request)
        with tracing.trace() as made:
            try:
                return self._make(request)
            finally:
                calls += made

    def _make(self, request: Request) -> Created:
        posix.chdir(request.directory)
        return Created(
            request.spec,
            request.environ,
            streams_follow=True,
            janitor=self._see_to_cgroups,
        ).__enter__()

    def _see_to_cgroups(self) -> Janitor:
        """Return the janitor of all containers."""
        self._janitor = self._janitor or Janitor()
        return self._janitor

    def _finish(self, job: Job) -> None:
        self.events.unregister(job.end)
        self._young.pop(job.end, None)
        if self._clients.pop(job.answer, None):
            self.events.unregister(job.answer)
        job.finish()

    def _end(self) -> "NoReturn":
        """End all containers, and ourselves."""
        self._ahead.end()
        for job in self._jobs.values():
            job.container.kill()
        for job in self._jobs.values():
            self._finish(job)
        if self._janitor:
            self._janitor.dismiss()
        posix._exit(0)


def tell(
    answer: int,
    status: "int | None",
    error: "BaseException | None",
    calls: "list[Call]",
) -> None:
    """Tell a client how its container ended, or what went wrong."""
    plain = error and errors.as_plain(error)
    data = marshal.dumps((status, plain, [tracing.as_plain(call) for call in calls]))
    try:
        while data:
            data = data[posix.write(answer, data) :]
    except OSError:
        pass  # the client is gone
    posix.close(answer)


def tell_that_it_is_full(descriptors: "list[int]") -> None:
    """Tell a client that this server can have no more containers."""
    if descriptors:
        posix.write(descriptors[0], FULL)
        posix.close(descriptors[0])


def serve(fd: int) -> "NoReturn":
    """Make a container for every request that arrives at `fd`, until it is closed."""
    have_all_three()
    gc.disable()  # it would touch, and so copy, all memory shared with the containers
    init.arguments()  # so that they need not look for them
    server = Server(fd)
    while True:
        server.wait()
