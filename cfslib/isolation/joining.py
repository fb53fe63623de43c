"""joining: come into the groups of somebody else, from anywhere in their trees."""

import errno
import posix

from cfslib.kernel import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FLAGS = posix.O_WRONLY | posix.O_CLOEXEC


class Joined:
    """Groups in which a child is to be; open, because by then no path leads to them."""

    def __init__(self, groups: "Sequence[str]") -> None:
        self._place: int | None = None  # the group of v2, if there is one
        self._doors: list[int] = []
        try:
            for group in groups:
                self._open(group)
        except PermissionError as error:
            from cfslib.isolation.cgroups.hierarchies import CannotLimit

            hint = "whoever joins has to come from a part of the tree that is his, too."
            raise CannotLimit(f"cannot join the container: {error}", hint) from None

    def _open(self, group: str) -> None:
        try:
            self._doors.append(posix.open(f"{group}/tasks", _FLAGS))
        except FileNotFoundError:
            self._place = syscalls.open_path(group)
            self._last_door = posix.open(f"{group}/cgroup.procs", _FLAGS)

    def clone(self) -> int:
        """Fork, with a child that is in these groups before anything else.

        It is born in the one of v2: to move there takes the kernel 10 ms.
        """
        pid = self._cloned()
        if pid == 0:
            for door in self._doors:
                posix.write(door, b"0")  # which means the process that writes
        for fd in self._doors:
            posix.close(fd)
        if self._place is not None:
            posix.close(self._place)
            posix.close(self._last_door)
        return pid

    def _cloned(self) -> int:
        if self._place is None:
            return syscalls.clone(0)
        try:
            return syscalls.clone(0, self._place)
        except OSError as error:
            if error.errno != errno.ENOSYS:  # as in Docker, which knows no clone3
                raise
        pid = syscalls.clone(0)
        if pid == 0:
            posix.write(self._last_door, b"0")
        return pid
