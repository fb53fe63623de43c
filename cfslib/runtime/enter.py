"""enter: run one more command in a container that runs.

Two processes go in.  The first one cannot be seen inside: it is in all namespaces of
the container but that of its pids, which begins with the next child.  That child has
nothing of the host's when it is born: no file is open, and no path leads out.

    outside         first                       second
    clone  ---->    closes files, joins groups,
                    namespaces, and clones ---> can be seen from here on, but nobody
                    ends                        may look into it; gives up rights,
                                                and becomes the command

All that holds the container holds it too: groups, limits, capabilities, the filter.
Manual pages: setns(2), pid_namespaces(7).
"""

import posix

from cfslib.children import streams
from cfslib.isolation import keyring, rlimits, rootfs, users
from cfslib.isolation.cgroups import freezer
from cfslib.isolation.cgroups.joining import Joined
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import execute, libc, procfs, syscalls
from cfslib.kernel.held import Held
from cfslib.kernel.kept_back import KeptBack
from cfslib.kernel.record import Record
from cfslib.runtime import direct, init, inside, state
from cfslib.runtime.entrance import ORDER, Found
from cfslib.runtime.errors import CannotExecute
from cfslib.runtime.lifeline import Child, SignalsPassedOn
from cfslib.runtime.passage import Passage
from cfslib.runtime.steps import Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn, Self

    from cfslib.children.pipes import Pipes
    from cfslib.runtime.state import State

# The child of a child, which our own parent waits for: CLONE_PARENT in <linux/sched.h>.
_OF_OUR_PARENT = 0x8000


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


class Entered:
    """A command that runs in a container; leaving the context ends it."""

    def __init__(
        self,
        container: "State",
        command: Command,
        *,
        term: str = "dumb",
        streams: "Sequence[int]" = (),
    ) -> None:
        check(container)
        self._container, self._held = container, Held()
        try:
            self._enter(_Way(container, command, term), streams)
        except BaseException as error:
            self.__exit__()
            if isinstance(error, OSError) and container.status() != state.RUNNING:
                raise ended(container) from None
            raise

    def _enter(self, way: "_Way", streams: "Sequence[int]") -> None:
        passage = self._held.enter(Passage(way.command.terminal))
        first = libc.fork_quietly()
        if first == 0:
            passage.live(lambda: way.go(passage, streams))
        with Child(first) as child:
            pid = passage.hear_pid()
            child.wait()
        self.process = self._held.enter(Child(pid))
        self.master = passage.hear()
        if way.command.detached:
            self.process.wait()  # it has handed over to another one

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.__exit__()


def check(container: "State") -> None:
    """Raise an `OSError` if a container does not run, or is paused."""
    check_runs(container)
    if freezer.is_frozen(container.groups()):
        error = OSError(f"{container.name} is paused")
        error.add_note(f"Hint: `cfs unpause {container.name}` lets it go on.")
        raise error


def check_runs(container: "State") -> None:
    """Raise `ProcessLookupError` if a container does not run."""
    if container.status() != state.RUNNING:
        raise ended(container)


def ended(container: "State") -> ProcessLookupError:
    """Return the error for a container in which nothing can be run."""
    why = {
        state.CREATED: "has not started yet",
        state.ENDING: "is just being taken down",
    }.get(container.status(), "does not run")
    error = ProcessLookupError(f"{container.name} {why}")
    if container.status() == state.ENDED:
        error.add_note(f"Hint: `cfs restart {container.name}` starts it anew.")
    return error


class _Way:
    """The way in, and what is known of the container before."""

    def __init__(self, container: "State", command: Command, term: str) -> None:
        self.container, self.command, self._term = container, command, term
        self._spec = container.spec()
        self._do = Steps(
            {"end_with_the_maker"} if command.detached else self._spec.leave_out
        )

    def go(self, passage: Passage, streams: "Sequence[int]") -> int:
        """Be the first one: leave all of the host behind, and clone."""
        if self.command.terminal:
            from cfslib.runtime import terminal  # noqa: F401  before the root changes
        for number, stream in enumerate(streams):
            posix.dup2(stream, number)
        init.let_nobody_look_into_us()
        init.let_go_of_the_maker(passage)
        found = Found(self.container)
        self._note_how_it_is_held()
        groups = Joined(self.container.groups())
        found.enter(Namespace.USER)
        rlimits.make_room(self._rlimits)
        init.import_nothing_more()
        found.enter(Namespace(sum(ORDER)) & ~Namespace.USER)
        found.close()
        pid = groups.clone(_OF_OUR_PARENT)
        if pid == 0:
            self._arrive(passage)
        passage.say_pid(pid)
        return 0

    def _note_how_it_is_held(self) -> None:
        """Read of PID 1 what every process of the container has."""
        pid1 = self.container.pid1()
        assert pid1
        self._rlimits = rlimits.of(pid1.pid)
        self._may_leave_groups = users.may_leave_groups(pid1.pid)
        self._is_root_of_groups = Namespace.CGROUP in self._spec.namespaces
        score = procfs.read(f"/proc/{pid1.pid}/oom_score_adj")
        if score != procfs.read("/proc/self/oom_score_adj"):
            try:
                syscalls.write("/proc/self/oom_score_adj", score.strip())
            except PermissionError:
                pass  # less than ours is for root alone

    def _arrive(self, passage: Passage) -> "NoReturn":
        """Be the second one: become the command."""
        try:
            posix.setsid()
            init.let_nobody_look_into_us()  # once more: other rights have cleared it
            self._become(passage)
        except BaseException as error:
            passage.say_error(error)
        finally:
            posix._exit(0)

    def _become(self, passage: Passage) -> "NoReturn":
        spec, command, do = self._spec, self.command, self._do
        if self._is_root_of_groups:
            syscalls.unshare(Namespace.CGROUP)  # one like that of PID 1
        do(keyring.join_new_session)
        wanted = spec.user if command.user is None else command.user
        user = users.look_up(wanted, spec.groups)
        master = None
        if command.terminal:
            from cfslib.runtime import terminal

            master = terminal.make(user.uid)
        rootfs.start_in(spec.workdir if command.workdir is None else command.workdir)
        leave = self._may_leave_groups or bool(spec.groups)
        inside.give_up_rights(do, spec, user, leave)
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


def run(container: "State", command: Command, caught: "Pipes | None" = None) -> int:
    """Run a command in a container to its end; return its exit code.

    It has our standard streams, or what it prints is `caught`.
    """
    streams.flush()
    pipes = caught or direct.instead_of_terminals(command)
    term = direct.term_in(direct.environ())
    with KeptBack() as kept, Held() as held:
        if pipes:
            held.enter(pipes)
        inside = pipes.inside() if pipes else ()
        entered = held.enter(Entered(container, command, term=term, streams=inside))
        if command.detached:
            return 0
        pid = entered.process.pid
        with SignalsPassedOn(pid):
            if pipes:
                pipes.join(pid, kept)
            if entered.master is not None:
                from cfslib.runtime import terminal

                terminal.relay(entered.master, pid, kept)
            kept.wait(entered.process.see_its_end)
            return init.shell_code(entered.process.wait())
