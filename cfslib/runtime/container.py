"""container: all of it, in order.

This is the story that the notebooks tell chapter by chapter.  `Created` stands outside,
on the host; `_become` is the same program a moment later, as PID 1 of a world of its
own.  The order of the steps is what matters, and each line says why it stands there.
If one of them fails, the command is not run, and nothing is left behind.
"""

import _signal as signal
import posix

from cfslib.images import cache
from cfslib.isolation import (
    capabilities,
    cgroups,
    devices,
    idmaps,
    keyring,
    limits,
    masks,
    mounts,
    rootfs,
    users,
    volumes,
)
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.kernel.held import Held
from cfslib.runtime import init, terminal
from cfslib.runtime.channel import Channel
from cfslib.runtime.lifeline import SignalsKeptBack, SignalsPassedOn
from cfslib.runtime.steps import Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from cfslib.isolation.cgroups.janitor import Janitor
    from cfslib.isolation.limits import Guard
    from cfslib.runtime.spec import Spec

    Environment = Mapping[bytes, bytes]


def run(
    spec: "Spec",
    environ: "Environment",
    streams: "Sequence[int]" = (),
    meanwhile: "Callable[[], object]" = lambda: None,
) -> int:
    """Run a container to its end; return its exit code as a shell would show it.

    It reads and prints where we do, or by these descriptors; `meanwhile` is called while
    it runs.  Raise `CannotExecute` if the command could not be started, another `OSError`
    if the container could not be made.
    """
    with (
        SignalsKeptBack() as mask,  # until PID 1 can have them
        Created(spec, environ, streams_follow=bool(streams)) as container,
    ):
        container.start(streams=streams)
        master = container.hear()  # or raise what went wrong inside
        with SignalsPassedOn(container.pid, mask):
            meanwhile()
            if master is not None:
                terminal.relay(master, container.pid)
            return init.shell_code(container.wait())


class Created:
    """A container to which nothing is missing but the word to start.

    Leaving the context ends it.
    """

    def __init__(
        self,
        spec: "Spec",
        environ: "Environment",  # whose cache, tools and terminal it uses
        *,
        streams_follow: bool = False,  # its standard streams come with the word
        janitor: "Callable[[], Janitor | None]" = lambda: None,  # of cgroups; else ours
    ) -> None:
        self.spec = spec
        self._environ = environ
        self._streams_follow = streams_follow
        self._janitor = janitor
        self._held = Held()
        self._status: int | None = None
        self.pid = 0

    def __enter__(self) -> "Self":
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self) -> None:
        """Stand outside: make PID 1, and give it what only the host can give."""
        spec, do = self.spec, Steps(self.spec.leave_out)
        kinds = _namespaces(spec)
        guard = limits.plan(spec.limits, counted_alone=_is_counted_alone(kinds))
        self.rootfs = cache.InUse(spec.rootfs, self._environ)
        root = self._held.enter(self.rootfs)
        self.channel = channel = Channel(
            with_descriptors=self._streams_follow or spec.terminal
        )
        self._held.enter(channel)
        # One call for all namespaces but one: a cgroup namespace starts at the group
        # that a process is in, so PID 1 joins its group first and unshares it then.
        self.pid = syscalls.clone(kinds & ~Namespace.CGROUP)
        if self.pid == 0:
            channel.live(lambda: _become(spec, root, kinds, guard, channel))
        if Namespace.USER in kinds:
            do(idmaps.write, self.pid, *_id_maps(spec))  # until then, PID 1 is nobody
        channel.say()
        janitor = self._janitor() if guard.groups else None
        self._held.enter(cgroups.made(guard.groups, guard.settings, janitor))
        channel.say()

    def start(
        self, argv: "Sequence[str] | None" = None, streams: "Sequence[int]" = ()
    ) -> None:
        """Give the word: have it run `argv`, or what its `Spec` says."""
        term = self._environ.get(b"TERM", b"dumb").decode("utf-8", "surrogateescape")
        self.channel.order(argv, term, streams)

    def hear(self) -> "int | None":
        """Wait until the command runs, or raise why not; return a terminal's master."""
        return self.channel.hear()

    def kill(self) -> None:
        """End it now."""
        posix.kill(self.pid, signal.SIGKILL)  # nobody else has its pid: see `wait`

    def wait(self) -> int:
        """Wait for its end; return its wait status."""
        if self._status is None:
            _, self._status = posix.waitpid(self.pid, 0)
        return self._status

    def __exit__(self, *_: object) -> None:
        if self.pid and self._status is None:
            self.kill()
            self.wait()
        self._held.__exit__(None, None, None)


