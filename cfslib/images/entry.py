"""entry: what an archive says about one file."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from cfslib.images.contents import Data


class Kind(enum.Enum):
    """What an entry is; the value is its type in a header."""

    FILE = b"0"
    HARD_LINK = b"1"
    SYMLINK = b"2"
    CHAR = b"3"
    BLOCK = b"4"
    DIRECTORY = b"5"
    FIFO = b"6"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive; its data is there until the next entry is asked for."""

    name: str
    kind: Kind
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0  # nanoseconds
    link: str = ""
    xattrs: Mapping[str, bytes] = field(default_factory=dict)
    device: tuple[int, int] = (0, 0)
    data: Data | None = None
