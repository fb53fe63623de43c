"""shelf: where recipes lie, and whether they are still good.

A recipe is how one container was made: a dict, written by `recipes`, for `replay`.

    name           what it lies under: the options of a container, in some form
    format         which `shelf` wrote it: others may mean something else by all this
    circumstances  what it depends on, besides files
    code           (path, stamp) of each file of this package
    stamps         (path, stamp) of the rootfs, and of each other file it depends on
    places         the directories of these files, and of links that lead to them
    absent         paths where no file may have appeared
    root           the rootfs
    namespaces     the flags for clone
    groups         the container's cgroups
    before         the maker's calls before the clone
    between        and after it, until PID 1 may go on
    begin          the calls of PID 1 for which it waits for nothing
    inside         its other calls
    environment    what the command finds there; without TERM, if it may have ours
    path           the PATH in which the command is looked up

A call is (name, arguments, result, errno), with its name in `libc`, and as arguments a
list, not a tuple, if NAME or PID is in one of them.  All this is on the
way of every `cfs run`, and so does without `os`, `json` and the like: see `foreign`.
"""

import marshal
import posix as os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Recipe = dict[str, Any]
    Stamps = Sequence[tuple[str, tuple[int, int]]]
else:
    Recipe = dict

# What differs each time.  In a text for the kernel there is no NUL byte but in these.
NAME = b"\0name"  # of the container's cgroups
PID = b"\0pid"  # of PID 1, as we see it
DEFAULTS = (b"CFS_ROOTFS", b"CFS_HOSTNAME", b"CFS_PIDS_LIMIT")


def directory(environ: "Mapping[bytes, bytes]") -> "bytes | None":
    """Return where the recipes of this user are; None if we cannot tell."""
    cache = environ.get(b"XDG_CACHE_HOME")
    if not cache and (home := environ.get(b"HOME")):
        cache = home + b"/.cache"
    return cache + b"/cfs/recipes" if cache else None


def alias(words: "Sequence[str]", environ: "Mapping[bytes, bytes]") -> str:
    """Return the name of the recipe for what is typed between `cfs run` and a command.

    >>> alias(["--hostname", "a/b"], {}).rpartition(" ")[0]
    'run --hostname a%2Fb'
    """
    parts = list(words)
    for variable in DEFAULTS:
        if value := environ.get(variable):
            text = value.decode("utf-8", "surrogateescape")
            parts += ["", variable.decode(), text]
    if parts:
        parts.append(_current_directory())  # a path among them may be relative
    escaped = [
        part.replace("%", "%25").replace("/", "%2F").replace(" ", "%20")
        for part in ("run", *parts)
    ]
    return " ".join(escaped)


def load(directory: "bytes | None", name: str) -> "Recipe | None":
    """Return what lies under a name, if nobody but us can have put it there.

    A recipe runs with our rights, and under sudo the cache may be another user's.
    """
    if directory is None:
        return None
    try:
        fd = os.open(
            directory + b"/" + name.encode("utf-8", "surrogateescape"),
            os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK,
        )
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return None
        recipe = marshal.loads(os.read(fd, status.st_size))
        # By name too: who owns the directory can rename what we wrote.
        ours = recipe["name"] == name and recipe["format"] == format_here()
        return recipe if ours else None
    except (OSError, ValueError, EOFError, TypeError, KeyError):
        return None  # cut short, or of another version of Python
    finally:
        os.close(fd)


def format_here() -> "tuple[str, int, int]":
    """Return what tells this file from any other version and copy of it."""
    return __file__, *stamp(__file__)


def is_fresh(recipe: "Recipe", now: "list[bytes | str]", places: "Stamps" = ()) -> bool:
    """Say if nothing has changed since a recipe was written; `now`: `circumstances`.

    `places` is what the function of this name said when all files were as before.  If
    they have not changed, then at most a file was written in place.
    """
    return (
        recipe["circumstances"] == now
        and are_as_before(recipe["code"])
        and ((places and are_as_before(places)) or are_as_before(recipe["stamps"]))
        and not any(_exists(path) for path in recipe["absent"])
    )


def places(recipe: "Recipe") -> "Stamps":
    """Return the stamps of the rootfs, and of the directories with the other files.

    A directory's changes when a file in it is replaced, as package managers do it.
    There are few of them for the everyday tools, which are well over a hundred files.
    """
    return [recipe["stamps"][0], *((path, stamp(path)) for path in recipe["places"])]


def are_as_before(stamps: "Stamps") -> bool:
    """Say if all these files have the stamps that they had."""
    try:
        for path, seen in stamps:
            if stamp(path) != seen:
                return False
    except OSError:
        return False
    return True


def circumstances(
    environ: "Mapping[bytes, bytes]", ours: "Sequence[bytes | str]" = ()
) -> "list[bytes | str]":
    """Return what the making of a container depends on, besides files.

    `ours` is what `identity` has said, if it still holds.
    """
    path = environ.get(b"PATH", b"")
    return [path, _read("/proc/self/cgroup"), *(ours or identity())]


def identity() -> "list[bytes | str]":
    """Return what of our circumstances only we ourselves can change."""
    status = _read("/proc/self/status")
    return [
        _read("/proc/sys/kernel/random/boot_id"),
        _read("/proc/self/uid_map"),
        status[status.find(b"Uid:") : status.find(b"FDSize:")],
        status[status.find(b"CapInh:") : status.find(b"Speculation")],
        *(os.readlink(f"/proc/self/ns/{kind}") for kind in ("user", "mnt", "cgroup")),
    ]


def stamp(path: str) -> "tuple[int, int]":
    """Return what is another whenever a file has been changed, or replaced."""
    status = os.stat(path)
    return status.st_size, status.st_ctime_ns


def _current_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""  # it was removed, and no relative path leads anywhere


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True
