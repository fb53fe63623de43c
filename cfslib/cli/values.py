"""values: what may stand after the other options of `cfs run`, and what it means.

Each function turns the text of one option into a value, or raises `Usage` with a text
that shows what was expected.
"""

import posix

from cfslib.cli.limits import size
from cfslib.cli.parser import TRUTHS, Usage
from cfslib.kernel.tracing import encoded
from cfslib.runtime.spec import SCRATCH, USERNS, Volume

# Of --mount: what may be said of each kind, and other words for the same.
_MOUNTS = {"bind": ("source",), "tmpfs": ("tmpfs-size",)}
_ALSO = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_BIND = "type=bind,source=SRC,target=DST[,readonly]"
_TMPFS = "type=tmpfs,target=DST[,tmpfs-size=BYTES]"


def directory(text: str) -> str:
    """Take any path; an empty one is where we are."""
    return text or "."


def hostname(text: str) -> str:
    """Check a hostname as the kernel does, and for what it would cut short."""
    if not 0 < len(encoded(text)) <= 64 or "\0" in text:
        raise Usage(f"a hostname has 1 to 64 bytes, none of them NUL: {text!r}")
    return text


def variable(text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise Usage(f"not NAME=VALUE: {text!r}")
    return name, value


def volume(text: str) -> Volume:
    """Split SRC:DST or SRC:DST:ro."""
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not source or not target.startswith("/") or mode not in ("", "ro", "rw"):
        raise Usage(f"not SRC:DST or SRC:DST:ro with an absolute DST: {text!r}")
    return Volume(_on_the_host(source), _inside(target, text), mode == "ro")


def mount(text: str) -> Volume:
    """Read what to mount, in the words of `docker run --mount`.

    >>> mount("type=bind,source=/usr,target=/data,readonly")
    Volume(source='/usr', target='/data', read_only=True, size=67108864)
    >>> mount("type=tmpfs,target=/scratch,tmpfs-size=1m")
    Volume(source=None, target='/scratch', read_only=False, size=1048576)
    """
    parts: dict[str, str] = {}
    for field in _fields(text):
        name, equals, value = field.partition("=")
        name = _ALSO.get(name, name)
        if name in parts:
            raise Usage(f"{name} is said twice: {text!r}")
        parts[name] = value if equals else "true"
    kind, target = parts.pop("type", ""), parts.pop("target", "")
    read_only = TRUTHS.get(parts.pop("readonly", "false"))
    wanted = _MOUNTS.get(kind, ())
    if not target.startswith("/") or read_only is None or not set(parts) <= set(wanted):
        raise Usage(f"not {_BIND} or {_TMPFS}, with an absolute DST: {text!r}")
    if kind == "tmpfs":
        most = size(parts["tmpfs-size"]) if parts else SCRATCH
        return Volume(None, _inside(target, text), read_only, most)
    if not parts.get("source"):
        raise Usage(f"not {_BIND}: {text!r}")
    return Volume(_on_the_host(parts["source"]), _inside(target, text), read_only)


def _fields(text: str) -> "list[str]":
    """Split at commas; one that has a comma in it stands in quotes."""
    if '"' not in text:
        return text.split(",")
    import csv  # here, because hardly anybody needs it

    try:
        return next(csv.reader([text]), [])
    except csv.Error:
        raise Usage(f"not fields with commas between them: {text!r}") from None


def _on_the_host(source: str) -> str:
    if not source.startswith("/"):
        source = f"{posix.getcwd()}/{source}"
    return f"/{'/'.join(_names_in(source))}"


def _inside(target: str, text: str) -> str:
    way: list[str] = []
    for name in _names_in(target):
        way = way[:-1] if name == ".." else [*way, name]
    if way[:1] in ([], ["proc"], ["sys"]):
        raise Usage(f"a volume cannot cover /, /proc or /sys: {text!r}")
    return f"/{'/'.join(_names_in(target))}"


def _names_in(path: str) -> "list[str]":
    return [name for name in path.split("/") if name not in ("", ".")]


def storage(text: str) -> int:
    """Read the one option of storage that there is: size=BYTES."""
    name, _, number = text.partition("=")
    if name != "size":
        raise Usage(f"not size=BYTES: {text!r}")
    return size(number)


def userns(text: str) -> str:
    """Read whose users a container has, in the words of Docker and Podman."""
    if text not in USERNS:
        raise Usage(f"not one of {', '.join(USERNS)}: {text!r}")
    return text
