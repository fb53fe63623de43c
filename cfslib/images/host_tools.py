"""Building: a rootfs made of this machine's own programs.

A program is a file, the libraries it asks for, and the loader that brings them
together; `ldd` lists them.  Copy these to the same places below an empty directory
and the program runs there:

    >>> any("libc" in library.name for library in libraries([Path("/bin/sh")]))
    True

Symbolic links are kept as links.  The few files in /etc are ours, not the host's.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cfslib.images import search

Progress = Callable[[int, int], None]  # takes how much is done, and of how much

PATH = search.PATH

# What people type in a container.  A tool that this machine lacks is left out.
EVERYDAY = tuple(
    """
    sh bash dash busybox
    basename cat chmod chown cp cut date dd df dirname du echo env expr false find
    grep head hostname id kill less ln ls md5sum mkdir mkfifo mknod more mv nice nohup
    nproc printenv printf pwd readlink realpath rm rmdir sed seq sleep sort stat stty
    sync tail tee test timeout touch tr true truncate tty uname uniq wc whoami xargs yes
    ps pgrep pkill top free uptime setsid nsenter unshare lsns mount umount mountpoint
    findmnt capsh getpcaps ip ping chroot pivot_root vi tar gzip clear tput su
    """.split()  # noqa: SIM905  words in rows are read faster than a list
)

_ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "os-release": 'ID=cfs\nNAME="Containers from scratch"\n',
}
_DIRECTORIES = ("dev", "proc", "sys", "etc", "home", "mnt", "root", "run", "var")
_TERMINALS = ("linux", "vt100", "xterm", "xterm-256color", "screen", "tmux-256color")
_AT_ONCE = 20  # programs: `ldd` takes a while to start, and people want to see progress


class MissingTool(FileNotFoundError):
    """A program that was asked for is not on this machine."""


def unseen(done: int, total: int) -> None:
    """Show no progress: for work that nobody watches."""


def build(
    root: Path,
    tools: Sequence[str] = EVERYDAY,
    progress: Progress = unseen,
    path: str | None = None,
) -> list[Path]:
    """Fill the directory `root`, and return the files of the host that it came from.

    Programs are named as in a shell, or by path.  The everyday tools are those that
    are here; a tool asked for by name has to be.
    """
    found = {tool: find(tool, path) for tool in tools}
    missing = [tool for tool, program in found.items() if program is None]
    if missing and tools is not EVERYDAY:
        error = MissingTool(f"not on this machine: {', '.join(missing)}")
        error.add_note("Hint: install them here first, or name them by path.")
        raise error
    programs = [program for program in found.values() if program]
    root.mkdir(parents=True, exist_ok=True)
    wanted, sources = [*programs, *interpreters(programs)], _terminal_descriptions()
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        sources += [*some, *libraries(some)]
        progress(start + len(some), len(wanted))
    for source in dict.fromkeys(sources):
        copy(source, root)
    _link_top_level(root)
    _furnish(root)
    _link_into_path(programs, root)
    return sources


def find(tool: str, path: str | None = None) -> Path | None:
    """Return where a program is on this machine; see `places`."""
    for place in places(tool, path):
        if os.path.isfile(place) and os.access(place, os.X_OK):
            return place
    return None


def places(tool: str, path: str | None = None) -> list[Path]:
    """Return all places where a program may be, the first choice first.

    They are in the directories of `path`; if none is given, in the usual ones and then
    in those of our PATH.
    """
    if "/" in tool:
        return [Path(tool).absolute()]
    if path is None:
        path = f"{PATH}:{os.environ.get('PATH', '')}"
    return [Path(directory, tool).absolute() for directory in path.split(":")]


def libraries(programs: Iterable[Path]) -> list[Path]:
    """Return the shared libraries that programs need, with the loader, each once."""
    done = subprocess.run(
        ["ldd", *programs], capture_output=True, text=True, env={"PATH": PATH}
    )
    # A script or a static program is no error; ldd says so and goes on.
    paths = re.findall(r"(?:=> |^\s+)(/\S+) \(0x", done.stdout, re.MULTILINE)
    return [Path(path) for path in dict.fromkeys(paths)]


def interpreters(programs: Iterable[Path]) -> list[Path]:
    """Return what runs those programs that are scripts: the `#!` line says."""
    found = []
    for program in programs:
        with program.open("rb") as file:
            line = file.readline(256)
        if line.startswith(b"#!") and (words := line[2:].split()):
            found.append(Path(os.fsdecode(words[0])))
    return [path for path in dict.fromkeys(found) if path.exists()]


def copy(source: Path, root: Path) -> None:
    """Copy a file to the same place below `root`, with every link on the way to it."""
    for place in (*reversed(source.parents), source):
        if place.is_symlink():
            _copy_link(place, root)
            destination = Path(os.path.normpath(place.parent / place.readlink()))
            copy(destination / source.relative_to(place), root)
            return
    target = root / source.relative_to("/")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        # Never setuid: inside, that would be our own rights, not root's.
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _copy_link(link: Path, root: Path) -> None:
    target = root / link.relative_to("/")
    if not target.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(link.readlink())


def _link_top_level(root: Path) -> None:
    """Let /bin lead to /usr/bin, as on the host: scripts begin with `#!/bin/sh`."""
    for link in map(Path, ("/bin", "/sbin", "/lib", "/lib64")):
        there = root / link.resolve().relative_to("/")
        if link.is_symlink() and there.is_dir():
            _copy_link(link, root)


def _link_into_path(programs: Iterable[Path], root: Path) -> None:
    """Make programs from unusual places, such as a home directory, easy to call."""
    for program in programs:
        if str(program.parent) not in PATH.split(":"):
            link = root / "usr/local/bin" / program.name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(program)


def _terminal_descriptions() -> list[Path]:
    """Return the terminfo files that less, top and vi look for."""
    places = (Path("/etc/terminfo"), Path("/lib/terminfo"), Path("/usr/share/terminfo"))
    files = (place / name[0] / name for name in _TERMINALS for place in places)
    return [file for file in files if file.exists()]


def _furnish(root: Path) -> None:
    """Add the directories and the few files of /etc that programs expect."""
    for name in _DIRECTORIES:
        (root / name).mkdir(exist_ok=True)
    for path in (root / "tmp", root / "var/tmp"):
        path.mkdir(exist_ok=True)
        path.chmod(0o1777)
    for name, text in _ETC.items():
        (root / "etc" / name).write_text(text)
    (root / "root/.bashrc").write_text("PS1='\\u@\\h:\\w\\$ '\n")
