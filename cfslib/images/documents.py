"""documents: JSON that came from elsewhere, bounded before it is parsed."""

import json
from typing import Any

from cfslib.images.contents import Stream
from cfslib.images.headers import BadArchive

LIMIT = 4 << 20  # bytes: registries take no longer manifests either


class BadDocument(BadArchive):
    """JSON that is too long, damaged, or not what it should be."""


def read(stream: Stream, what: str, limit: int = LIMIT) -> bytes:
    """Return what a stream brings, unless it is too long to be a document."""
    found = bytearray()
    while block := stream.read1(limit + 1 - len(found)):
        found += block
        if len(found) > limit:
            raise BadDocument(f"{what} is longer than {limit} bytes")
    return bytes(found)


def parsed(data: bytes, what: str, kind: type = dict) -> Any:
    """Return what JSON says; it has to be an object, or a list if `kind` is that."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise BadDocument(f"{what} is not JSON: {reason}") from None
    if not isinstance(found, kind):
        wanted = "a list" if kind is list else "an object"
        raise BadDocument(f"{what} is not {wanted}")
    return found


def part(document: Any, key: str, kind: type, what: str, default: Any = None) -> Any:
    """Return one part of an object; null, which is normal, is the default."""
    found = document.get(key)
    if found is None:
        return default
    if not isinstance(found, kind):
        raise BadDocument(f"{what}: {key} should be {kind.__name__}")
    return found
