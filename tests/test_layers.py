"""Imports point down: from room to room, and in a room from module to module.

The map in cfslib/__init__.py names the rooms, the lowest first, and in each its modules
in the same order.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cfslib

pytestmark = pytest.mark.alike

PACKAGE = Path(cfslib.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
WIDGETS = ("ipywidgets", "IPython", "pygments")
# What is not our subject, and so may come from a library: see DESIGN.md.
LIBRARIES = {"cloudpickle", "pyroute2", "zstandard"}
# Rooms side by side: none of them imports from another.
BESIDE = [{"isolation", "images", "children"}, {"observe", "doctor"}]


def rooms_on_the_map() -> dict[str, list[str]]:
    """Return the modules of each room, in order."""
    rooms: dict[str, list[str]] = {}
    for line in _lines():
        word = line.split(maxsplit=1)[0]
        if word.endswith(":") and not line.startswith(" "):
            room = word.removesuffix(":")
            rooms[room] = []
        elif line.startswith("    "):
            rooms[room].append(word)
    return rooms


def _lines() -> list[str]:
    """Return the part of the map that names rooms and modules."""
    text = (cfslib.__doc__ or "").partition("\n\n")[2].partition("\n\n")[2]
    return [line for line in text.partition(f"\n{END}")[0].splitlines() if line]


END = "For notebooks"  # where the map goes on with what notebooks import
ROOMS = rooms_on_the_map()
HEIGHT = {room: height for height, room in enumerate(ROOMS)}


def shown(path: Path) -> str:
    """Name a file in the report of a test."""
    return str(path.relative_to(PACKAGE))


def place(path: Path) -> list[str]:
    """Return the room of a file, and its module on the map: of cgroups, the package."""
    words = path.relative_to(PACKAGE).with_suffix("").parts[:2]
    return [word for word in words if word != "__init__"]


def imported_by(path: Path) -> Iterator[str]:
    """Yield every name that a file imports when it runs, in full, in functions too."""
    yield from _imported_by(ast.parse(path.read_text()))


def _imported_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        for other in node.orelse:
            yield from _imported_by(other)
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "relative imports hide where a name comes from"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imported_by(child)


def ours_imported_by(path: Path) -> set[tuple[str, str]]:
    """Return the room and the module of each import from this package."""
    names = (name.split(".") for name in imported_by(path))
    return {(words[1], words[2]) for words in names if words[0] == "cfslib"}


# Imports that no `import` shows.  The fork server imports what functions of a notebook
# use, so that no child has to; and cloudpickle only where there are threads.
BY_NAME = {
    "forkserver": {"cloudpickle", "cfslib.isolation.mounts"},
    "worker": {"cloudpickle"},
}


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_what_is_imported_by_name_is_known(path: Path) -> None:
    tree = ast.parse(path.read_text())
    calls = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    strings = {str(n.value) for n in ast.walk(tree) if isinstance(n, ast.Constant)}

    assert "__import__" not in calls
    assert ("import_module" in calls) == (path.stem in BY_NAME)
    assert strings >= BY_NAME.get(path.stem, set())


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_imports_point_down(path: Path) -> None:
    for room, module in ours_imported_by(path):
        if not place(path)[1:] or (room, module) == tuple(place(path)):
            continue  # modules of one package, such as cgroups, know each other
        here, name = place(path)
        if room != here:
            assert HEIGHT[room] < HEIGHT[here], f"{room} is above {here}"
            assert not any({room, here} <= beside for beside in BESIDE)
        elif ROOMS[room]:
            order = ROOMS[room]
            assert order.index(module) < order.index(name), f"{module} is below {name}"


def test_the_map_itself_imports_nothing() -> None:
    assert list(imported_by(PACKAGE / "__init__.py")) == []


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_only_views_import_widgets(path: Path) -> None:
    if place(path)[:1] == ["views"]:
        return

    for imported in imported_by(path):
        assert not imported.startswith(WIDGETS)


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_the_standard_library_is_enough(path: Path) -> None:
    known = {*sys.stdlib_module_names, *LIBRARIES, "cfslib"}
    if place(path)[:1] == ["views"]:
        known |= set(WIDGETS)
    if place(path) == ["lessons", "rehearsal"]:
        known |= {"nbclient", "nbformat"}  # with which JupyterLab runs a notebook

    assert {module.split(".")[0] for module in imported_by(path)} <= known
