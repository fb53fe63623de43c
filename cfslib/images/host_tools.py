"""Building: a rootfs made of this machine's own programs.

A program is a file, the libraries it asks for, and the loader that brings them
together; `ldd` lists them.  Copy these to the same places below an empty directory
and the program runs there:

    >>> any("libc" in library.name for library in libraries([Path("/bin/sh")]))
    True

Symbolic links are kept as links.  The few files in /etc are ours, not the host's.
"""

import errno
import io
import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from cfslib.images import elf, search
from cfslib.images.below import Tree
from cfslib.images.progress import Progress, unseen

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

_FILES = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "/etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "/etc/os-release": 'ID=cfs\nNAME="Containers from scratch"\n',
    "/root/.bashrc": "PS1='\\u@\\h:\\w\\$ '\n",
}
_DIRECTORIES = ("dev", "proc", "sys", "etc", "home", "mnt", "root", "run", "var")
# Those that this machine knows of.  In a container the others are xterm-256color.
_TERMINALS = tuple(
    """
    alacritty ansi dumb foot linux rxvt rxvt-unicode rxvt-unicode-256color screen
    screen-256color screen.xterm-256color st-256color tmux tmux-256color vt100 vt220
    wezterm xterm xterm-256color xterm-color xterm-ghostty xterm-kitty
    """.split()  # noqa: SIM905  as above
)
# Where the loader looks for libraries, and its list of those that are elsewhere.
_USUAL_PLACE = re.compile(r"(/usr)?/lib(64|32)?(/[^/]+-linux-[^/]+)?")
_LIST = Path("/etc/ld.so.cache")
_LONGEST_LINE = 256  # the kernel reads no more of a `#!` line: BINPRM_BUF_SIZE
_MOST_LINKS = 40  # on the way to a file; the kernel follows no more either
_AT_ONCE = 20  # programs: `ldd` takes a while to start, and people want to see progress


class MissingTool(FileNotFoundError):
    """A program that was asked for is not on this machine."""


def build(
    root: Path,
    tools: Sequence[str] = EVERYDAY,
    progress: Progress = unseen,
    path: str | None = None,
) -> list[Path]:
    """Fill the directory `root`, and return the files of the host that it came from.

    Programs are named as in a shell, or by path.  The everyday tools are those that
    are here and that we may read; a tool asked for by name has to be.  A library that
    is not here is missing there too: see `needs`.
    """
    programs = found(tools, path)
    if tools is not EVERYDAY:
        _refuse_what_cannot_be_copied(tools, path)
    wanted = _with_interpreters(programs, path)
    needed = loaders(wanted)
    with Tree(root) as tree:
        for start in range(0, len(wanted), _AT_ONCE):
            needed += libraries(wanted[start : start + _AT_ONCE])
            progress(min(start + _AT_ONCE, len(wanted)), len(wanted))
        others = [*_list_of_libraries(needed), *_terminal_descriptions()]
        sources = list(dict.fromkeys([*wanted, *needed, *others]))
        for source in filter(is_readable, sources):
            _copy(source, tree)
        _link_top_level(tree)
        _furnish(tree)
        _link_into_path(wanted, tree)
    return sources


def found(tools: Iterable[str], path: str | None = None) -> list[Path]:
    """Return where those tools are that this machine has."""
    return [program for tool in tools if (program := find(tool, path))]


def _refuse_what_cannot_be_copied(tools: Sequence[str], path: str | None) -> None:
    if missing := [tool for tool in tools if not find(tool, path)]:
        error: OSError = MissingTool(f"not on this machine: {', '.join(missing)}")
        error.add_note("Hint: install them here first, or name them by path.")
        raise error
    if closed := [file for file in found(tools, path) if not is_readable(file)]:
        error = PermissionError(f"we may not read {', '.join(map(str, closed))}")
        error.add_note(f"Hint: {to_make_readable(closed)}")
        raise error


def is_readable(file: Path) -> bool:
    """Say if a file can be copied: some programs may be executed, but not read."""
    try:
        file.open("rb").close()
    except OSError:
        return False
    return True


def to_make_readable(files: Iterable[Path]) -> str:
    """Return what to type for files that we may not read."""
    return shlex.join(["sudo", "chmod", "a+r", *map(str, files)])


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
    # By their real names, because a program may look beside itself for libraries.
    names = map(os.path.realpath, programs)
    done = subprocess.run(["ldd", *names], capture_output=True, env={"PATH": PATH})
    # A script or a static program is no error; ldd says so and goes on.
    lines = re.findall(rb"^\t(?:.+? => )?(/.+) \(0x", done.stdout, re.MULTILINE)
    return [Path(os.fsdecode(path)) for path in dict.fromkeys(lines)]


