"""kinds: the situations in which a container is asked for, each with a box."""

from dataclasses import replace

from tests.bench.box import Box

# Piped: from and to /dev/null.
PIPED, TERMINAL = "piped", "at a terminal"
VOLUME, USER, BOTH = "with a volume", "as 1000:1000", "a volume, at a terminal"
SITUATIONS = (PIPED, TERMINAL, VOLUME, USER, BOTH)


def kinds(box: Box) -> dict[str, Box]:
    """Return what is made in each situation."""
    return {
        PIPED: box,
        TERMINAL: replace(box, terminal=True),
        VOLUME: replace(box, volume=True),
        USER: replace(box, user="1000:1000"),
        BOTH: replace(box, volume=True, terminal=True),
    }


def named(way: str, situation: str) -> str:
    """Return how a way is called in a situation."""
    return f"{way}, {situation}"
