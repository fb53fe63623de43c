"""job: a container that runs for a client, and what the client is told of it."""

import marshal
import posix
import time

from cfslib.kernel import tracing
from cfslib.runtime import channel, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.kernel.tracing import Call
    from cfslib.runtime.request import Made


class Job:
    """A container that runs, and the client that waits for it."""

    def __init__(self, made: "Made", answer: int, calls: "list[Call]") -> None:
        self.answer = answer
        self.end = posix.pidfd_open(made.container.pid1.pid)
        self.deadline = time.monotonic() + channel.PATIENCE
        self._made, self._container = made, made.container
        self._calls = calls
        self._error: BaseException | None = None
        self._is_heard = False

    def kill(self) -> None:
        """End it now."""
        self._container.pid1.kill()

    def must_have_started(self) -> None:
        """End it if the command does not run by now."""
        if self._container.channel.has_something():
            self._hear()
        else:
            self._error, self._is_heard = channel.too_late(), True
            self.kill()

    def finish(self) -> None:
        """Tell the client how it ended."""
        with self._made:
            status = self._container.pid1.wait()
            if not self._is_heard:
                self._hear()
        tell(self.answer, status, self._error, self._calls)  # its cgroups are gone
        posix.close(self.end)

    def _hear(self) -> None:
        """Take what PID 1 says of the command's start; it has said it by now."""
        self._is_heard = True
        with tracing.trace() as calls:
            try:
                self._container.channel.hear()
            except Exception as error:  # whatever it is, the client raises it
                self._error = error.with_traceback(None)  # which would keep us for ever
        self._calls += calls


def tell(
    answer: int,
    status: "int | None",
    error: "BaseException | None",
    calls: "list[Call]",
) -> None:
    """Tell a client how its container ended, or what went wrong."""
    plain = errors.as_plain(error) if error else None
    data = marshal.dumps((status, plain, [tracing.as_plain(call) for call in calls]))
    write(answer, data)


def write(answer: int, data: bytes) -> None:
    """Send all there is to say to a client."""
    try:
        while data:
            data = data[posix.write(answer, data) :]
    except OSError:
        pass  # the client is gone
    posix.close(answer)
