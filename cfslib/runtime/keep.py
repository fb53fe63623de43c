"""keep: stand outside of a container at which nobody looks, and note what it prints.

It stands where our own streams would be, as `children.pipes` does: the container gets
pipes, or a terminal of which we hold the master.  What it prints goes to its log, and
to those who have joined; what they type goes in.
"""

import posix

from cfslib.runtime.logbook import STDERR, STDOUT, Log
from cfslib.runtime.relay import Ended, Flow, copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from cfslib.kernel.kept_back import KeptBack
    from cfslib.runtime.spec import Spec


class Printed(Flow):
    """What a container prints on one of its streams."""

    piece = 1 << 15  # of what a pipe holds; a guest is told it in one message

    def __init__(self, source: int, stream: bytes, keep: "Keep") -> None:
        super().__init__(source, -1)
        posix.set_blocking(source, False)
        self._stream, self._keep = stream, keep

    def step(self, ready: "set[int]") -> None:
        """Take what is there: this waits for nobody."""
        super().step(ready)
        if self.held:
            self._keep.note(self._stream, self.held)
            self.held = b""


class Keep:
    """The outside of one container, whose directory `path` is."""

    def __init__(self, path: str, spec: "Spec") -> None:
        self._path, self._spec = path, spec
        self._opened: set[int] = set()

    def __enter__(self) -> "Self":
        self._inside: list[int] = []
        self._printed: list[Printed] = []
        self._sink: int | None = None  # where what is typed goes
        try:
            self._log = Log(f"{self._path}/log")
            if not self._spec.terminal:
                self._open_pipes()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self._opened:
            posix.close(fd)
        self._opened.clear()

    def _open_pipes(self) -> None:
        reader, self._sink = self._pipe() if self._spec.interactive else (None, None)
        if reader is None:
            flags = posix.O_RDONLY | posix.O_CLOEXEC
            reader = self._note(posix.open("/dev/null", flags))
        self._inside.append(reader)
        for stream in (STDOUT, STDERR):
            source, writer = self._pipe()
            self._inside.append(writer)
            self._printed.append(Printed(source, stream, self))

    def _pipe(self) -> "tuple[int, int]":
        reader, writer = posix.pipe()
        return self._note(reader), self._note(writer)

    def _note(self, fd: int) -> int:
        self._opened.add(fd)
        return fd

    def inside(self) -> "list[int]":
        """Return what the container has as 0, 1 and 2; nothing if it has a terminal."""
        return self._inside

    def take(self, master: "int | None") -> None:
        """Take the master of its terminal, if it has one, and open the door."""
        # Here, because PID 1 gets ready meanwhile.
        from cfslib.runtime.door import Door, Keyboard

        for fd in self._inside:
            posix.close(fd)
            self._opened.discard(fd)
        if master is not None:
            self._sink = self._note(master)
            self._printed.append(Printed(master, STDOUT, self))
        self._master = master
        self._keyboard = None
        if self._sink is not None:
            posix.set_blocking(self._sink, False)
            self._keyboard = Keyboard(self._sink)
        self._door = Door(self._path, self._keyboard, self._resize)

    def _resize(self, rows: int, columns: int) -> None:
        if self._master is not None:
            from cfslib.runtime import terminal  # here, because most have none

            terminal.set_size(self._master, rows, columns)

    def join(self, pid: int, kept: "KeptBack") -> None:
        """Copy until process `pid`, a child of ours, ends."""
        typed: list[Flow] = [self._door]
        if self._keyboard:
            typed.append(self._keyboard)
        with Ended(pid) as end:
            kept.wait(lambda: copy(typed, self._printed, end))
        self._door.close()

    def note(self, stream: bytes, data: bytes) -> None:
        """Write down what was printed just now, and tell those who have joined."""
        self._log.write(stream, data)
        self._door.tell(stream, data)
