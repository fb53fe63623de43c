"""inside: the story goes on in PID 1, which turns itself into the container.

It begins with all of the host in sight, as root of namespaces of its own; it ends with
a command that sees what we made, and has the rights that we left it.
"""

from cfslib.isolation import (
    devices,
    keyring,
    limits,
    masks,
    mounts,
    rootfs,
    users,
    volumes,
)
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.namespaces import Namespace
from cfslib.isolation.rootfs import PLACE
from cfslib.kernel import syscalls
from cfslib.runtime import init, ownership
from cfslib.runtime.giving_up import give_up_rights as give_up_rights
from cfslib.runtime.steps import Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.runtime.channel import Channel
    from cfslib.runtime.spec import Spec


def become(spec: "Spec", kinds: Namespace, channel: "Channel") -> int:
    """Turn this process, PID 1 in its own world, into the container."""
    if spec.terminal:
        from cfslib.runtime import terminal
    has_names = ownership.has_names_of_its_own(spec, kinds)
    if has_names:
        from cfslib.isolation.network import alone
        from cfslib.isolation.network.inside import set_up_network
    if spec.filter:
        from cfslib.runtime import behind
    do = Steps(spec.leave_out)
    (root,) = channel.wait()  # until we are root here
    may_leave_groups = users.may_leave_groups()
    do(init.let_go_of_the_maker, channel)
    do(keyring.join_new_session)
    do(mounts.keep_private)  # before any mount, or the host sees it
    do(syscalls.sethostname, spec.hostname)
    trees = do(volumes.detached, spec.volumes)
    # There is a file to write, and of a root that is not ours /etc is not ours either.
    is_theirs = has_names and Namespace.USER in kinds and not spec.kept
    do(
        rootfs.layer,
        root,
        PLACE,
        spec.layer_max,
        ours=("etc",) if is_theirs else (),
        as_root=bool(spec.image),
        kept=spec.kept,
        between=spec.between,
    )
    # A user namespace may mount /proc and bind devices only while it sees the host's.
    do(mounts.proc, f"{PLACE}/proc")
    do(mounts.sys, f"{PLACE}/sys")
    do(devices.mount_dev, f"{PLACE}/dev", may_make_devices=Namespace.USER not in kinds)
    if Namespace.USER in kinds:
        do(limits.leave_some_to_the_user, f"{PLACE}/proc")
    do(limits.join, *channel.wait())  # as late as the host's cgroups are in sight
    do(syscalls.unshare, kinds & Namespace.CGROUP)  # which starts at our group
    do(rootfs.pivot, PLACE)  # from here on the host's files are gone
    do(init.import_nothing_more)
    if has_names:
        do(set_up_network, *channel.wait())
    do(masks.hide_the_machine)
    if Capability.MKNOD in spec.capabilities:
        do(devices.allow_no_others)
    # From here on, no file decides what the container may do: others may change it.
    do(volumes.attach, trees, spec.volumes)
    if spec.image:
        do(volumes.make_place, spec.workdir)
    if spec.read_only:  # after the last directory was made in it
        do(mounts.make_read_only, "/", mounts.MountFlag.NODEV)
    user = users.look_up(spec.user, spec.groups)
    if spec.filter:  # of somebody's own, under which we may not be able to live
        behind.check(spec, user.uid, channel)
    if Namespace.NET in kinds:
        do(alone.refuse_other_ways)
    master = do(terminal.make, owner=user.uid) if spec.terminal else None
    do(rootfs.start_in, spec.workdir)
    # Groups that were asked for are not left out: if they cannot be, nothing runs.
    give_up_rights(do, spec, user, may_leave_groups or bool(spec.groups))
    return _be_init(spec, channel, user.home, master)


def _be_init(spec: "Spec", channel: "Channel", home: str, master: "int | None") -> int:
    """Wait for the word, start the command, and look after it."""
    argv, term = channel.wait_for_order()
    return init.run_as_init(
        argv or spec.argv,
        spec.environment(init.known_terminal(term), home),
        starts=channel.say_starts,
        runs=lambda: channel.say_runs(master),
    )
