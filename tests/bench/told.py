"""told: how each peer is told to make a container, or why it is not there."""

import difflib
import json
import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench import oci, trials
from tests.bench.box import Box
from tests.bench.kinds import PIPED, kinds
from tests.bench.situations import PEERS
from tests.bench.trials import Found


def told(box: Box, _rounds: int) -> list[dict[str, Any]]:
    """Say which peers there are, and how they are called in each situation."""
    with ExitStack() as stack:
        found = {
            situation: stack.enter_context(trials.found(kind))
            for situation, kind in kinds(box).items()
        }
        return [
            _one(each, dict(zip(found, others, strict=True)))
            for each, *others in zip(found[PIPED], *found.values(), strict=True)
        ]


def _one(plain: Found, situations: dict[str, Found]) -> dict[str, Any]:
    more = {
        situation: _more(found, plain)
        for situation, found in situations.items()
        if plain.peer.name in PEERS and not plain.missing and situation != PIPED
    }
    return {
        "name": plain.peer.name,
        "version": plain.version,
        "missing": plain.missing,
        "differs": plain.peer.differs,
        "words": shlex.join(plain.words),
        "config.json": _text(_bundle(plain)),
        "more": more,
    }


def _more(found: Found, plain: Found) -> str:
    """Return what a situation adds to the words or to the configuration."""
    if found.missing:
        return found.missing
    if bundle := _bundle(found):
        return _text(oci.difference(bundle, _bundle(plain)))
    words = [word.replace(str(found.own), str(plain.own)) for word in found.words]
    both = difflib.ndiff(plain.words, words)
    return shlex.join(word[2:] for word in both if word.startswith("+ "))


def _bundle(each: Found) -> Any:
    words = list(each.words)
    if "--bundle" not in words:
        return None
    bundle = Path(words[words.index("--bundle") + 1])
    return json.loads((bundle / "config.json").read_text())


def _text(bundle: Any) -> str:
    return json.dumps(bundle) if bundle else ""