def loaders(programs: Iterable[Path]) -> list[Path]:
    """Return what the kernel starts in the place of programs, and brings them along."""
    read = (elf.read(program) for program in programs if is_readable(program))
    paths = [Path(found.loader) for found in read if found and found.loader]
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def interpreters(programs: Iterable[Path], path: str | None = None) -> list[Path]:
    """Return what runs those programs that are scripts: the `#!` line says."""
    paths = [Path(name) for program in programs for name in run_by(program, path)]
    return [p for p in dict.fromkeys(paths) if p.is_absolute() and p.is_file()]


def run_by(script: Path, path: str | None = None) -> list[str]:
    """Return what the `#!` line of a script names; if that is `env`, also its tool."""
    if not is_readable(script):
        return []
    with script.open("rb") as file:
        line = file.readline(_LONGEST_LINE).rstrip(b"\n")
    words = [os.fsdecode(word) for word in re.split(rb"[ \t]+", line[2:]) if word]
    if not line.startswith(b"#!") or not words:
        return []
    first, *rest = words
    names = [word for word in rest if not word.startswith("-") and "=" not in word]
    if os.path.basename(first) != "env" or not names:
        return [first]
    return [first, str(find(names[0], path) or names[0])]


def _with_interpreters(programs: Iterable[Path], path: str | None) -> list[Path]:
    """Add what runs scripts, and what runs that if it is a script itself."""
    every = list(dict.fromkeys(programs))
    for program in every:  # which grows meanwhile
        every += [new for new in interpreters([program], path) if new not in every]
    return every


def copy(source: Path, root: Path) -> None:
    """Copy a file to the same place below `root`, with every link on the way to it."""
    with Tree(root) as tree:
        _copy(source, tree)


def _copy(source: Path, tree: Tree) -> None:
    """Go to a file as the kernel does, one name after the other."""
    here, ahead, links = Path("/"), list(source.parts[1:]), 0
    while ahead:
        name = ahead.pop(0)
        place = here / name
        if name == "..":
            tree.make_directory(here)  # whoever goes this way passes through it
            here = here.parent
        elif place.is_symlink():
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(source))
            target = place.readlink()
            tree.link(place, target)
            ahead = [part for part in target.parts if part != "/"] + ahead
            here = Path("/") if target.is_absolute() else here
        else:
            here = place
    with here.open("rb") as content:
        # Never setuid: inside, that would be our own rights, not root's.
        tree.write(here, content, 0o755 if os.access(here, os.X_OK) else 0o644)


def _link_top_level(tree: Tree) -> None:
    """Let /bin lead to /usr/bin, as on the host: scripts begin with `#!/bin/sh`."""
    for link in map(Path, ("/bin", "/sbin", "/lib", "/lib64")):
        if link.is_symlink() and tree.is_directory(link.resolve()):
            tree.link(link, link.readlink())


def _link_into_path(programs: Iterable[Path], tree: Tree) -> None:
    """Make programs from unusual places, such as a home directory, easy to call."""
    for program in programs:
        if str(program.parent) not in PATH.split(":"):
            tree.link(Path("/usr/local/bin", program.name), program)


def _list_of_libraries(libraries: Iterable[Path]) -> list[Path]:
    """Return the loader's list, if it may have found one of these by it."""
    places = {str(library.parent) for library in libraries}
    usual = all(map(_USUAL_PLACE.fullmatch, places))
    return [_LIST] if not usual and _LIST.exists() else []


def _terminal_descriptions() -> list[Path]:
    """Return the terminfo files that less, top and vi look for."""
    places = (Path("/etc/terminfo"), Path("/lib/terminfo"), Path("/usr/share/terminfo"))
    files = (place / name[0] / name for name in _TERMINALS for place in places)
    return [file for file in files if file.exists()]


def _furnish(tree: Tree) -> None:
    """Add the directories and the few files of /etc that programs expect."""
    for name in _DIRECTORIES:
        tree.make_directory(Path("/", name))
    for name in ("/tmp", "/var/tmp"):
        tree.make_directory(Path(name), 0o1777)
    for name, text in _FILES.items():
        tree.write(Path(name), io.BytesIO(text.encode()))
