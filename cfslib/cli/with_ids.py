"""with_ids: do something as who may give files to other users.

Root may.  Everybody else is root of a user namespace for it, with as many ids as
/etc/subuid gives; if it gives none, there is nobody else to own a file, and who should
is recorded.
"""

from cfslib.images.picked import REAL, RECORDED
from cfslib.isolation import idmaps
from cfslib.isolation.namespaces import Namespace
from cfslib.kernel import syscalls
from cfslib.runtime import ownership

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from cfslib.isolation.idmaps import IdMap

    T = TypeVar("T")


def owners() -> str:
    """Say what the owners of files can be in `call`: real, or recorded."""
    return REAL if ownership.may_do_it_alone() or _many() else RECORDED


def call(func: "Callable[[], T]") -> "T":
    """Call a function where it may do to the files of images what root may."""
    if ownership.may_do_it_alone():
        return func()
    from cfslib.children.in_child import in_child  # here, because root needs no child

    maps = _many()
    return in_child(lambda: _as_root(func, maps))


def _as_root(
    func: "Callable[[], T]", maps: "tuple[list[IdMap], list[IdMap]] | None"
) -> "T":
    if maps:
        syscalls.setns(idmaps.make(*maps), Namespace.USER)
    else:
        idmaps.unshare_as_root(0)
    return func()


def _many() -> "tuple[list[IdMap], list[IdMap]] | None":
    """Return who is who if there are more than us; None if we are alone."""
    try:
        return idmaps.many("uid"), idmaps.many("gid")
    except PermissionError:
        return None
