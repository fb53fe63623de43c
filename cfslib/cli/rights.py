"""rights: the options of `cfs run` that say what the command may do.

Which capabilities root has inside, and what may be asked of the kernel.
"""

import sys

from cfslib.cli.parser import TRUTHS, Option, Usage
from cfslib.isolation import seccomp
from cfslib.isolation.capabilities import ALL, DEFAULT, Capability

UNCONFINED = "unconfined"  # in the place of a profile: no filter at all


def options() -> "tuple[Option, ...]":
    """Return the options that say what root inside may do."""
    # fmt: off
    return (
        Option("--cap-add", "", "CAP", capability, many=True,
            help="a right to leave to root inside, or ALL; may be repeated"),
        Option("--cap-drop", "", "CAP", capability, many=True,
            help="a right to take from root inside, or ALL; may be repeated"),
        Option("--security-opt", "", "WHAT", security, many=True,
            help="no-new-privileges[={true,false}]: no program inside gives more rights"
            " than there are already; seccomp=FILE: what may be asked of the kernel, in"
            " Docker's format; seccomp=unconfined: anything"),
    )
    # fmt: on


def left(
    add: "list[frozenset[Capability]]", drop: "list[frozenset[Capability]]"
) -> "frozenset[Capability]":
    """Return what is left to root inside.

    That is also what is both dropped and added; but beside `--cap-add ALL`, what is
    dropped by its name is gone.
    """
    if ALL in add:
        return ALL.difference(*(names for names in drop if names != ALL))
    return DEFAULT.difference(*drop).union(*add)


def filter_from(
    profile: "str | None", rights: "frozenset[Capability]"
) -> "tuple[bytes | None, int]":
    """Return the filter of calls that a profile describes, and its flags."""
    if profile is None:
        return None, 0
    if profile == UNCONFINED:
        return b"", 0
    import warnings  # here, because hardly any container needs it

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = seccomp.filter_from(profile, rights)
    for warning in told if sys.stderr else ():
        print(f"cfs: {warning.message}", file=sys.stderr)
    return found


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
    if value is not None and value.lower() not in TRUTHS:
        raise Usage(f"neither true nor false: {value!r}")
    return value is None or TRUTHS[value.lower()]


def _profile(value: "str | None") -> str:
    """Take the path of a profile, or `unconfined`."""
    if not value:
        raise Usage("not seccomp=FILE or seccomp=unconfined")
    return value


# Of --security-opt: what may be said, and how to read what stands after it.
_SECURITY = {"no-new-privileges": _is_so, "seccomp": _profile}
