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


# Of root's, in a user namespace: files keep their owners, and what root may do to the
# machine is gone all the same.  65536 ids, because that is what an image has.
SAME = IdMap(0, 0, 1 << 16)
_ROOT = {"0", "root", "0:0", "root:root", "0:root", "root:0"}  # takes no other id


def namespaces(spec: "Spec") -> Namespace:
    """Return what to unshare; who is not root of the machine needs USER with it."""
    for needed in (Namespace.MNT, Namespace.UTS, Namespace.PID):
        if needed not in spec.namespaces:
            raise ValueError(f"without a {needed} namespace this would change the host")
    kinds = spec.namespaces
    if spec.network != "host":
        kinds |= Namespace.NET
    if _has_users_of_its_own(spec.userns):
        kinds |= Namespace.USER
    if spec.leave_out:
        from cfslib.runtime import outer  # here, because hardly any container needs it

        kinds &= ~outer.namespaces_in(spec.leave_out)
    return kinds


def has_names_of_its_own(spec: "Spec", kinds: Namespace) -> bool:
    """Say if the maker has something to do about the network of a container."""
    asked = spec.dns or spec.hosts or spec.publish or is_in_a_pod(spec)
    return bool(Namespace.NET in kinds or asked)


def is_in_a_pod(spec: "Spec") -> bool:
    """Say if a container shares the network of another one: see `pod`."""
    return spec.network.startswith("container:")


def _has_users_of_its_own(userns: str) -> bool:
    """Say if there has to be a user namespace; refuse what there cannot be."""
    if not may_do_it_alone():
        if userns == "host":
            raise PermissionError(
                "only root may share the host's user namespace with a container"
            )
        return True
    if userns == "keep-id":
        raise PermissionError("keep-id is for who is not root: root is root inside")
    return userns == "private"


def may_do_it_alone() -> bool:
    """Say if we have root's rights over the machine; root in Docker has not."""
    return idmaps.in_initial_namespace() and capabilities.has(Capability.SYS_ADMIN)


def counts_alone(kinds: Namespace) -> bool:
    """Say if RLIMIT_NPROC would count the container: it never counts the first root."""
    first_root = posix.geteuid() == 0 and idmaps.in_initial_namespace()
    return Namespace.USER in kinds and not first_root


def id_maps(spec: "Spec") -> "tuple[list[IdMap], list[IdMap]]":
    """Map root to us, and more ids if asked, because they take two other programs."""
    uid, gid = posix.geteuid(), posix.getegid()
    if spec.userns == "private" and may_do_it_alone():
        return [SAME], [SAME]
    if spec.userns == "keep-id":
        return [IdMap(uid, uid)], [IdMap(gid, gid)]
    if not takes_many_ids(spec):
        return [IdMap(0, uid)], [IdMap(0, gid)]
    return idmaps.many("uid"), idmaps.many("gid")


def takes_many_ids(spec: "Spec") -> bool:
    """Say if a container needs more users than its root, or groups."""
    return spec.user not in _ROOT or bool(spec.groups) or spec.many_owners
