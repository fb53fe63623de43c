"""urls: where a URL leads, and whether we go there.

Without TLS we speak to this machine alone, and only if the registry is one of this
machine's, so that no other one can send us there.
"""

import re
from urllib.parse import SplitResult, urljoin, urlsplit

_HOST = re.compile(r"(?:[a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?", re.ASCII)

Origin = tuple[str, str, int]  # scheme, host, port


class Refused(OSError):
    """A server said no, or is none that we speak with."""


def checked(url: str, *, is_local: bool) -> SplitResult:
    """Return a URL in parts; raise `Refused` if we do not go there."""
    try:
        parts = urlsplit(url)
        is_one = _HOST.fullmatch(parts.netloc) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or parts.scheme not in ("http", "https"):
        raise Refused(f"we do not go to {shown(url)}")
    may_hear = is_local and is_loopback(parts.hostname or "")
    if parts.scheme == "http" and not may_hear:
        error = Refused(f"{parts.netloc} would have us speak without TLS")
        error.add_note(
            "Hint: that is for registries of this machine: localhost, 127.0.0.1."
        )
        raise error
    return parts


def origin(parts: SplitResult) -> Origin:
    """Return whom a URL leads to."""
    usual = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").lower(), parts.port or usual


def is_loopback(host: str) -> bool:
    """Say if this is this machine, as it calls itself."""
    numbers = host.split(".")
    is_v4 = len(numbers) == 4 and all(one.isdecimal() for one in numbers)
    return host in ("localhost", "::1") or (is_v4 and numbers[0] == "127")


def joined(url: str, target: str) -> str:
    """Return where a server sends us."""
    try:
        return urljoin(url, target)
    except ValueError:
        raise Refused(f"we do not go to {shown(target)}") from None


def shown(text: str) -> str:
    """Return what somebody else wrote, short and without signs that do something."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in text)
    return plain if len(plain) <= 120 else f"{plain[:120]}..."
