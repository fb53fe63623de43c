"""ownership: what we own here, and what a container can therefore be made of.

Root of the machine may make any namespace.  Everybody else makes a user namespace with
them, is root in that, and owns the others through it: user_namespaces(7).
"""

import posix

from cfslib.isolation import capabilities, idmaps
from cfslib.isolation.capabilities import Capability
from cfslib.isolation.idmaps import IdMap
from cfslib.isolation.namespaces import Namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cfslib.runtime.spec import Spec


def namespaces(spec: "Spec") -> Namespace:
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


def counts_alone(kinds: Namespace) -> bool:
    """Say if RLIMIT_NPROC would count the container: it never counts the first root."""
    first_root = posix.geteuid() == 0 and idmaps.in_initial_namespace()
    return Namespace.USER in kinds and not first_root


def id_maps(spec: "Spec") -> "tuple[list[IdMap], list[IdMap]]":
    """Map root to us, and more ids if asked, because they take two other programs."""
    if spec.user in ("0", "root"):
        return [IdMap(0, posix.geteuid())], [IdMap(0, posix.getegid())]
    return idmaps.many("uid"), idmaps.many("gid")
