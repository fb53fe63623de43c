"""names: what containers are called, by people and by us.

Each has an id of 256 bits at random, and a name that one can say: that which was asked
for, or two words.
"""

import posix

ID_LENGTH = 64  # hexadecimal digits
SHOWN = 12  # of them, where people read them
LONGEST = 128
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_KINDS = (
    "amber", "brass", "brisk", "calm", "cedar", "chalk", "clear", "copper", "coral",
    "dusty", "early", "flint", "green", "hazel", "ivory", "keen", "late", "linen",
    "maple", "mild", "misty", "ochre", "olive", "pale", "plain", "quick", "quiet",
    "rusty", "sandy", "slate", "steep", "tidy",
)  # fmt: skip
_THINGS = (
    "anchor", "anvil", "barge", "basket", "bench", "bridge", "buoy", "cabin", "canoe",
    "chest", "crane", "crate", "dock", "drum", "ferry", "harbor", "hatch", "keel",
    "kettle", "ladder", "lantern", "lathe", "oar", "pallet", "pier", "pulley", "raft",
    "rope", "sail", "shed", "tug", "wharf",
)  # fmt: skip


def new_id() -> str:
    """Return an id that no other container has."""
    return posix.urandom(ID_LENGTH // 2).hex()


def two_words() -> str:
    """Return a name by chance; another container may have it.

    >>> is_one(two_words())
    True
    """
    first, second = posix.urandom(2)
    return f"{_KINDS[first % len(_KINDS)]}-{_THINGS[second % len(_THINGS)]}"


def is_one(text: str) -> bool:
    """Say if this can be a name: as Docker has it, and nothing that looks like an id.

    >>> list(map(is_one, ["web", "web.1_a-b", "", "-web", ".web", "a/b", "a" * 64]))
    [True, True, False, False, False, False, False]
    """
    is_plain = not text.strip(_LETTERS + "_.-") and text[:1] in _LETTERS
    return bool(text) and is_plain and len(text) <= LONGEST and not is_id(text)


def is_id(text: str) -> bool:
    """Say if this is a whole id."""
    return len(text) == ID_LENGTH and not text.strip("0123456789abcdef")
