"""inside: the story goes on in PID 1, which turns itself into the container.

It begins with all of the host in sight, as root of namespaces of its own; it ends with
a command that sees what we made, and has the rights that we left it.
"""

from cfslib.isolation import (
    capabilities,
    devices,
    keyring,
    limits,
    masks,
    mounts,
    rootfs,
    seccomp,
    users,
    volumes,
)
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.namespaces import Namespace
from cfslib.isolation.rootfs import PLACE
from cfslib.kernel import syscalls
from cfslib.runtime import init
from cfslib.runtime.steps import Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.isolation.users import User
    from cfslib.runtime.channel import Channel
    from cfslib.runtime.spec import Spec


def become(spec: "Spec", kinds: Namespace, channel: "Channel") -> int:
    """Turn this process, PID 1 in its own world, into the container."""
    if spec.terminal:
        from cfslib.runtime import terminal
    if Namespace.NET in kinds:
        from cfslib.isolation import network
    do = Steps(spec.leave_out)
    (root,) = channel.wait()  # until we are root here
    may_leave_groups = users.may_leave_groups()
    do(init.let_go_of_the_maker, channel)
    do(keyring.join_new_session)
    do(mounts.keep_private)  # before any mount, or the host sees it
    do(syscalls.sethostname, spec.hostname)
    trees = do(volumes.detached, spec.volumes)
    do(
        rootfs.layer,
        root,
        PLACE,
        spec.layer_max,
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
    if Namespace.NET in kinds:
        do(network.be_alone)
    master = do(terminal.make, owner=user.uid) if spec.terminal else None
    do(rootfs.start_in, spec.workdir)
    # Groups that were asked for are not left out: if they cannot be, nothing runs.
    give_up_rights(do, spec, user, may_leave_groups or bool(spec.groups))
    return _be_init(spec, channel, user.home, master)


def give_up_rights(
    do: Steps, spec: "Spec", user: "User", may_leave_groups: bool
) -> None:
    """Be who the command is to be, with no right but those that it is to have.

    Last, because all that comes before takes root's.
    """
    do(init.let_nobody_look_into_us)
    do(capabilities.bound, spec.capabilities)
    # Before the filter, which could say that it was done when it was not.
    do(users.join_groups, user, leave_groups=may_leave_groups)
    program = spec.filter
    if program is None:
        program = seccomp.default_filter(spec.capabilities)
    if program:  # as late as the kernel allows it, because it is for us too
        do(seccomp.filter_calls, program, spec.filter_flags)
    do(users.become, user)
    do(capabilities.have_only, () if user.uid else spec.capabilities)
    if spec.no_new_privileges:
        do(capabilities.gain_no_more)
    do(init.end_with_the_maker)  # once more: a new uid has cleared it


def _be_init(spec: "Spec", channel: "Channel", home: str, master: "int | None") -> int:
    """Wait for the word, start the command, and look after it."""
    argv, term = channel.wait_for_order()
    return init.run_as_init(
        argv or spec.argv,
        spec.environment(init.known_terminal(term), home),
        starts=channel.say_starts,
        runs=lambda: channel.say_runs(master),
    )
