"""arrival: one on the way into a container, and what he shares with it.

A child makes the calls for real, and looks at himself after each: see `belongings`.
Where this machine gives a container no groups of its own, there is also what another
machine said.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from cfslib.children.in_child import in_child
from cfslib.isolation import capabilities, namespaces, seccomp
from cfslib.isolation.joining import Joined
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import execute, literal, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.observe import belongings, sightings
from cfslib.observe.belongings import Facts, Light
from cfslib.runtime import places
from cfslib.runtime.entrance import ORDER, Found
from cfslib.runtime.running import Running
from cfslib.runtime.state import State

RECORD = Path(__file__).with_suffix(".json")
EXEC, NSENTER, RECORDED = "cfs exec", "nsenter", "cfs exec (a recording)"
PROGRAM = ["cat"]  # which ends with its input


@dataclass(frozen=True)
class Moment:
    """One on his way, after a call."""

    call: str
    story: str
    lights: tuple[Light, ...]


Note = Callable[[str, str], None]


def stories(container: Running) -> dict[str, list[Moment]]:
    """Go into a container, in two ways; return what was to be seen after each call."""
    state = State(places.directory(os.environb), container.id)
    found = {
        EXEC: in_child(lambda: _told(state, _by_exec)),
        NSENTER: in_child(lambda: _told(state, _by_nsenter)),
    }
    if not any(light.name == "groups" for light in found[EXEC][0].lights):
        found[RECORDED] = recorded()
    return found


def recorded() -> list[Moment]:
    """Return the way of `cfs exec` as it went on another machine."""
    return [
        Moment(m["call"], m["story"], tuple(Light(**light) for light in m["lights"]))
        for m in json.loads(RECORD.read_text())
    ]


def record(container: Running) -> None:
    """Write down how it goes here: where containers have groups."""
    told = stories(container)
    assert RECORDED not in told, "containers have no groups here"
    plain = [asdict(moment) for moment in told[EXEC]]
    RECORD.write_text(json.dumps(plain, indent=1) + "\n")


Way = Callable[[State, int, Note, "Callable[[], NoReturn]"], None]


def _told(state: State, way: Way) -> list[Moment]:
    """Stand outside: have somebody go, and look at what he has become in the end."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    command = _command(state)
    theirs = belongings.look(proc, f"{command}")
    reader, writer = os.pipe()
    program, stdin = os.pipe()
    going = os.fork()
    if going == 0:
        _go(state, way, (proc, command), writer, program)
    os.close(writer)
    try:
        with open(reader, encoding="utf-8") as told:
            seen = list(_messages(told))  # to the exec, which closes the other end
        inside = sightings.below(going)[0].pid
        end = belongings.look(proc, f"{inside}")
        seen.append((f'execve("{PROGRAM[0]}")', _EXEC, end))
    finally:
        os.close(stdin)
        os.waitpid(going, 0)
    ours = seen[0][2]
    return [
        Moment(call, story, belongings.lights(facts, ours, theirs))
        for call, story, facts in seen
    ]


def _command(state: State) -> int:
    pid1 = state.pid1()
    below = sightings.below(pid1.pid) if pid1 else []
    if not below:
        raise ProcessLookupError(f"{state.name} does not run")
    return below[0].pid


def _messages(told: Any) -> Iterator[tuple[str, str, Facts]]:
    """Yield what he says, until he becomes the program: plain values, from in there."""
    for line in told:
        message = literal.read(line)
        if isinstance(message, str):
            raise ChildProcessError(message)
        yield message


def _go(
    state: State, way: Way, proc: tuple[int, int], writer: int, program: int
) -> NoReturn:
    """Be the one who goes; say after each call what there is to see."""
    syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
    said: list[Facts] = []

    def note(call: str, story: str) -> None:
        seen = belongings.look(proc[0], "self")
        # Who has a new CGROUP is told another path, and is where he was.
        if said and seen["CGROUP"] != said[0]["CGROUP"]:
            seen["groups"] = said[-1]["groups"]
        said.append(seen)
        os.write(writer, f"{(call, story, seen)!r}\n".encode())

    def become() -> NoReturn:
        syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)
        os.dup2(program, 0)
        execute.become(PROGRAM, {"PATH": "/usr/bin:/bin"})

    try:
        note("Before", "A child of ours. It has all that we have.")
        way(state, proc[1], note, become)
    except BaseException as error:
        os.write(writer, f"{str(error)!r}\n".encode())
    finally:
        os._exit(1)


def _by_exec(
    state: State, command: int, note: Note, become: "Callable[[], NoReturn]"
) -> None:
    syscalls.prctl(Prctl.SET_DUMPABLE, 0)
    note("prctl(PR_SET_DUMPABLE, 0)", _CLOSED)
    found, there = Found(state), state.groups()
    groups = Joined(there)
    note('open("/proc/MONITOR/fd/…")', _OPENED)
    for kind in ORDER:
        if kind in found.opened:
            syscalls.setns(found.opened[kind], kind)
            call = f"setns({found.opened[kind]}, {_in_c(kind)})"
            note(call, _SETNS.get(kind, _PLAIN))
    found.close()
    child = groups.clone()
    if child:
        _wait(child)
    if there:
        note("clone3(…, CLONE_INTO_CGROUP)", _BORN)
    else:
        note("fork()", "The child is in PID. This container has no groups to be in.")
    syscalls.unshare(Namespace.CGROUP)
    note("unshare(CLONE_NEWCGROUP)", _GROUP)
    os.chdir("/")
    capabilities.bound(capabilities.DEFAULT)
    seccomp.filter_calls(seccomp.default_filter(capabilities.DEFAULT))
    note("seccomp(SECCOMP_SET_MODE_FILTER, …)", _FILTER)
    capabilities.have_only(capabilities.DEFAULT)
    note("capset(…)", "It was root of all in there. It keeps what the command has.")
    become()


def _by_nsenter(
    state: State, command: int, note: Note, become: "Callable[[], NoReturn]"
) -> None:
    kinds = [kind for kind in ORDER if int(kind) in state.namespaces()]
    namespaces.enter(Namespace(sum(kinds)), command)
    note(f"setns(pidfd, {' | '.join(map(_in_c, kinds))})", _AT_ONCE)
    child = os.fork()
    if child:
        _wait(child)
    note("fork()", "The child is inside. Nothing else has changed.")
    become()


def _wait(child: int) -> NoReturn:
    """Be the one who stays outside, until the one inside has ended."""
    os.closerange(3, 1000)  # or nobody would hear that the child needs them no more
    os.waitpid(child, 0)
    os._exit(0)


def _in_c(kind: Namespace) -> str:
    return "CLONE_NEW" + {"MNT": "NS"}.get(str(kind), str(kind))


_CLOSED = "No light: but from now on nobody inside may look into it."
_OPENED = "No light yet. All that it needs of the host is open now."
_PLAIN = "The rights in USER allow it."
_SETNS = {
    Namespace.USER: "It is root of it, and has more rights there than the command.",
    Namespace.PID: "No light: that is for its child.",
    Namespace.MNT: "Three lights: `/` and `.` are the container's, too.",
}
_BORN = "The child is in PID, and born in the container's groups."
_GROUP = "One of its own, that is like the container's: it starts at the same group."
_FILTER = "The filter, before it gives up the right to set one."
_AT_ONCE = "All in one call. It has all rights in USER, and the groups are ours."
_EXEC = "Another program, and a file of the container's. What was open is closed."
