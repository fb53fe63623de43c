"""Imports point down the map, and only views draw."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cfslib

PACKAGE = Path(cfslib.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
WIDGETS = ("ipywidgets", "IPython")
# What is not our subject, and so may come from a library: see DESIGN.md.
LIBRARIES = {"cloudpickle", "pyroute2"}


def modules_on_the_map() -> list[str]:
    lines = (cfslib.__doc__ or "").splitlines()
    return [line.split()[0] for line in lines if line.startswith("    ")]


HEIGHT = {module: height for height, module in enumerate(modules_on_the_map())}


def shown(path: Path) -> str:
    """Name a file in the report of a test."""
    return str(path.relative_to(PACKAGE))


def name(path: Path) -> str:
    """Return the name that a file has on the map; for a package, the package's."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_by(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, by its full name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide where a name comes from"
            if node.module in ("cfslib", "cfslib.isolation.cgroups", "cfslib.views"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def ours_imported_by(path: Path) -> set[str]:
    parts = (module.split(".") for module in imported_by(path))
    return {words[1] for words in parts if words[0] == "cfslib"}


# Imports that no `import` shows.  The fork server imports a container before anybody
# asks for one, so that no child has to; and cloudpickle only where there are threads.
BY_NAME = {
    "forkserver": {"cloudpickle", "cfslib.runtime.container"},
    "standby": {"cloudpickle"},
}


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_what_is_imported_by_name_is_known(path: Path) -> None:
    tree = ast.parse(path.read_text())
    calls = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    strings = {str(n.value) for n in ast.walk(tree) if isinstance(n, ast.Constant)}

    assert "__import__" not in calls
    assert ("import_module" in calls) == (name(path) in BY_NAME)
    assert strings >= BY_NAME.get(name(path), set())


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_imports_point_down(path: Path) -> None:
    # Modules of one package know each other.
    for imported in ours_imported_by(path) - {name(path)}:
        assert HEIGHT[imported] < HEIGHT[name(path)]


def test_the_map_itself_imports_nothing() -> None:
    assert list(imported_by(PACKAGE / "__init__.py")) == []


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_only_views_import_widgets(path: Path) -> None:
    if name(path) == "views":
        return

    for imported in imported_by(path):
        assert not imported.startswith(WIDGETS)


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_the_standard_library_is_enough(path: Path) -> None:
    known = {*sys.stdlib_module_names, *LIBRARIES, "cfslib"}
    if name(path) == "views":
        known |= set(WIDGETS)

    assert {module.split(".")[0] for module in imported_by(path)} <= known
