"""relay: stand between our terminal and a container, and copy.

Nothing here blocks but the wait for something to do, or two who each wait for the other
to read would wait for ever: a command that prints and does not read, and a terminal
into which somebody pastes.
"""

import errno
import posix as os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from cfslib.kernel.kept_back import KeptBack

PASTED = 1 << 20  # bytes that are held for a command that does not read them yet,
PRINTED = 1 << 14  # and for a terminal; few, or Ctrl-C would seem to do nothing
CHUNK = 4096  # bytes that a pipe with room takes without blocking: PIPE_BUF
_PTMX = 5 << 8 | 2  # the device which makes a new terminal when it is opened


class Flow:
    """What is read from one descriptor and written to another."""

    piece = CHUNK  # bytes that are read at once

    def __init__(self, source: int, sink: int, most: int = PRINTED) -> None:
        self.source, self.sink, self.most = source, sink, most
        self.held = b""  # read, and not written yet
        self.is_open = True  # there may be more to read

    def events(self) -> "list[tuple[int, int]]":
        """Return what to wait for, as `poll` has it."""
        reads = self.is_open and len(self.held) < self.most
        events = [(self.source, select.POLLIN)] if reads else []
        return [*events, (self.sink, select.POLLOUT)] if self.held else events

    def step(self, ready: "set[int]") -> None:
        """Read and write as far as that does not block."""
        if self.source in ready and self.is_open:
            self._read()
        if self.sink in ready and self.held:
            self._write()

    def _read(self) -> None:
        try:
            data = os.read(self.source, self.piece)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:  # how a terminal says that nobody is left
                raise
            data = b""
        self.held += data
        self.is_open = bool(data)

    def _write(self) -> None:
        try:
            self.held = self.held[os.write(self.sink, self.held[:CHUNK]) :]
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.held = b""  # the terminal is gone, and nobody sees it


class Typed(Flow):
    """What is typed; it is no harm if nobody reads it."""

    def __init__(
        self, source: int, sink: int, at_its_end: "Callable[[], object]" = lambda: None
    ) -> None:
        super().__init__(source, sink, PASTED)
        self._at_its_end: Callable[[], object] | None = at_its_end

    def step(self, ready: "set[int]") -> None:
        """Read and write as far as that does not block."""
        try:
            super().step(ready)
        except BrokenPipeError:
            self.held, self.is_open = b"", False
        if self._at_its_end and not self.held and not self.is_open:
            self._at_its_end()
            self._at_its_end = None


class InsteadOfTerminals:
    """Pipes in place of those standard streams that are a terminal.

    A container that had ours could read what is typed there, and type into it itself.
    """

    def __init__(self, interactive: bool) -> None:
        self._interactive = interactive

    def __enter__(self) -> "Self":
        self._inside = [0, 1, 2]
        self._opened: set[int] = set()
        self._typed: list[Flow] = []
        self._printed: list[Flow] = []
        try:
            for number in filter(os.isatty, range(3)):
                self._inside[number] = self._instead_of(number)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close(*self._opened)

    def inside(self) -> "list[int]":
        """Return what the container has as 0, 1 and 2."""
        return self._inside

    def join(self, pid: int, kept: "KeptBack") -> None:
        """Be outside: copy until process `pid`, a child of ours, ends."""
        self._close(*self._opened & set(self._inside))
        with Ended(pid) as end:
            kept.wait(lambda: copy(self._typed, self._printed, end))

    def _instead_of(self, number: int) -> int:
        if number > 0:
            return self._to_print_on(number)
        if not self._interactive:
            return self._note(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
        reader, writer = map(self._note, os.pipe())
        keyboard = self._note(own(0, os.O_RDONLY))
        self._typed.append(Typed(keyboard, writer, lambda: self._close(writer)))
        return reader

    def _to_print_on(self, number: int) -> int:
        if number == 2 and os.isatty(1) and os.fstat(1).st_rdev == os.fstat(2).st_rdev:
            return self._inside[1]  # with two pipes, lines would change places
        reader, writer = map(self._note, os.pipe())
        self._printed.append(Flow(reader, self._note(own(number, os.O_WRONLY))))
        return writer

    def _note(self, fd: int) -> int:
        self._opened.add(fd)
        return fd

    def _close(self, *descriptors: int) -> None:
        for fd in descriptors:
            os.close(fd)
            self._opened.discard(fd)


class Ended:
    """A descriptor by which one sees that a process, a child of ours, has ended."""

    def __init__(self, pid: int) -> None:
        self._pidfd = os.pidfd_open(pid)

    def __enter__(self) -> int:
        return self._pidfd

    def __exit__(self, *_: object) -> None:
        os.close(self._pidfd)


def own(number: int, flags: int) -> int:
    """Open a terminal once more: this one may not block, others' descriptors may."""
    flags |= os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    if os.isatty(number) and os.fstat(number).st_rdev != _PTMX:
        try:
            return os.open(f"/proc/self/fd/{number}", flags)
        except OSError:
            pass  # it is another user's, or gone
    return os.dup(number)


def copy(typed: "Sequence[Flow]", printed: "Sequence[Flow]", end: int) -> None:
    """Copy until the process behind a pidfd has ended and all it printed is out."""
    is_over = False
    while True:
        flows = printed if is_over else [*typed, *printed]
        events = [event for flow in flows for event in flow.events()]
        has_more = any(flow.held for flow in printed)
        if is_over:
            ready = _ready(events, None if has_more else 0)
        else:
            ready = _ready([*events, (end, select.POLLIN)])
        for flow in flows:
            flow.step(ready)
        if is_over and not ready and not has_more:
            return
        is_over = is_over or end in ready


def _ready(
    events: "list[tuple[int, int]]", patience: "int | None" = None
) -> "set[int]":
    """Wait until something can be read or written; `patience` is in milliseconds."""
    wanted: dict[int, int] = {}
    for fd, event in events:
        wanted[fd] = wanted.get(fd, 0) | event
    poll = select.poll()
    for fd, event in wanted.items():
        poll.register(fd, event)
    return {fd for fd, _ in poll.poll(patience)}
