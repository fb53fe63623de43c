"""container: all of it, in order.

This is the story that the notebooks tell chapter by chapter.  `Created` stands outside,
on the host; `inside` is the same program a moment later, as PID 1 of a world of its
own.  The order of the steps is what matters, and each line says why it stands there.
If one of them fails, the command is not run, and nothing is left behind.
"""

from cfslib.isolation import idmaps, limits
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import libc, syscalls
from cfslib.kernel.held import Held
from cfslib.runtime import ownership
from cfslib.runtime.channel import Channel
from cfslib.runtime.lifeline import Child
from cfslib.runtime.steps import Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from typing import Self

    from cfslib.isolation.cgroups.janitor import Janitor
    from cfslib.isolation.network.joined import Joined
    from cfslib.runtime.pod import Pod
    from cfslib.runtime.spec import Spec


class Created:
    """A container to which nothing is missing but the word to start.

    Leaving the context ends it.
    """

    def __init__(
        self,
        spec: "Spec",
        rootfs: "Callable[[], AbstractContextManager[str]]",  # keeps it where it is
        *,
        streams_follow: bool = False,  # its standard streams come with the word
        janitor: "Callable[[], Janitor] | None" = None,  # of cgroups; or its own
        can_be_entered: bool = False,  # by others, through us: see `entrance`
    ) -> None:
        self.spec, self._can_be_entered = spec, can_be_entered
        self._held = Held()  # what is taken down at the end
        self.files: dict[str, str] = {}  # of ours in /etc, if it has any
        try:
            self._make(rootfs, streams_follow, janitor)
        except BaseException:
            self.__exit__()
            raise

    def _make(
        self,
        rootfs: "Callable[[], AbstractContextManager[str]]",
        streams_follow: bool,
        janitor: "Callable[[], Janitor] | None",
    ) -> None:
        """Stand outside: make PID 1, and give it what only the host can give."""
        kinds = ownership.namespaces(self.spec)
        pod = self._pod(kinds)
        if pod:
            self.spec, kinds = pod.spec, pod.kinds
        spec, do = self.spec, Steps(self.spec.leave_out)
        channel = self._held.enter(Channel(streams_follow or spec.terminal))
        alone = ownership.counts_alone(kinds)
        whole = not spec.leave_out  # else there is an outer world around it
        guard = limits.plan(spec.limits, counted_alone=alone, everywhere=whole)
        groups = self._held.enter(guard.making(janitor))
        network = pod or self._network(kinds)
        clone = groups.clone if "join" not in spec.leave_out else syscalls.clone
        # One call for all namespaces but one: a cgroup namespace starts at the groups
        # that a process is in, so PID 1 joins them first and unshares it then.
        new = kinds & ~Namespace.CGROUP
        pid = pod.clone(clone, new) if pod else clone(new, quiet=True)
        if pid == 0:
            channel.live(lambda: _become(spec, kinds, channel))
        self.pid1, self.channel = self._held.enter(Child(pid)), channel
        self.groups = groups.inner  # the cgroups that it is in
        if self._can_be_entered:
            self._keep_open(kinds)
        libc.move_elsewhere(pid)  # on our processor it would wait until we do
        if Namespace.USER in kinds and not (pod and Namespace.USER in pod.shared):
            do(idmaps.write, pid, *ownership.id_maps(spec))  # until then it is nobody
        self.root = self._held.enter(rootfs())
        channel.say(self.root)
        groups.make_others()  # while PID 1 is busy
        channel.say(groups.doors, *guard.of_each)
        if network:
            *told, self.files = network.attach(pid)
            channel.say(*told, self.files)

    def _pod(self, kinds: Namespace) -> "Pod | None":
        """Find the container whose network is to be shared, if there is one."""
        if not ownership.is_in_a_pod(self.spec):
            return None
        from cfslib.runtime.pod import Pod

        return self._held.enter(Pod(self.spec, kinds))

    def _network(self, kinds: Namespace) -> "Joined | None":
        """Take what a container's network needs of the host: a port may be taken."""
        spec = self.spec
        if not ownership.has_names_of_its_own(spec, kinds):
            return None
        from cfslib.isolation.network.joined import Joined

        network = "none" if Namespace.NET in kinds else "host"
        if spec.network != "host":
            network = spec.network
        wanted = {"publish": spec.publish, "dns": spec.dns, "hosts": spec.hosts}
        return self._held.enter(Joined(network, spec.hostname, **wanted))

    def _keep_open(self, kinds: Namespace) -> None:
        """Keep the namespaces of PID 1 open, while we may still look into it."""
        from cfslib.runtime.entrance import Entrance  # here, because most have none

        self.entrance = self._held.enter(Entrance(self.pid1.pid, kinds))

    def start(
        self,
        argv: "list[str] | None" = None,
        *,
        term: str = "dumb",
        streams: "Sequence[int]" = (),
    ) -> None:
        """Give the word: have it run `argv`, or what its `Spec` says.

        `term` is the terminal that it prints on; `streams`, if they follow, are its
        standard input, output and error.
        """
        self.channel.order(None if argv == self.spec.argv else argv, term, streams)

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.__exit__()


def _become(spec: "Spec", kinds: Namespace, channel: Channel) -> int:
    """Turn this process, PID 1 in its own world, into the container."""
    # By PID 1 and not before, because its maker does other things meanwhile.
    from cfslib.runtime import inside

    return inside.become(spec, kinds, channel)
