"""finder: find the modules of this package without looking around.

Python asks of each directory what is in it, and of each name which of several endings
it has.  We know where ours are.  What Python does with a module that it has found is
done here as well: its compiled file is taken if it was made from the source as it is
now.  All else is left to Python, which then compiles it.
"""

import marshal
import posix
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

PACKAGE = __name__.partition(".")[0]
HEADER = 16  # bytes before the code: see PEP 552
TAG = sys.implementation.cache_tag


class Finder:
    """Finds modules and loads them, as `importlib.abc` describes."""

    @staticmethod
    def find_spec(
        name: str, path: "Sequence[str] | None", target: object = None
    ) -> "ModuleSpec | None":
        """Return a module of ours, with its code; None to leave it to Python."""
        if not path or not name.startswith(f"{PACKAGE}."):
            return None
        place = f"{path[0]}/{name.rpartition('.')[2]}"
        return _spec(name, path[0], place) or _spec(name, place, f"{place}/__init__")

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """Have Python make the module."""

    @staticmethod
    def exec_module(module: "ModuleType") -> None:
        """Run the code of a module."""
        assert module.__spec__
        exec(marshal.loads(module.__spec__.loader_state), vars(module))


def _spec(name: str, directory: str, place: str) -> "ModuleSpec | None":
    compiled = f"{directory}/__pycache__/{place[len(directory) + 1 :]}.{TAG}.pyc"
    try:
        file = posix.open(compiled, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = posix.read(file, posix.fstat(file).st_size)
        source = posix.stat(f"{place}.py")
    except OSError:
        return None
    finally:
        posix.close(file)
    if data[:HEADER] != _header_for(source):
        return None
    loader: Any = Finder
    spec = ModuleSpec(name, loader, origin=f"{place}.py")
    spec.has_location = True
    spec.cached = compiled  # or Python works out its name once more
    spec.loader_state = memoryview(data)[HEADER:]
    if place.endswith("/__init__"):
        spec.submodule_search_locations = [directory]
    return spec


def _header_for(source: posix.stat_result) -> bytes:
    numbers = (0, int(source.st_mtime), source.st_size)  # 0: these two tell its age
    return MAGIC_NUMBER + b"".join(
        (number & 0xFFFF_FFFF).to_bytes(4, "little") for number in numbers
    )
