"""search: where programs of this machine are looked for.

The usual directories come first, so that nearly everybody finds the same programs.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def path(environ: "Mapping[bytes, bytes]") -> bytes:
    """Return the usual directories and those of PATH, each once.

    Those that depend on the current directory, such as `.`, are left out: what is kept
    for later must not.
    """
    usual, ours = PATH.encode(), environ.get(b"PATH", b"")
    directories = [*usual.split(b":"), *ours.split(b":")]
    return b":".join(dict.fromkeys(d for d in directories if d.startswith(b"/")))
