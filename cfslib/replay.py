"""replay: make a container again, by the calls that made one like it before.

A container is made by some hundred system calls, and from one `cfs run` to the next
they are the same.  So the first one is traced while it is made, the plain way that
`container` tells, and `recipes` keeps the trace.  From then on it is played back:

    - only if nothing has changed that the plain way would have looked at: who we are,
      our namespaces and cgroups, the rootfs, this package;
    - call by call, and each answer of the kernel must be the one from before.

If one is not, nothing of the command has run yet.  What was begun is taken down, and
the container is made the plain way, which also knows how to say what is wrong.

Two processes share the work, and so two processors: PID 1 mounts, while its maker looks
whether the recipe still holds and makes a cgroup.  PID 1 waits for two words from it:

    maker                                    PID 1
    clone                  ------->          begin
    before, between: cgroups, id maps
                           -- word -->       inside: join, pivot_root, masks, ...
    is_fresh: has anything changed?
                           -- word -->       starts the command
                           <-- "!" ---       looks after it

Playing back takes no options, no flags by name and no error texts, and so none of the
modules that make up most of the time in which Python starts a program: see `foreign`.
"""

import _signal as signal
import posix as os

from cfslib import libc, pid1, program, shelf
from cfslib.lifeline import SignalsKeptBack, SignalsPassedOn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NoReturn, Self

    from cfslib.janitor import Janitor
    from cfslib.shelf import Recipe

    Calls = Sequence[tuple[str, Sequence[Any], int, int]]  # arguments, result, errno

SHARED_LOCK = 1  # LOCK_SH in <sys/file.h>
OUR_ERROR = 125
PATIENCE = 30  # seconds: a hostile rootfs may have something that never answers


class Deviation(Exception):
    """The kernel did not answer as it did before, or something else has changed."""


def run(
    recipe: "Recipe",
    argv: "Sequence[str]",
    environ: "Mapping[bytes, bytes]",
    streams: "Sequence[int]" = (),
    meanwhile: "Callable[[], object]" = lambda: None,
) -> "int | None":
    """Run a container to its end; return its exit code, or None to do it plainly.

    `streams` are file descriptors for its standard input, output and error;
    `meanwhile` is called while it runs.
    """
    janitor = None
    try:
        with (
            SignalsKeptBack() as mask,
            Made(recipe, argv, environ, streams) as made,
        ):
            if recipe["groups"]:
                from cfslib.janitor import Janitor  # now: PID 1 is at work already

                janitor = Janitor()
            made.prepare(janitor)
            made.hear()
            with SignalsPassedOn(made.pid, mask):
                meanwhile()
                return pid1.shell_code(made.wait())
    except Deviation:
        return None
    finally:
        if janitor:
            janitor.dismiss()


class Made:
    """A container in the making, and then running.  Leaving the context ends it."""

    def __init__(
        self,
        recipe: "Recipe",
        argv: "Sequence[str]",
        environ: "Mapping[bytes, bytes]",
        streams: "Sequence[int]",
    ) -> None:
        self._recipe = recipe
        self._environ = environ
        self._name = b"cfs-%d-%s" % (os.getpid(), os.urandom(4).hex().encode())
        self._groups = [g.replace(shelf.NAME, self._name) for g in recipe["groups"]]
        self._janitor: Janitor | None = None
        self._status: int | None = None
        self._root = _in_use(recipe["root"])
        self._channel, inside = libc.socketpair(PATIENCE)
        try:
            self.pid = libc.clone(recipe["namespaces"])
        except OSError:
            for fd in (inside, self._channel, self._root):
                os.close(fd)
            raise Deviation("clone") from None
        if self.pid == 0:
            os.close(self._channel)
            _be_pid_1(recipe, argv, environ, streams, inside, self._name)
        os.close(inside)

    def prepare(self, janitor: "Janitor | None") -> None:
        """Do the maker's part; raise `Deviation` if the recipe does not hold."""
        if janitor:
            self._janitor = janitor
            janitor.look_after(self._groups)
        again(self._recipe["before"], self._name)
        again(self._recipe["between"], pid=b"%d" % self.pid)
        self._say_a_word()
        # After the lock: until then somebody might have cleared the rootfs away.
        if not shelf.is_fresh(self._recipe, self._environ):
            raise Deviation("is_fresh")
        self._say_a_word()

    def _say_a_word(self) -> None:
        try:
            os.write(self._channel, b"!")
        except OSError:
            raise Deviation("PID 1 has ended") from None

    def hear(self) -> None:
        """Wait until the command is running; raise `Deviation` if it is not."""
        try:
            heard = os.read(self._channel, 1)
        except OSError:
            heard = b""  # it died before it read our word, or waits for something
        if not heard:
            raise Deviation("PID 1 did not start the command")

    def kill(self) -> None:
        """End it now."""
        os.kill(self.pid, signal.SIGKILL)  # nobody else has its pid: we have not waited

    def wait(self) -> int:
        """Wait for its end; return its wait status."""
        if self._status is None:
            _, self._status = os.waitpid(self.pid, 0)
        return self._status

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is None:
            self.kill()
            self.wait()
        os.close(self._channel)
        os.close(self._root)
        if self._janitor:
            self._janitor.remove(self._groups)


def _be_pid_1(
    recipe: "Recipe",
    argv: "Sequence[str]",
    environ: "Mapping[bytes, bytes]",
    streams: "Sequence[int]",
    channel: int,
    name: bytes,
) -> "NoReturn":
    """Turn this process into the container, as `container` does it the plain way."""
    code = OUR_ERROR
    try:
        libc.prctl(pid1.SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_BLOCK, pid1.WAITED_FOR)
        pid1.let_go_of_the_maker(channel, streams)
        again(recipe["begin"])
        _hear_a_word()
        again(recipe["inside"], name)
        _hear_a_word()
        _hear_that_the_maker_lives()
        ours = {b"TERM": environ.get(b"TERM", b"dumb")}
        main = program.spawn(list(argv), ours | recipe["environment"], recipe["path"])
        os.write(pid1.CHANNEL, b"!")
        os.close(pid1.CHANNEL)
        code = pid1.look_after(main)
    finally:
        os._exit(code)


def _hear_a_word() -> None:
    """Wait for the maker; if it says no, or ends, the socket is closed instead."""
    if not os.read(pid1.CHANNEL, 1):
        raise Deviation


def _hear_that_the_maker_lives() -> None:
    """See that it had not ended before the kernel knew our wish to end too."""
    os.set_blocking(pid1.CHANNEL, False)
    try:
        _hear_a_word()
    except BlockingIOError:
        pass  # nothing to read, and no end of the stream


def again(calls: "Calls", name: bytes = b"", pid: bytes = b"") -> None:
    """Make recorded calls; raise `Deviation` at the first other answer."""
    for call, arguments, result, code in calls:
        if type(arguments) is list:  # only these vary: see `recipes`
            arguments = [
                value.replace(shelf.NAME, name).replace(shelf.PID, pid)
                if type(value) is bytes
                else value
                for value in arguments
            ]
        try:
            answer = getattr(libc, call)(*arguments) or 0, 0
        except OSError as refusal:
            answer = -1, refusal.errno or 0
        if answer != (result, code):
            raise Deviation(call)


def _in_use(root: str) -> int:
    """Keep a rootfs from being cleared away, as `rootcache.in_use` does."""
    try:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        raise Deviation from None
    libc.flock(fd, SHARED_LOCK)
    return fd
