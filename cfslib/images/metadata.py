"""metadata: give a file the owner, attributes, mode and times that an archive names.

In this order: chown(2) takes away setuid and file capabilities, and attributes take the
right to write, which the mode may not give.
"""

import errno
import os
from collections import Counter
from collections.abc import Mapping

from cfslib.images import recorded
from cfslib.images.entry import Entry

_CAPABILITY = "security.capability"
_USER, _OVERLAY = "user.", ("user.overlay.", "trusted.overlay.")
# Of what a file system has no room for, does not know or does not let us say.
_REFUSED = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSPC, errno.E2BIG}
_REFUSED |= {errno.EINVAL, errno.ERANGE}


class Metadata:
    """How entries become files here, and what had to be left out."""

    def __init__(self, owners: str) -> None:
        if owners not in ("real", "recorded"):
            raise ValueError(f'owners are "real" or "recorded", not {owners!r}')
        self._are_real = owners == "real"
        self._left_out: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def set(self, fd: int, entry: Entry) -> None:
        """Give an open file, or directory, what its entry says."""
        if self._are_real:
            os.chown(fd, entry.uid, entry.gid)
        elif entry.uid or entry.gid:
            data = recorded.packed(entry.uid, entry.gid)
            self._set_xattr(fd, recorded.NAME, data, entry.name)
        if entry.xattrs:
            self._set_xattrs(fd, entry)
        os.chmod(fd, entry.mode)
        os.utime(fd, ns=(entry.mtime, entry.mtime))

    def set_anew(self, fd: int, entry: Entry) -> None:
        """Do the same for what may have attributes of a file below."""
        for name in all_kept(fd):
            os.removexattr(fd, name)
        self.set(fd, entry)

    def set_by_name(self, name: str, parent: int, entry: Entry) -> None:
        """Give a link, a FIFO or a device, which none should open, the same."""
        if self._are_real:
            os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        if entry.xattrs:
            self.leave_out("extended attributes of links and devices", entry.name)
        if not entry.link:
            os.chmod(name, entry.mode, dir_fd=parent)  # nobody swaps it for a link
        times = (entry.mtime, entry.mtime)
        os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)

    def leave_out(self, what: str, name: str) -> None:
        """Note that something of an entry is not in the tree."""
        self._left_out[what] += 1
        self._first.setdefault(what, name)

    def left_out(self) -> list[str]:
        """Say what is not in the tree, a line a reason."""
        return [
            f"{what}: {self._first[what]}"
            + (f" and {count - 1} more" if count > 1 else "")
            for what, count in self._left_out.items()
        ]

    def _set_xattrs(self, fd: int, entry: Entry) -> None:
        for name, value in _wanted(entry.xattrs).items():
            self._set_xattr(fd, name, value, entry.name)
        for name in entry.xattrs.keys() - _wanted(entry.xattrs).keys():
            self.leave_out(f"attribute {name}", entry.name)

    def _set_xattr(self, fd: int, name: str, value: bytes, whose: str) -> None:
        try:
            os.setxattr(fd, name, value)
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            self.leave_out(f"attribute {name} ({error.strerror})", whose)


def _wanted(xattrs: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what an image may say: overlay's own words it may not."""
    return {
        name: value
        for name, value in xattrs.items()
        if name == _CAPABILITY
        or (
            (name.startswith(_USER) and not name.startswith(_OVERLAY))
            and name != recorded.NAME
        )
    }


def kept(file: "int | str", *, follow_symlinks: bool = True) -> dict[str, bytes]:
    """Return those attributes of a file that belong into a layer."""
    return _wanted(all_kept(file, follow_symlinks=follow_symlinks))


def all_kept(file: "int | str", *, follow_symlinks: bool = True) -> dict[str, bytes]:
    """Return the same, and who is to own a file that is ours."""
    try:
        names = os.listxattr(file, follow_symlinks=follow_symlinks)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return {}
        raise
    return {
        name: os.getxattr(file, name, follow_symlinks=follow_symlinks)
        for name in names
        if name == recorded.NAME or _wanted({name: b""})
    }
