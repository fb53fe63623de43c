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

from cfslib.kernel import libc
from cfslib.runtime import pid1, player, shelf
from cfslib.runtime.lifeline import SignalsKeptBack, SignalsPassedOn
from cfslib.runtime.player import Deviation, again

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from cfslib.isolation.cgroups.janitor import Janitor
    from cfslib.runtime.player import Order
    from cfslib.runtime.shelf import Recipe, Stamps

SHARED_LOCK = 1  # LOCK_SH in <sys/file.h>
PATIENCE = 30  # seconds: a hostile rootfs may have something that never answers


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
    if recipe["groups"]:
        from cfslib.isolation.cgroups.janitor import (
            Janitor,  # here, because the others need none
        )
    janitor = None
    try:
        with (
            SignalsKeptBack() as mask,
            Made(recipe, lambda: (list(argv), environ), streams) as made,
        ):
            made.begin()
            # Right after the other clone: what we write between them is copied twice.
            janitor = Janitor() if recipe["groups"] else None
            made.prepare(janitor)
            made.start(shelf.circumstances(environ))
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
        order: "Callable[[], Order]",
        streams: "Sequence[int]" = (),
    ) -> None:
        self.recipe = recipe
        self.places: Stamps = ()  # if it is made before it is wanted: see `shelf`
        self.name = b"cfs-%d-%s" % (os.getpid(), os.urandom(4).hex().encode())
        self._groups = [g.replace(shelf.NAME, self.name) for g in recipe["groups"]]
        self._janitor: Janitor | None = None
        self._status: int | None = None
        self._root = _in_use(recipe["root"])
        taken = [self._root]
        try:
            self.channel, inside = libc.socketpair(PATIENCE)
            taken += self.channel, inside
            self.pid = libc.clone(recipe["namespaces"])
        except OSError:
            for fd in taken:
                os.close(fd)
            raise Deviation("clone") from None
        if self.pid == 0:
            os.close(self.channel)
            player.be_pid_1(recipe, order, streams, inside, self.name)
        os.close(inside)

    def begin(self) -> None:
        """Let PID 1 begin now: on our processor it would wait until we wait."""
        try:
            libc.move_elsewhere(self.pid)
        except OSError:
            raise Deviation("sched_setaffinity") from None

    def prepare(self, janitor: "Janitor | None") -> None:
        """Do the maker's part of the calls; raise `Deviation` at another answer."""
        if janitor:
            self._janitor = janitor
            janitor.look_after(self._groups)
        again(self.recipe["before"], self.name)
        again(self.recipe["between"], pid=b"%d" % self.pid)
        self._say_a_word()

    def start(self, circumstances: "list[bytes | str]") -> None:
        """Let the command start; raise `Deviation` if the recipe does not hold."""
        # After the lock: until then somebody might have cleared the rootfs away.
        if not shelf.is_fresh(self.recipe, circumstances, self.places):
            raise Deviation("is_fresh")
        self._say_a_word()

    def _say_a_word(self) -> None:
        try:
            os.write(self.channel, b"!")
        except OSError:
            raise Deviation("PID 1 has ended") from None

    def hear(self) -> None:
        """Wait until the command is running; raise `Deviation` if it is not."""
        try:
            heard = os.read(self.channel, 1)
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
        os.close(self.channel)
        os.close(self._root)
        if self._janitor:
            self._janitor.remove(self._groups)


def _in_use(root: str) -> int:
    """Keep a rootfs from being cleared away, as `cache.InUse` does."""
    try:
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        raise Deviation from None
    libc.flock(fd, SHARED_LOCK)
    return fd
