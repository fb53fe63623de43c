"""values: what may stand after an option of `cfs run`, and what it means.

Each function turns the text of one option into a value, or raises `Usage` with a text
that shows what was expected.
"""

import posix

from cfslib.cli.parser import Usage
from cfslib.isolation.capabilities import ALL, Capability
from cfslib.kernel.tracing import encoded
from cfslib.runtime.spec import SCRATCH, USERNS, Volume

_PROCESSES = 4_194_304  # PID_MAX_LIMIT in <linux/threads.h>
# Of --mount: what may be said of each kind, and other words for the same.
_MOUNTS = {"bind": ("source",), "tmpfs": ("tmpfs-size",)}
_ALSO = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_BIND = "type=bind,source=SRC,target=DST[,readonly]"
_TMPFS = "type=tmpfs,target=DST[,tmpfs-size=BYTES]"
_SHIFTS = {"k": 10, "m": 20, "g": 30}
_SHARES = range(2, (1 << 18) + 1)  # what the kernel's cpu.shares may be
_FIRST_TO_GO = 1000  # OOM_SCORE_ADJ_MAX in <linux/oom.h>


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
    read_only = _TRUTHS.get(parts.pop("readonly", "false"))
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


def count(text: str) -> int | None:
    """Read a limit on processes; "max" is the kernel's word for none."""
    if text == "max":
        return None
    if not _is_digits(text, 7) or not 0 < int(text) <= _PROCESSES:
        raise Usage(f"not a number of processes from 1, nor `max`: {text!r}")
    return int(text)


def size(text: str) -> int:
    """Read a number of bytes: 67108864, 65536k, 64m, 1g.

    >>> size("64m") == 64 * 1024 * 1024
    True
    """
    digits = text.lower().removesuffix("b")
    shift = _SHIFTS.get(digits[-1:], 0)
    digits = digits[:-1] if shift else digits
    number = int(digits) << shift if _is_digits(digits, 18) else 0
    if not 0 < number < 1 << 63:
        raise Usage(f"not a number of bytes such as 67108864 or 64m: {text!r}")
    return number


def size_or_none(text: str) -> int:
    """Read a number of bytes, or -1, which means any number."""
    return -1 if text == "-1" else size(text)


def storage(text: str) -> int:
    """Read the one option of storage that there is: size=BYTES."""
    name, _, number = text.partition("=")
    if name != "size":
        raise Usage(f"not size=BYTES: {text!r}")
    return size(number)


def cpus(text: str) -> float:
    """Read an amount of processors; the kernel's smallest is a hundredth."""
    whole, point, part = text.partition(".")
    is_number = _is_digits(whole, 5) and (not point or _is_digits(part, 6))
    if not is_number or float(text) < 0.01:
        raise Usage(f"not an amount of processors from 0.01: {text!r}")
    return float(text)


def processors(text: str) -> str:
    """Check a list of processors, such as 0-3,6."""
    from cfslib.isolation.cgroups import cpuset  # here, because it is hardly used

    try:
        cpuset.numbers(text)
    except ValueError as error:
        raise Usage(f"not a list of processors such as 0-3,6: {error}") from None
    return text


def shares(text: str) -> int:
    """Read shares of a processor: 1024 is what everybody has."""
    if not _is_digits(text, 6) or int(text) not in _SHARES:
        raise Usage(f"not a number of shares from 2 to 262144: {text!r}")
    return int(text)


def score(text: str) -> int:
    """Read how likely one is to be killed where memory is short."""
    if not _is_digits(text.removeprefix("-"), 4) or abs(int(text)) > _FIRST_TO_GO:
        raise Usage(f"not a number from -1000 to 1000: {text!r}")
    return int(text)


def _is_digits(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= most


def userns(text: str) -> str:
    """Read whose users a container has, in the words of Docker and Podman."""
    if text not in USERNS:
        raise Usage(f"not one of {', '.join(USERNS)}: {text!r}")
    return text


def capability(text: str) -> "frozenset[Capability]":
    """Read the name of a capability, with or without CAP_ before it, or ALL."""
    name = text.upper().removeprefix("CAP_")
    if text.upper() == "ALL":
        return ALL
    if name not in Capability.__members__:
        raise Usage(f"no such capability: {text!r}; {_nearest(name)}")
    return frozenset({Capability[name]})


def _nearest(name: str) -> str:
    import difflib  # here, because it is slow to import, and few mistype

    found = difflib.get_close_matches(name, Capability.__members__, 1)
    return f"did you mean {found[0]}?" if found else "see capabilities(7)"


def security(text: str) -> "tuple[str, object]":
    """Split WHAT=VALUE; once it was a colon that stood between them.

    >>> security("no-new-privileges"), security("no-new-privileges:false")
    (('no-new-privileges', True), ('no-new-privileges', False))
    """
    if "=" not in text:
        text = text.replace(":", "=", 1)
    what, equals, value = text.partition("=")
    if what not in _SECURITY:
        raise Usage(f"not {' or '.join(_SECURITY)}: {text!r}")
    return what, _SECURITY[what](value if equals else None)


def _is_so(value: "str | None") -> bool:
    """Read true or false; nothing means true."""
    if value is not None and value.lower() not in _TRUTHS:
        raise Usage(f"neither true nor false: {value!r}")
    return value is None or _TRUTHS[value.lower()]


def _profile(value: "str | None") -> str:
    """Take the path of a profile, or `unconfined`."""
    if not value:
        raise Usage("not seccomp=FILE or seccomp=unconfined")
    return value


# Of --security-opt: what may be said, and how to read what stands after it.
_SECURITY = {"no-new-privileges": _is_so, "seccomp": _profile}