def _become(
    spec: "Spec", root: str, kinds: Namespace, guard: "Guard", channel: Channel
) -> int:
    """Turn this process, PID 1 in its own world, into the container."""
    do = Steps(spec.leave_out)
    channel.wait()  # until we are root here
    do(init.let_go_of_the_maker, channel)
    do(keyring.join_new_session)
    do(mounts.keep_private)  # before any mount, or the host sees it
    do(syscalls.sethostname, spec.hostname)
    trees = do(volumes.detached, spec.volumes)
    do(rootfs.layer, root)
    do(rootfs.make_mount_points, root)
    # A user namespace may mount /proc and bind devices only while it sees the host's.
    do(mounts.proc, f"{root}/proc")
    do(mounts.sys, f"{root}/sys")
    do(devices.mount_dev, f"{root}/dev", may_make_devices=Namespace.USER not in kinds)
    channel.wait()  # until there are the cgroups
    do(guard.join)  # as late as the host's /sys/fs/cgroup is in sight
    do(syscalls.unshare, kinds & Namespace.CGROUP)  # which starts at our group
    do(rootfs.pivot, root)  # from here on the host's files are gone
    do(init.import_nothing_more)
    do(volumes.attach, trees, spec.volumes)
    do(masks.hide_the_machine)  # after the volumes, so that none uncovers it
    if spec.read_only:
        do(mounts.make_read_only, "/")  # after the last directory was made in it
    uid, gid = users.look_up(spec.user)
    master = do(terminal.make, owner=uid) if spec.terminal else None
    do(syscalls.chdir, spec.workdir)
    do(init.let_nobody_look_into_us)
    # Last, because all of the above takes root's rights.
    do(capabilities.keep_only, spec.capabilities)
    do(users.become, uid, gid)
    do(init.end_with_the_maker)  # once more: a new uid has cleared it
    argv, term = channel.wait_for_order()
    return init.run_as_init(
        argv or spec.argv,
        spec.environment(term),
        starts=channel.say_starts,
        runs=lambda: channel.say_runs(master),
    )


def _namespaces(spec: "Spec") -> Namespace:
    """Return what to unshare; who is not root of the machine needs USER with it."""
    for needed in (Namespace.MNT, Namespace.UTS, Namespace.PID):
        if needed not in spec.namespaces:
            raise ValueError(f"without a {needed} namespace this would change the host")
    kinds = spec.namespaces
    if not may_do_it_alone():
        kinds |= Namespace.USER
    if spec.leave_out:
        from cfslib.runtime import outer  # here, because hardly any container needs it

        kinds &= ~outer.namespaces_in(spec.leave_out)
    return kinds


def may_do_it_alone() -> bool:
    """Say if we have root's rights over the machine; root in Docker has not."""
    return idmaps.in_initial_namespace() and capabilities.has(Capability.SYS_ADMIN)


def _is_counted_alone(kinds: Namespace) -> bool:
    """Say if RLIMIT_NPROC would count the container: it never counts the first root."""
    first_root = posix.geteuid() == 0 and idmaps.in_initial_namespace()
    return Namespace.USER in kinds and not first_root


def _id_maps(spec: "Spec") -> "tuple[list[IdMap], list[IdMap]]":
    """Map root to us; more only for who asks, since it takes two other programs."""
    if spec.user in ("0", "root"):
        return [IdMap(0, posix.geteuid())], [IdMap(0, posix.getegid())]
    return idmaps.many("uid"), idmaps.many("gid")
