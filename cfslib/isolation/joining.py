"""joining: come into the groups of somebody else, from anywhere in their trees."""

import errno
import posix

from cfslib.kernel import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Joined:
    """Groups, those of v1 joined; in the one of v2, if there is one, a child is born.

    To move there takes the kernel 10 ms.
    """

    def __init__(self, groups: "Sequence[str]") -> None:
        self._place: int | None = None
        try:
            for group in groups:
                self._join(group)
        except PermissionError as error:
            from cfslib.isolation.cgroups.hierarchies import CannotLimit

            hint = "whoever joins has to come from a part of the tree that is his, too."
            raise CannotLimit(f"cannot join the container: {error}", hint) from None

    def _join(self, group: str) -> None:
        if posix.access(f"{group}/tasks", posix.F_OK):
            syscalls.write(f"{group}/tasks", "0")
            return
        # Through what is open by now, we get there after the root has changed.
        self._place = syscalls.open_path(group)
        flags = posix.O_WRONLY | posix.O_CLOEXEC
        self._door = posix.open(f"{group}/cgroup.procs", flags)

    def clone(self, flags: int) -> int:
        """Fork as `syscalls.clone` does, into these groups; the child has them alone."""
        if self._place is None:
            return syscalls.clone(flags, quiet=True)
        try:
            pid = syscalls.clone(flags, self._place, quiet=True)
        except OSError as error:
            if error.errno != errno.ENOSYS:  # as in Docker, which knows no clone3
                raise
            posix.write(self._door, b"0")
            pid = syscalls.clone(flags, quiet=True)
        if pid == 0:
            posix.close(self._place)
            posix.close(self._door)
        return pid
