"""ours: files that nobody else could have made, in directories that are ours alone.

Who may write to a directory can replace all that is in it, whoever made that.  So what
is kept from one run to the next lies where, from / down, only root and we may write.
sshd has this rule for its keys: StrictModes in sshd_config(5).
"""

import posix
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_LINKS = 40  # on the way to a file: the kernel follows no more either
_OTHERS = 0o022  # the right to write, for the group and for all


def check(place: str, variable: str) -> None:
    """Raise an `OSError` if others could change what is at an absolute path.

    What is not there yet is no obstacle.  `variable` is what names another place.
    """
    remedy = f"set {variable} to a directory of yours."
    # In a user namespace outer root is nobody; it owns / and what leads to our home.
    owners = {0, posix.geteuid(), posix.lstat("/").st_uid}
    try:
        for here, status in _steps(place):
            if status.st_uid not in owners:
                why = f"{here} belongs to user {status.st_uid}"
                raise PermissionError(f"{place} is not used: {why}")
            if _others_may_write(here, status, owners):
                remedy = f"`chmod go-w {here}`, or {remedy}"
                why = f"others may write to {here}"
                raise PermissionError(f"{place} is not used: {why}")
    except OSError as error:
        error.add_note(f"Hint: {remedy}")
        raise


def _steps(place: str) -> "Iterator[tuple[str, posix.stat_result]]":
    """Yield each directory and link on the way to a place; what is checked stays so."""
    yield "/", posix.lstat("/")
    way, links = "", 0
    names = place.split("/")[::-1]
    while names:
        name = names.pop()
        if name == "..":
            way = way.rpartition("/")[0]
        if name in ("", ".", ".."):
            continue
        here = f"{way}/{name}"
        try:
            status = posix.lstat(here)
        except FileNotFoundError:
            return
        yield here, status
        if not stat.S_ISLNK(status.st_mode):
            way = here
            continue
        target, links = posix.readlink(here), links + 1
        if links > _LINKS:
            raise OSError(f"{place} is not used: {here} leads in a circle")
        names += target.split("/")[::-1]
        way = "" if target.startswith("/") else way


def _others_may_write(
    here: str, status: "posix.stat_result", owners: "Collection[int]"
) -> bool:
    mode = status.st_mode
    if not mode & _OTHERS or mode & stat.S_ISVTX or stat.S_ISLNK(mode):
        return False  # where it is sticky, others cannot replace what is ours
    return bool(mode & stat.S_IWOTH) or _has_others(status.st_gid, owners, here)


def _has_others(group: int, owners: "Collection[int]", here: str) -> bool:
    """Say if others are in a group; on many machines each user has one alone."""
    import grp  # here, because hardly anybody's home is writable for a group
    import pwd

    try:
        names = grp.getgrgid(group).gr_mem
    except KeyError:
        names = []
    users = pwd.getpwall()
    members = {u.pw_uid for u in users if u.pw_gid == group or u.pw_name in names}
    # With an access control list, the bits of the group speak for others too.
    return not members <= set(owners) or _has_a_list(here)


def _has_a_list(here: str) -> bool:
    try:
        return bool(posix.getxattr(here, "system.posix_acl_access"))
    except OSError:
        return False


def read(path: str) -> bytes:
    """Return what is in a file; nothing if there is none, or others could write it."""
    flags = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
    try:
        fd = posix.open(path, flags)
    except OSError:
        return b""
    try:
        status = posix.fstat(fd)
        is_ours = status.st_uid == posix.geteuid() and not status.st_mode & _OTHERS
        if not is_ours or not stat.S_ISREG(status.st_mode):
            return b""
        return posix.read(fd, status.st_size)
    finally:
        posix.close(fd)


def write(path: str, data: bytes, draft: str = "") -> None:
    """Replace a file in one step, whatever is there; it is for us alone.

    `draft` is where it is written first, if its own directory is for whole files alone.
    """
    draft = draft or draft_of(path)
    remove(draft)
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC
    fd = posix.open(draft, flags, 0o600)
    try:
        posix.fchmod(fd, 0o600)  # whatever the umask is
        while data:
            data = data[posix.write(fd, data) :]
    except OSError as error:
        error.filename = path  # write(2) knows no names, and people want to
        posix.unlink(draft)
        raise
    finally:
        posix.close(fd)
    try:
        posix.rename(draft, path)
    except IsADirectoryError:
        remove(path)
        posix.rename(draft, path)


def draft_of(path: str) -> str:
    """Return where we write what becomes a file; others write theirs elsewhere."""
    return f"{path}.{posix.getpid()}"


def make(place: str) -> None:
    """Make a directory for us alone, and those on the way to it."""
    try:
        posix.mkdir(place, 0o700)
        posix.chmod(place, 0o700)  # whatever the umask is
    except FileNotFoundError:
        make(place.rpartition("/")[0])
        make(place)
    except FileExistsError:
        if not stat.S_ISDIR(posix.stat(place).st_mode):
            raise


def remove(path: str) -> None:
    """Remove what is there, if anything is: a file, a link, or a whole directory."""
    try:
        posix.unlink(path)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        import shutil  # here, because there should be none

        shutil.rmtree(path)
