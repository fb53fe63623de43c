"""state: what is written down about one container, and who may read it when.

A directory for each, whose name is its id:

    spec          what was asked for
    run           who keeps it, and its PID 1, once there is one
    end           how it ended, once it has
    reserve       room on the disk for that, until then
    log, log.1    what it printed: see `logbook`
    door          a socket by which one joins it: see `door`

Each file is replaced in one step, and so can be read at any moment; they are text that
Python reads as values.  Nobody needs to tell us that a container has ended: its
processes are gone, or are others by now, or the machine was started anew.
"""

import errno
import posix
import time

from cfslib.images import ours
from cfslib.runtime import places
from cfslib.runtime.processes import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cfslib.runtime.spec import Spec

CREATED, RUNNING, ENDING, ENDED = "created", "running", "ending", "ended"
KILLED = 137  # the exit code of what SIGKILL has ended, and so PID 1 with its maker
RESERVED = 512  # bytes for how it ended


class State:
    """One container, as it is written down.

    Reading raises `FileNotFoundError` if somebody has removed it meanwhile.
    """

    def __init__(self, place: str, id: str) -> None:
        self.place, self.id = place, id  # see `register`
        self.path = f"{place}/{id}"

    # What can be read:

    def facts(self) -> "dict[str, Any]":
        """Return what was asked for: name, created, remove, spec."""
        return self._read("spec")

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.facts()["name"])

    def spec(self) -> "Spec":
        """Return what it was made from."""
        from cfslib.runtime.spec import from_plain  # here, because most ask for less

        return from_plain(self.facts()["spec"])

    def maker(self) -> Process:
        """Return the process that keeps it."""
        return Process(*self._read("run")["maker"])

    def pid1(self) -> "Process | None":
        """Return its first process, if it has one yet; that may have ended."""
        found = self._read("run")["pid1"]
        return Process(*found) if found else None

    def groups(self) -> "list[str]":
        """Return the directories of its cgroups."""
        return list(self._read("run")["groups"])

    def names(self) -> "tuple[str, dict[str, str]]":
        """Return its hostname, and the files that it got from us in /etc."""
        hostname, files = self._read("run")["names"]
        return hostname, dict(files)

    def root(self) -> str:
        """Return the directory that its files come from."""
        return str(self._read("run")["root"])

    def namespaces(self) -> "dict[int, int]":
        """Return its namespaces as its maker keeps them open: see `entrance`."""
        return dict(self._read("run")["namespaces"])

    def started(self) -> "float | None":
        """Return when its command began to run, as in time(2)."""
        when = self._read("run")["started"]
        return None if when is None else float(when)

    def status(self) -> str:
        """Say whether it is CREATED, RUNNING, ENDING or ENDED."""
        run = self._read("run")
        is_over = posix.access(f"{self.path}/end", posix.F_OK)
        if is_over or run["boot"] != places.boot():
            return ENDED
        if run["pid1"] and Process(*run["pid1"]).is_alive():
            return RUNNING
        if not Process(*run["maker"]).is_alive():
            return ENDED
        return ENDING if run["pid1"] else CREATED

    def end(self) -> "tuple[int, float | None, str]":
        """Return its exit code, when it ended, and what went wrong, if anything.

        Where nobody was left to write that down, it was killed with its maker.
        """
        return end_in(ours.read(f"{self.path}/end"))

    def has_door(self) -> bool:
        """Say if one can join it, because a monitor keeps it."""
        return posix.access(f"{self.path}/door", posix.F_OK)

    def _read(self, file: str) -> "dict[str, Any]":
        found = _value(ours.read(f"{self.path}/{file}"))
        if not isinstance(found, dict):
            raise FileNotFoundError(errno.ENOENT, f"container {self.id[:12]} is gone")
        return found

    # What its maker writes:

    def note_facts(self, facts: "dict[str, Any]", maker: Process) -> None:
        """Write down what was asked for, and who is to make it."""
        self._write("spec", repr(facts))
        self.note_begin(maker)

    def note_begin(self, maker: Process) -> None:
        """Write down who makes it now; how it ended before is forgotten."""
        self._write("reserve", " " * RESERVED)
        self._note_run(maker, None, [], {}, "", ("", {}), None)
        for file in ("end", "again"):
            ours.remove(f"{self.path}/{file}")

    def note_run(
        self,
        maker: Process,
        pid1: Process,
        groups: "list[str]",
        namespaces: "dict[int, int] | None" = None,
        root: str = "",
        names: "tuple[str, dict[str, str]]" = ("", {}),
    ) -> None:
        """Write down that its command runs."""
        now = time.time()
        self._note_run(maker, pid1, groups, namespaces or {}, root, names, now)

    def _note_run(
        self,
        maker: Process,
        pid1: "Process | None",
        groups: "list[str]",
        namespaces: "dict[int, int]",
        root: str,
        names: "tuple[str, dict[str, str]]",
        started: "float | None",
    ) -> None:
        run = {
            "boot": places.boot(),
            "maker": (maker.pid, maker.start),
            "pid1": pid1 and (pid1.pid, pid1.start),
            "groups": groups,
            "namespaces": namespaces,
            "root": root,
            "names": names,
            "started": started,
        }
        self._write("run", repr(run))

    def note_end(self, code: int, why: str = "") -> None:
        """Write down how it ended: where there was room for it all the time."""
        text = repr((code, time.time(), why[: RESERVED // 8]))
        fd = posix.open(f"{self.path}/reserve", posix.O_WRONLY | posix.O_CLOEXEC)
        try:
            posix.write(fd, text.encode("utf-8", "surrogateescape"))
        finally:
            posix.close(fd)
        posix.rename(f"{self.path}/reserve", f"{self.path}/end")

    def want_again(self) -> None:
        """Ask its maker to keep it at its end, because it is to be started anew."""
        self._write("again", "")

    def is_wanted_again(self) -> bool:
        """Say if somebody wants to start it anew."""
        return posix.access(f"{self.path}/again", posix.F_OK)

    def _write(self, file: str, text: str) -> None:
        ours.write(f"{self.path}/{file}", text.encode("utf-8", "surrogateescape"))


def end_in(data: bytes) -> "tuple[int, float | None, str]":
    """Return what stands in the file for how a container ended: see `State.end`."""
    found = _value(data)
    if isinstance(found, tuple):
        return found
    return KILLED, None, "its monitor was killed, or the machine stopped"


def _value(data: bytes) -> "Any":
    """Read a value that `repr` has written; None if nothing was, or it is damaged.

    A machine that lost its power may leave a file empty, or with zeros in it.
    """
    from cfslib.kernel import literal  # here, because who starts a container reads none

    text = data.decode("utf-8", "surrogateescape").strip()
    try:
        return literal.read(text) if text else None
    except ValueError:
        return None
