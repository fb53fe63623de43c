"""monitor: the maker of a container that stays, when whoever asked has gone.

There is no daemon.  `cfs run -d` forks; the child makes the container as ever, in a
session of its own and with nothing of its caller's, says that the command runs, and
stays:

    cfs run -d                     monitor                        PID 1
    forks               ---->      writes down what it makes
                                   makes the container   ---->    begins
                        <----      it runs               <----    it runs
    prints the id, ends            copies what it prints <----    prints
                                   writes down how it ended

If the monitor is killed, so is PID 1: see `lifeline`.  Whoever looks sees that by the
processes, and nobody has to be told.
"""

import posix
import time

from cfslib.children import streams
from cfslib.kernel import libc
from cfslib.kernel.syscalls import Prctl
from cfslib.runtime import direct, errors, processes, register, state
from cfslib.runtime.keep import Keep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cfslib.runtime.container import Created
    from cfslib.runtime.spec import Spec
    from cfslib.runtime.state import State

NAME = b"cfs-monitor"
RUNS = b"+"
OUR_ERROR = 125
REPORT = 3  # the descriptor by which the monitor tells its caller how it went
_PIECE = 1 << 16


class Asked:
    """What somebody wants to have: a container that is to be written down."""

    def __init__(
        self,
        place: str,  # see `places`
        spec: "Spec",
        name: "str | None" = None,  # or we find one
        *,
        remove: bool = False,  # forget it when it has ended
    ) -> None:
        if spec.rootfs and not spec.rootfs.startswith("/"):
            spec = spec.changed(rootfs=f"{posix.getcwd()}/{spec.rootfs}")
        self.place, self.spec, self.name, self.remove = place, spec, name, remove

    def note(self) -> "State":
        """Write down that we make it."""
        facts = {
            "name": self.name,
            "created": time.time(),
            "remove": self.remove,
            "spec": self.spec.as_plain(),
        }
        return register.create(self.place, facts, processes.ours())

    def undo(self, noted: "State") -> None:
        """Forget one that could not be started."""
        register.remove(noted)


class AskedAgain(Asked):
    """The same for a container that has ended, which has its name and its log."""

    def __init__(self, noted: "State") -> None:
        facts = noted.facts()
        super().__init__(noted.place, noted.spec(), remove=facts["remove"])
        self._noted = noted

    def note(self) -> "State":
        """Write down that we make it anew, unless somebody else does so already."""
        with register.Locked(self.place):
            if self._noted.status() != state.ENDED:
                raise FileExistsError(f"{self._noted.name} was started anew meanwhile")
            self._noted.note_begin(processes.ours())
        return self._noted

    def undo(self, noted: "State") -> None:
        """Write down that it did not start."""
        noted.note_end(OUR_ERROR, "it could not be started again")


def in_front(asked: Asked) -> int:
    """Run a container to its end, as `direct` does; return its exit code."""
    return _Kept(asked, is_kept=False).run()


def detached(asked: Asked) -> str:
    """Start a container that goes on without us; return its id when the command runs.

    Raise what goes wrong until then.
    """
    streams.flush()
    reader, writer = posix.pipe()
    if libc.fork_quietly() == 0:
        _stay(asked, writer)
    posix.close(writer)
    try:
        said = _all_of(reader)
    finally:
        posix.close(reader)
    if said[:1] == RUNS:
        return said[1:].decode()
    if said and (error := errors.unpacked(said)):
        raise error
    raise ChildProcessError("the monitor was killed before the command ran")


def _all_of(reader: int) -> bytes:
    said = b""
    while piece := posix.read(reader, _PIECE):
        said += piece
    return said


def _stay(asked: Asked, report: int) -> "NoReturn":
    """Be the monitor: tell in `report` that the command runs, or why it does not."""
    kept = None
    try:
        _let_go_of_the_caller(report)
        kept = _Kept(asked, is_kept=True)
        kept.run()
    except BaseException as error:
        if not kept or not kept.runs:
            posix.write(REPORT, errors.packed(error, ()))
    finally:
        posix._exit(0)


def _let_go_of_the_caller(report: int) -> None:
    """Keep nothing of our caller's but the descriptor by which we tell him."""
    posix.setsid()
    libc.prctl(Prctl.SET_NAME, NAME)
    nothing = posix.open("/dev/null", posix.O_RDWR)
    for number in range(REPORT):
        posix.dup2(nothing, number)
    if report == REPORT:
        posix.set_inheritable(report, False)
    else:
        posix.dup2(report, REPORT, inheritable=False)
    libc.close_from(REPORT + 1)


class _Kept:
    """A container, and what is written down about it as it goes."""

    def __init__(self, asked: Asked, *, is_kept: bool) -> None:
        self._asked, self._is_kept = asked, is_kept
        self._state = asked.note()
        self._keep = Keep(self._state.path, asked.spec) if is_kept else None
        self.runs = False

    def run(self) -> int:
        """Run it to its end; return its exit code."""
        try:
            code = direct.run(self._asked.spec, self._keep, self._note)
        except BaseException as error:
            if self.runs:
                self._state.note_end(OUR_ERROR, str(error))
            else:
                self._asked.undo(self._state)
            raise
        self._state.note_end(code)
        if self._asked.remove and not self._state.is_wanted_again():
            register.remove(self._state)
        return code

    def _note(self, made: "Created", master: "int | None") -> None:
        """Write down that the command runs, and say so."""
        pid1 = processes.known(made.pid1.pid)
        ours, opened = processes.ours(), made.entrance.opened
        names = made.spec.hostname, made.files
        self._state.note_run(ours, pid1, made.groups, opened, made.root, names)
        if self._keep:
            self._keep.take(master)
            posix.write(REPORT, RUNS + self._state.id.encode())  # if somebody listens
            posix.close(REPORT)
            posix.chdir("/")  # where we were may be on a disk that is to be taken out
        self.runs = True
