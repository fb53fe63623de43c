"""container: all of it, in order.

This is the story that the notebooks tell chapter by chapter.  `_run` stands outside,
on the host; `_become` is the same program a moment later, as PID 1 of a world of its
own.  The order of the steps is what matters, and each line says why it stands there.
If one of them fails, the command is not run, and nothing is left behind.
"""

import os
import signal
import sys
from pathlib import Path

from cfslib.children import streams
from cfslib.children.in_child import on_one_thread
from cfslib.children.streams import Finished, Pipes
from cfslib.images.cache import InUse
from cfslib.isolation import (
    capabilities,
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
from cfslib.isolation.limits import Guard
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls, tracing
from cfslib.kernel.syscalls import Prctl
from cfslib.runtime import init, pid1, recipes, terminal
from cfslib.runtime import run as playback
from cfslib.runtime.channel import Channel
from cfslib.runtime.lifeline import (
    KilledOnError,
    SignalsKeptBack,
    SignalsPassedOn,
    have_all_three,
)
from cfslib.runtime.spec import Spec


def run(spec: Spec) -> int:
    """Run a container to its end; return its exit code as a shell would show it.

    It reads and prints where we do.  Raise `init.CannotExecute` if the command could
    not be started, another `OSError` if the container could not be made.
    """
    __tracebackhide__ = True
    if (code := playback.run(spec)) is not None:
        return code
    return on_one_thread(lambda: _run(spec))


def capture(spec: Spec) -> Finished:
    """Run a container to its end; return its exit code and what it printed."""
    __tracebackhide__ = True
    with Pipes() as pipes:
        if (code := playback.run(spec, pipes)) is not None:
            return pipes.finished(code)

    def captured() -> Finished:
        with Pipes() as pipes:
            return pipes.finished(_run(spec, pipes))

    return on_one_thread(captured)


def _run(spec: Spec, pipes: Pipes | None = None) -> int:
    """Stand outside: make PID 1, let it go when all is ready, wait for its end."""
    have_all_three()
    if spec.rootfs:
        rootfs.check(spec.rootfs)
    kinds = _namespaces(spec)
    with (
        InUse(spec.rootfs, os.environb) as in_use,
        tracing.trace() as calls,
        limits.enforced(spec.limits, counted_alone=_is_counted_alone(kinds)) as join,
        Channel() as channel,
        SignalsKeptBack() as mask,  # until PID 1 can have them
    ):
        root = Path(in_use)
        streams.flush()
        # One call for all namespaces but one: a cgroup namespace starts at the group
        # that a process is in, so PID 1 joins its group first and unshares it then.
        pid = syscalls.clone(kinds & ~Namespace.CGROUP)
        if pid == 0:
            channel.live(lambda: _become(spec, root, kinds, join, channel, pipes))
        with KilledOnError(pid):
            if Namespace.USER in kinds:
                idmaps.write(pid, *_id_maps(spec))  # until then, PID 1 is nobody
            channel.let_go()
            master = channel.hear()  # or raise what went wrong inside
        recipes.keep(spec, root, kinds & ~Namespace.CGROUP, join.groups, calls)
        with SignalsPassedOn(pid, mask):
            if pipes:
                pipes.read()
            if master is not None:
                terminal.relay(master, pid)
            _, status = os.waitpid(pid, 0)
        return pid1.shell_code(status)


def _become(
    spec: Spec,
    root: Path,
    kinds: Namespace,
    join: Guard,
    channel: Channel,
    pipes: Pipes | None,
) -> int:
    """Turn this process, PID 1 in its own world, into the container."""
    channel.keep_nothing_else(pipes.inside() if pipes else ())
    keyring.join_new_session()
    mounts.keep_private()  # before any mount, or the host sees it
    syscalls.sethostname(spec.hostname)
    trees = [volumes.detached(v.source, read_only=v.read_only) for v in spec.volumes]
    rootfs.layer(root)
    rootfs.make_mount_points(root)
    # A user namespace may mount /proc and bind devices only while it sees the host's.
    mounts.proc(root / "proc")
    mounts.sys(root / "sys")
    devices.mount(root / "dev", may_make_devices=Namespace.USER not in kinds)
    join()  # as late as the host's /sys/fs/cgroup is in sight
    syscalls.unshare(kinds & Namespace.CGROUP)  # which starts at our group
    rootfs.pivot(root)  # from here on the host's files are gone
    sys.meta_path.clear()  # and a module of the container's would run with our rights
    for tree, volume in zip(trees, spec.volumes, strict=True):
        volumes.attach(tree, volume.target)
    masks.hide_the_machine()  # after the volumes, so that none uncovers it
    if spec.read_only:
        mounts.make_read_only("/")  # after the last directory was made in it
    uid, gid = users.look_up(spec.user)
    master = terminal.make(owner=uid) if spec.terminal else None
    syscalls.chdir(spec.workdir)
    init.take_environment(spec.environment(os.environ.get("TERM", "dumb")))
    # Last, because all of the above takes root's rights.
    capabilities.keep_only(spec.capabilities)
    users.become(uid, gid)
    syscalls.prctl(Prctl.SET_PDEATHSIG, signal.SIGKILL)  # a new uid has cleared it
    return init.run_as_init(spec.argv, lambda: channel.say_started(master))


def _namespaces(spec: Spec) -> Namespace:
    """Return what to unshare; who is not root of the machine needs USER with it."""
    for needed in (Namespace.MNT, Namespace.UTS, Namespace.PID):
        if needed not in spec.namespaces:
            raise ValueError(f"without a {needed} namespace this would change the host")
    return spec.namespaces | (Namespace(0) if may_do_it_alone() else Namespace.USER)


def may_do_it_alone() -> bool:
    """Say if we have root's rights over the machine; root in Docker has not."""
    return idmaps.in_initial_namespace() and capabilities.has(Capability.SYS_ADMIN)


def _is_counted_alone(kinds: Namespace) -> bool:
    """Say if RLIMIT_NPROC would count the container: it never counts the first root."""
    first_root = os.geteuid() == 0 and idmaps.in_initial_namespace()
    return Namespace.USER in kinds and not first_root


def _id_maps(spec: Spec) -> tuple[list[IdMap], list[IdMap]]:
    """Map root to us; more only for who asks, since it takes two other programs."""
    if spec.user in ("0", "root"):
        return [IdMap(0, os.geteuid())], [IdMap(0, os.getegid())]
    return idmaps.many("uid"), idmaps.many("gid")
