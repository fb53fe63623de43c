"""pod: a container on the network of another one, which goes on.

Who may join a network namespace is said by the user namespace that it belongs to: an
ordinary user has that right inside of it alone.  So their container shares the users of
the other one too, as the containers of a pod in Kubernetes do.  Nobody comes back from
there, so a child goes, and clones PID 1 as a child of its own parent:

    maker              child                         PID 1
    clone     ---->    joins USER and NET
                       clone(CLONE_PARENT)  ---->    begins
              <----    its pid

As in Docker, it has the name, /etc/hosts and /etc/resolv.conf of the other one: as that
one got them, because what was made of them inside is not for us to read.

Manual pages: clone(2), setns(2), user_namespaces(7).
"""

import posix

from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import libc, syscalls
from cfslib.kernel.syscalls import Prctl
from cfslib.runtime import errors, ownership, places, register
from cfslib.runtime.entrance import Found, check_runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from cfslib.runtime.spec import Spec

PREFIX = "container:"
_PARENT = 0x8000  # CLONE_PARENT in <linux/sched.h>
_PID = b"+"


class Pod:
    """The container whose network is shared, for a `with` block."""

    def __init__(self, spec: "Spec", kinds: Namespace) -> None:
        if spec.publish or spec.dns or spec.hosts:
            raise ValueError(f"publish, dns and hosts are for {spec.network} to have")
        place = places.directory(posix.environ)
        container = register.find(place, spec.network.removeprefix(PREFIX))
        check_runs(container)
        self._found = Found(container)
        try:
            self.hostname, self.files = container.names()
            self.shared = self._shared_of(kinds)
            if Namespace.USER in self.shared:
                _check_users(spec, container.spec(), container.name)
        except BaseException:
            self.__exit__()
            raise
        # If the other one has the network of the host, so has this one.
        self.kinds = kinds & ~Namespace.NET | self.shared
        self.spec = spec.changed(hostname=self.hostname)

    def _shared_of(self, kinds: Namespace) -> Namespace:
        """Return what there is to join; users only with the network that is theirs."""
        opened = Namespace(sum(self._found.opened))
        if Namespace.NET not in opened:
            return Namespace(0)
        return (Namespace.NET | Namespace.USER) & kinds & opened

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self._found.close()

    def attach(self, _pid: int) -> "tuple[Any, ...]":
        """Return what `inside.set_up_network` is to be told: the files alone."""
        return False, [], [], self.files

    def clone(self, clone: "Callable[..., int]", kinds: Namespace) -> int:
        """Fork as `clone` does, in the namespaces that are shared, and some new ones.

        What `clone` notes about a group is lost with the child: it is joined once more.
        """
        reader, writer = posix.pipe2(posix.O_CLOEXEC)
        child = libc.fork_quietly()
        if child == 0:
            pid = self._go(clone, kinds & ~self.shared, writer)
            if pid == 0:
                posix.close(reader)
                posix.close(writer)
                return 0
        posix.close(writer)
        said = posix.read(reader, 1 << 16)
        posix.close(reader)
        libc.wait_for(child)
        if said[:1] == _PID:
            return int(said[1:])
        raise (said and errors.unpacked(said)) or errors.killed()

    def _go(self, clone: "Callable[..., int]", kinds: int, writer: int) -> int:
        """Be the child: join, clone, and end; return as the one that was cloned."""
        pid = -1
        try:
            self._found.enter(self.shared)
            # New rights have cleared it, and our maker has to look into PID 1.
            syscalls.prctl(Prctl.SET_DUMPABLE, 1)
            pid = clone(kinds | _PARENT, quiet=True)
            if pid:
                posix.write(writer, _PID + str(pid).encode())
        except BaseException as error:
            posix.write(writer, errors.packed(error, ()))
        finally:
            if pid:
                posix._exit(0)
        return pid


def _check_users(spec: "Spec", theirs: "Spec", name: str) -> None:
    """Raise if there cannot be who is wanted, among the users of the other one."""
    if (spec.userns == "keep-id") != (theirs.userns == "keep-id"):
        error = ValueError(f"{name} has other users: --userns is for both or for none")
    elif ownership.takes_many_ids(spec) and not ownership.takes_many_ids(theirs):
        error = ValueError(f"{name} has one user alone, and here more are wanted")
    else:
        return
    error.add_note(
        "Hint: without root, who shares a network with a container shares its users."
    )
    raise error
