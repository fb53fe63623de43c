"""copies: a tree like another one, which has its files in common with it.

A hard link is a second name of a file, so a copy takes a moment and no room.  That is
safe as long as nobody writes to such a file or changes its mode: a layer that has
something else to say about it puts another file in its place.
"""

import errno
import os
import shutil
import stat

from cfslib.images import metadata, removal

_NO_LINK = (errno.EMLINK, errno.EPERM, errno.EXDEV)  # too many, or not here
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def copy_linked(tree_below: str, tree: str) -> None:
    """Make a tree: its directories are new, its files those of the one below."""
    os.mkdir(tree, 0o700)
    _copy(tree_below, tree, None, None)


def _copy(name: str, copy: str, parent: "int | None", target: "int | None") -> None:
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    source = removal.opened(name, parent)
    new = os.open(copy, os.O_RDONLY | os.O_DIRECTORY, dir_fd=target)
    try:
        with os.scandir(source) as found:
            for each in found:
                if each.is_dir(follow_symlinks=False):
                    os.mkdir(each.name, 0o700, dir_fd=new)
                    _copy(each.name, each.name, source, new)
                else:
                    _link(each.name, source, new)
        _take_over(source, new, status)
        if os.fstat(source).st_mode != status.st_mode:
            os.fchmod(source, stat.S_IMODE(status.st_mode))
    finally:
        os.close(source)
        os.close(new)


def _link(name: str, source: int, new: int) -> None:
    try:
        os.link(name, name, src_dir_fd=source, dst_dir_fd=new, follow_symlinks=False)
    except OSError as error:
        status = os.stat(name, dir_fd=source, follow_symlinks=False)
        if error.errno not in _NO_LINK or not stat.S_ISREG(status.st_mode):
            raise
        with (
            open(os.open(name, os.O_RDONLY, dir_fd=source), "rb") as old,
            open(os.open(name, _NEW, 0o600, dir_fd=new), "wb") as file,
        ):
            shutil.copyfileobj(old, file)
            file.flush()
            _take_over(old.fileno(), file.fileno(), status)


def _take_over(old: int, new: int, status: os.stat_result) -> None:
    """Give a file or a directory what another one has."""
    if os.geteuid() == 0:
        os.chown(new, status.st_uid, status.st_gid)
    for name, value in metadata.all_kept(old).items():
        os.setxattr(new, name, value)
    os.chmod(new, stat.S_IMODE(status.st_mode))
    os.utime(new, ns=(status.st_mtime_ns, status.st_mtime_ns))
