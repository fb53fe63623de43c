"""config: what an image says of itself: how to run it, and how it was made.

The format is that of the OCI image specification, config.md.  What Docker writes has
more in it; and `null` stands where there is nothing to say.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cfslib.images import reference

MOST = 4 << 20  # bytes: the largest that engines take
LAYERS = 1000  # at most; an overlay in the kernel would take 500
_SMALLEST, _LARGEST = 0, (1 << 63) - 1


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
    """Read the config of an image; raise `ValueError` that names what is wrong."""
    top = document(data, "config", MOST)
    inner = part(top, "config", dict) or {}
    layers = part(part(top, "rootfs", dict) or {}, "diff_ids", list) or []
    return Config(
        diff_ids=_digests(layers),
        architecture=text(top, "architecture"),
        os=text(top, "os"),
        variant=text(top, "variant"),
        created=text(top, "created"),
        author=text(top, "author"),
        entrypoint=_words(inner, "Entrypoint"),
        cmd=_words(inner, "Cmd"),
        env=_words(inner, "Env"),
        user=text(inner, "User"),
        workdir=text(inner, "WorkingDir"),
        stop_signal=text(inner, "StopSignal"),
        labels=_labels(inner),
        exposed=tuple(_keys(inner, "ExposedPorts")),
        volumes=tuple(_keys(inner, "Volumes")),
        history=_history(top),
    )


def document(data: bytes, what: str, most: int) -> dict[str, Any]:
    """Parse JSON that is an object, and not too long."""
    if len(data) > most:
        raise ValueError(f"{what}: more than {most} bytes of JSON")
    try:
        found = json.loads(data)
    except RecursionError:
        raise ValueError(f"{what}: JSON in JSON, too deep") from None
    except ValueError as error:  # which may quote what is no UTF-8
        raise ValueError(f"{what}: no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{what}: no JSON object")
    return found


def part(of: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return a part of a JSON object, or None; `null` is the same as nothing."""
    found = of.get(name)
    if found is not None and (not isinstance(found, kind) or isinstance(found, bool)):
        raise ValueError(f"{name} is {_short(found)}, but should be {_KINDS[kind]}")
    return found


def text(of: Mapping[str, Any], name: str) -> str:
    """Return a text, "" if there is none."""
    return _plain(part(of, name, str) or "", name)


def number(of: Mapping[str, Any], name: str) -> int:
    """Return a number of bytes."""
    found = part(of, name, int)
    if found is None or not _SMALLEST <= found <= _LARGEST:
        raise ValueError(f"{name} is {_short(found)}, but should be a number of bytes")
    return int(found)


_KINDS = {dict: "an object", list: "a list", str: "a text", int: "a number"}


def _words(of: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of texts; old Dockers wrote one text for a list of one."""
    found = of.get(name)
    if isinstance(found, str):
        return (_plain(found, name),)
    words = part(of, name, list) or []
    for word in words:
        if not isinstance(word, str):
            raise ValueError(f"{name} has {_short(word)} in it, which is no text")
    return tuple(_plain(word, name) for word in words)


def _plain(found: str, name: str) -> str:
    """Refuse what no argument and no variable of a program can be."""
    if "\0" in found:
        raise ValueError(f"{name} has a NUL in it")
    if not found.isascii():
        try:
            found.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name} has half a character in it") from None
    return found


def _digests(layers: list[Any]) -> tuple[str, ...]:
    if len(layers) > LAYERS:
        raise ValueError(f"diff_ids: more than {LAYERS} layers")
    for one in layers:
        if not isinstance(one, str) or not reference.is_digest(one):
            raise ValueError(f"diff_ids has {_short(one)} in it, which is no sha256")
    return tuple(layers)


def _labels(of: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    labels = part(of, "Labels", dict) or {}
    return tuple((name, text(labels, name)) for name in labels)


def _keys(of: Mapping[str, Any], name: str) -> list[str]:
    return [_plain(key, name) for key in part(of, name, dict) or {}]


def _history(top: Mapping[str, Any]) -> tuple[Step, ...]:
    steps = part(top, "history", list) or []
    for step in steps:
        if not isinstance(step, dict):
            raise ValueError(f"history has {_short(step)} in it, which is no object")
    return tuple(
        Step(
            text(step, "created"),
            text(step, "created_by"),
            text(step, "comment"),
            step.get("empty_layer") is True,
        )
        for step in steps
    )


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}..."
