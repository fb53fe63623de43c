"""config: what an image says of itself: how to run it, and how it was made.

The format is that of the OCI image specification, config.md.  What Docker writes has
more in it; and `null` stands where there is nothing to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cfslib.images import documents, reference
from cfslib.images.documents import BadDocument, part

LAYERS = 1000  # at most; an overlay in the kernel would take 500
_WHAT = "config"


@dataclass(frozen=True)
class Step:
    """One step of how an image was made."""

    created: str = ""
    made_by: str = ""
    comment: str = ""
    is_empty: bool = False  # it made no layer


@dataclass(frozen=True)
class Config:
    """What an image says of itself."""

    diff_ids: tuple[str, ...]  # the digests of its layers, uncompressed
    architecture: str = ""
    os: str = ""
    variant: str = ""
    created: str = ""
    author: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    stop_signal: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    exposed: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    history: tuple[Step, ...] = ()


def read(data: bytes) -> Config:
    """Read the config of an image; raise `BadDocument` that names what is wrong."""
    if len(data) > documents.LIMIT:
        raise BadDocument(f"{_WHAT} is longer than {documents.LIMIT} bytes")
    top = documents.parsed(data, _WHAT)
    inner = part(top, "config", dict, _WHAT, {})
    return Config(
        diff_ids=_digests(part(top, "rootfs", dict, _WHAT, {})),
        architecture=_text(top, "architecture"),
        os=_text(top, "os"),
        variant=_text(top, "variant"),
        created=_text(top, "created"),
        author=_text(top, "author"),
        entrypoint=_words(inner, "Entrypoint"),
        cmd=_words(inner, "Cmd"),
        env=_words(inner, "Env"),
        user=_text(inner, "User"),
        workdir=_text(inner, "WorkingDir"),
        stop_signal=_text(inner, "StopSignal"),
        labels=_labels(inner),
        exposed=_keys(inner, "ExposedPorts"),
        volumes=_keys(inner, "Volumes"),
        history=tuple(map(_step, part(top, "history", list, _WHAT, []))),
    )


def _text(of: Mapping[str, Any], name: str) -> str:
    """Return a text, "" if there is none."""
    return _plain(part(of, name, str, _WHAT, ""), name)


def _words(of: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of texts; old Dockers wrote one text for a list of one."""
    if isinstance(of.get(name), str):
        return (_text(of, name),)
    words = part(of, name, list, _WHAT, [])
    for word in words:
        if not isinstance(word, str):
            raise BadDocument(f"{_WHAT}: {name} has {_short(word)} in it, no text")
    return tuple(_plain(word, name) for word in words)


def _plain(found: str, name: str) -> str:
    """Refuse what no argument and no variable of a program can be."""
    if "\0" in found:
        raise BadDocument(f"{_WHAT}: {name} has a NUL in it")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise BadDocument(f"{_WHAT}: {name} has half a character in it") from None
    return found


def _digests(rootfs: Mapping[str, Any]) -> tuple[str, ...]:
    layers = part(rootfs, "diff_ids", list, _WHAT, [])
    if len(layers) > LAYERS:
        raise BadDocument(f"{_WHAT}: more than {LAYERS} layers")
    for one in layers:
        if not isinstance(one, str) or not reference.is_digest(one):
            raise BadDocument(f"{_WHAT}: diff_ids has {_short(one)} in it, no sha256")
    return tuple(layers)


def _labels(of: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    labels = part(of, "Labels", dict, _WHAT, {})
    return tuple((_plain(name, "Labels"), _text(labels, name)) for name in labels)


def _keys(of: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(_plain(key, name) for key in part(of, name, dict, _WHAT, {}))


def _step(found: object) -> Step:
    if not isinstance(found, dict):
        raise BadDocument(f"{_WHAT}: history has {_short(found)} in it, no object")
    return Step(
        _text(found, "created"),
        _text(found, "created_by"),
        _text(found, "comment"),
        found.get("empty_layer") is True,
    )


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}..."
