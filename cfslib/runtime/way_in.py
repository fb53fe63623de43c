"""way_in: leave the host behind, and come into a container that runs.

Two processes go.  The first one cannot be seen inside: it is in all namespaces of the
container but that of its pids, which begins with the next child.  That child has
nothing of the host's when it is born: no file is open, and no path leads out.

    outside         first                       second
    clone  ---->    closes files, joins
                    namespaces, and clones ---> can be seen from here on, but nobody
                    waits for its end           may look into it; gives up rights,
                                                and becomes the command

Whoever waits outside may be killed, and what he has left behind is waited for by
somebody who may not do it; then a container could not end.  So the first one stays.
All that holds the container holds it too: groups, limits, capabilities, filters.
Manual pages: setns(2), pid_namespaces(7).
"""

import _signal as signal
import posix

from cfslib.images.search import PATH
from cfslib.isolation import keyring, rlimits, users, workdir
from cfslib.isolation.joining import Joined
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import execute, libc, procfs, syscalls
from cfslib.kernel.record import Record
from cfslib.kernel.syscalls import Prctl
from cfslib.runtime import init
from cfslib.runtime.entrance import ORDER, Found
from cfslib.runtime.errors import CannotExecute
from cfslib.runtime.giving_up import give_up_rights
from cfslib.runtime.passage import GIVE_UP
from cfslib.runtime.steps import Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

    from cfslib.runtime.passage import Passage
    from cfslib.runtime.state import State


class Command(Record):
    """What to run in a container, and how it differs from what that runs."""

    def __init__(
        self,
        argv: "Sequence[str]",
        *,
        env: "Mapping[str, str] | None" = None,  # beside the container's own
        user: "str | None" = None,  # or the container's
        workdir: "str | None" = None,
        terminal: bool = False,
        interactive: bool = False,  # without one, it still gets what is typed into ours
        detached: bool = False,  # let it go on without us
    ) -> None:
        self.argv, self.env, self.user = list(argv), dict(env or {}), user
        self.workdir, self.terminal = workdir, terminal
        self.interactive, self.detached = interactive, detached


class Way:
    """The way in, and what is known of the container before."""

    def __init__(self, container: "State", command: Command, term: str) -> None:
        self.container, self.command, self._term = container, command, term
        hostname, _ = container.names()  # which may be that of another container
        self._spec = spec = _Facts(container.facts()["spec"] | {"hostname": hostname})
        self._kinds = Namespace(spec.namespaces)
        left_out = {"end_with_the_maker"} if command.detached else set()
        self._do = Steps(left_out.union(spec.leave_out))

    def go(self, passage: "Passage", streams: "Sequence[int]") -> int:
        """Be the first one: leave all of the host behind, and clone."""
        if self.command.terminal:
            from cfslib.runtime import terminal  # noqa: F401  before the root changes
        if self.command.detached:
            streams = [posix.open("/dev/null", posix.O_RDWR)] * 3
        for number, stream in enumerate(streams):
            posix.dup2(stream, number)
        self._note_how_it_is_held()
        init.let_nobody_look_into_us()
        init.let_go_of_the_maker(passage)
        found = Found(self.container)
        groups = Joined(self.container.groups())
        rlimits.make_room(self._rlimits)  # which takes the rights that we have outside
        self._is_apart = int(Namespace.NET) in found.opened
        if self._is_apart:
            from cfslib.isolation.network import alone  # noqa: F401  the same
        init.import_nothing_more()
        found.enter(Namespace(sum(ORDER)))
        found.close()
        init.let_nobody_look_into_us()  # once more: new rights have cleared it
        signal.pthread_sigmask(signal.SIG_BLOCK, init.WAITED_FOR)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        pid = groups.clone()
        if pid == 0:
            self._arrive(passage)
        syscalls.prctl(Prctl.SET_PDEATHSIG, GIVE_UP)
        passage.leave_it_to_the_other()
        return _look_after(pid)

    def _note_how_it_is_held(self) -> None:
        """Read of PID 1 what every process of the container has."""
        pid1 = self.container.pid1()
        assert pid1
        self._rlimits = rlimits.of(pid1.pid)
        self._may_leave_groups = users.may_leave_groups(pid1.pid)
        score = procfs.read(f"/proc/{pid1.pid}/oom_score_adj")
        if score != procfs.read("/proc/self/oom_score_adj"):
            try:
                syscalls.write("/proc/self/oom_score_adj", score.strip())
            except PermissionError:
                pass  # less than ours is for root alone

    def _arrive(self, passage: "Passage") -> "NoReturn":
        """Be the second one: become the command."""
        try:
            posix.setsid()
            self._become(passage)
        except BaseException as error:
            passage.say_error(error)
        finally:
            posix._exit(0)

    def _become(self, passage: "Passage") -> "NoReturn":
        spec, command, do = self._spec, self.command, self._do
        if Namespace.CGROUP in self._kinds:
            syscalls.unshare(Namespace.CGROUP)  # one like that of PID 1
        do(keyring.join_new_session)
        wanted = spec.user if command.user is None else command.user
        user = users.look_up(wanted, spec.groups)
        master = None
        if command.terminal:
            from cfslib.runtime import terminal

            master = terminal.make(user.uid)
        workdir.start_in(command.workdir or spec.workdir)
        if self._is_apart:
            from cfslib.isolation.network import alone

            do(alone.refuse_other_ways)
        leave = self._may_leave_groups or bool(spec.groups)
        give_up_rights(do, spec, user, leave)
        term = init.known_terminal(self._term)
        environment = spec.environment(term, user.home) | command.env
        if command.detached and libc.fork_quietly():
            posix._exit(0)  # PID 1 adopts it
        passage.say_starts(master)
        rlimits.take(self._rlimits)
        try:
            execute.become(command.argv, environment)
        except OSError as error:
            name = command.argv[0]
            raise CannotExecute(
                error.errno, f"{name}: {posix.strerror(error.errno or 0)}"
            ) from None


def _look_after(pid: int) -> int:
    """Be the first one, whom nobody inside can see: wait for the second one."""
    while True:
        received = signal.sigwaitinfo(init.WAITED_FOR).si_signo
        if received == signal.SIGCHLD:
            for ended, status in init.reap():
                if ended == pid:
                    return init.shell_code(status)
        else:
            posix.kill(pid, signal.SIGKILL if received == GIVE_UP else received)


class _Facts:
    """A `Spec` as it was written down, without what it takes to make one."""

    def __init__(self, parts: "dict[str, Any]") -> None:
        vars(self).update(parts)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> "Any": ...

    def environment(self, term: str, home: str) -> "dict[str, str]":
        """Return what its command has found in its environment: see `Spec`."""
        ours = {"PATH": PATH, "HOME": home, "TERM": term, "HOSTNAME": self.hostname}
        added: dict[str, str] = self.env
        return ours | added
