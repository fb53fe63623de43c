"""playserver: a small process that plays recipes for a process with threads.

It has one thread, and has imported little more than `replay`, so a clone of it is
cheap.

    client                           server                      PID 1
    recipe, argv, descriptors  -->   clone           -------->   see `replay`
                                     word            -------->   starts the command
    reads what is printed      <-------------------------------  prints
    sees the wait status       <--   reaps it, removes its cgroups

Often the clone is there already: see `ahead`.  Then a client may know of it:

    argv, descriptors  --------------------------------------->  finds the command
    recipe, argv, descriptors  -->   word            -------->   starts it

Each request has a socket of its own.  A client that closes it wants the container no
more.  The answer PLAINLY says that the container has to be made the plain way, and that
nothing of it has run; no bytes, that the server was killed.
"""

import _socket
import gc
import marshal
import posix as os
import select

from cfslib.isolation.cgroups.janitor import Janitor
from cfslib.kernel import messages
from cfslib.runtime import orders, pid1, shelf
from cfslib.runtime.ahead import Ahead, ready
from cfslib.runtime.player import Deviation
from cfslib.runtime.replay import Made

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cfslib.runtime.shelf import Recipe

LARGEST = orders.LARGEST  # bytes of a request: a recipe has some 20,000
PLAINLY = b"-1"  # no wait status is below 0
DESCRIPTORS = 4  # the socket for the answer, and standard input, output and error
SPARE = 16  # descriptors that are kept free: a container takes some of its own


def serve(fd: int) -> "NoReturn":
    """Make a container for every request that arrives at `fd`, until it is closed."""
    gc.disable()  # it would touch, and so copy, all memory shared with the containers
    pid1.arguments()  # so that they need not look for them
    server = Server(fd)
    while True:
        events = server.events.poll(server.patience())
        if not events:
            server.idle()
        for number, _ in events:
            if number != fd:
                server.look_at(number)
            elif not server.accept():
                server.end()


class Server:
    """The containers that run, and what it takes to start more."""

    def __init__(self, fd: int) -> None:
        self.requests = _socket.socket(fileno=fd)
        self.events = select.epoll()
        self.events.register(fd, select.EPOLLIN)
        self._highest = os.sysconf("SC_OPEN_MAX") - SPARE
        self._identity = shelf.identity()  # which we do not change
        self._recipes: dict[str, Recipe] = {}
        self.ahead = Ahead()
        self.janitor: Janitor | None = None
        self.running: dict[int, tuple[Made, int]] = {}  # by pidfd; with the answer's
        self._last = -1  # the pidfd of the container that was started last
        self._wanted: dict[int, Made] = {}  # by the answer's descriptor

    def patience(self) -> "float | None":
        """Return after how many seconds with nothing to do `idle` should be called."""
        return self.ahead.patience(self._last in self.running)

    def idle(self) -> None:
        """Make a container ahead, and tell the client of it."""
        if made := self.ahead.idle(self.janitor):
            try:
                data = marshal.dumps((made.recipe["name"], made.name))
                messages.send(self.requests, data, [made.channel])
            except OSError:
                pass  # the client is gone, or does not listen

    def accept(self) -> bool:
        """Start a container for the next request; False if the client is gone."""
        try:
            data, descriptors = messages.receive(self.requests, LARGEST, DESCRIPTORS)
        except ConnectionResetError:
            return False  # it has not even read what we have told it
        if not data:
            return False
        answer, *streams = descriptors
        try:
            if max(streams) > self._highest:
                raise Deviation("too many containers for one server")
            self._start(answer, streams, *marshal.loads(data))
        except Deviation:
            _tell(answer, PLAINLY)
        finally:
            for stream in streams:
                os.close(stream)
        return True

    def _start(
        self,
        answer: int,
        streams: "list[int]",
        name: str,
        recipe: "Recipe | None",
        argv: "list[str]",
        environ: "dict[bytes, bytes]",
        ahead: bytes,
    ) -> None:
        if recipe:  # else it is one that we have
            self._recipes[name] = recipe
        recipe = self._recipes[name]
        if recipe["groups"] and not self.janitor:
            self.janitor = Janitor()
        made = self.ahead.take(recipe, ahead)  # which has its orders from the client
        if not made:
            made = ready(recipe, self.janitor, lambda: (argv, environ), streams)
        try:
            made.start(shelf.circumstances(environ, self._identity))
        except Deviation:
            made.kill()
        end = os.pidfd_open(made.pid)
        self.running[end] = made, answer
        self._wanted[answer] = made
        self._last = end
        self.events.register(end, select.EPOLLIN)
        self.events.register(answer, select.EPOLLRDHUP)

    def look_at(self, ready: int) -> None:
        """See to a container that has ended, or that its client wants no more."""
        if ready in self._wanted:
            self._wanted.pop(ready).kill()
            self.events.unregister(ready)
        elif ready in self.running:
            self._finish(ready, *self.running.pop(ready))

    def _finish(self, end: int, made: Made, answer: int) -> None:
        """Tell the client how the container ended, if it ever started."""
        self.events.unregister(end)
        os.close(end)
        if self._wanted.pop(answer, None):
            self.events.unregister(answer)
        with made:
            status = made.wait()
            try:
                made.hear()
                text = b"%d" % status
            except Deviation:
                text = PLAINLY
        _tell(answer, text)  # after its cgroups were removed

    def end(self) -> "NoReturn":
        """End all containers, and ourselves."""
        self.ahead.end()
        for end, (made, answer) in self.running.items():
            made.kill()
            self._finish(end, made, answer)
        if self.janitor:
            self.janitor.dismiss()
        os._exit(0)


def _tell(answer: int, text: bytes) -> None:
    """Send all there is to say to a client."""
    try:
        os.write(answer, text)
    except OSError:
        pass  # the client is gone
    os.close(answer)
