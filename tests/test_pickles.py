"""No pickle or the like is read that somebody else could have written.

To read one is to run what it says.  So it is known who reads any, and from whom; what a
process inside a container says is not among it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import cfslib

pytestmark = pytest.mark.alike

PACKAGE = Path(cfslib.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
RISKY = {"pickle", "marshal", "cloudpickle", "shelve", "dill"}
READERS = {"load", "loads", "Unpickler"}
# The functions that read, and who has written what they read.
KNOWN = {
    "children/in_child": {"_fork_and_ask": "a fork of ours, by a pipe"},
    "children/answers": {"packed": "we ourselves, the line before"},
    "children/forkclient": {"_open": "the fork server, which we have started"},
    "children/worker": {
        "wait_and_serve": "the client of this fork server",
        "_stand_in": "the client of this fork server",
    },
    "observe/owners": {"_from_both_sides": "a fork of ours, by a socket"},
    "observe/supervisor": {"supervise": "a fork of ours, by a pipe"},
    "runtime/channel": {
        "wait": "the maker of this PID 1, which reads it",
        "wait_for_order": "the maker of this PID 1, which reads it",
    },
    "runtime/client": {"_open": "the server, which we have started"},
    "runtime/request": {"unpacked": "the client that has started this server"},
    "lessons/pid": {"_terminated": "a fork of ours, by a pipe, as with in_child"},
    "cli/finder": {
        "exec_module": "who wrote the source beside it, as in all of Python"
    },
}


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE).with_suffix(""))


def readers(tree: ast.Module) -> Iterator[str]:
    """Yield the functions in which something is read that could do as it likes."""
    classes = [node.body for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in sum(classes, tree.body):
        if any(map(_reads, ast.walk(node))) and not isinstance(node, ast.ClassDef):
            yield getattr(node, "name", "the module itself")


def _reads(node: ast.AST) -> bool:
    is_attribute = isinstance(node, ast.Attribute) and node.attr in READERS
    return is_attribute and ast.unparse(node).split(".")[0] in RISKY


@pytest.mark.parametrize("path", FILES, ids=name)
def test_it_is_known_who_reads_what_could_do_anything(path: Path) -> None:
    assert set(readers(ast.parse(path.read_text()))) == set(KNOWN.get(name(path), ()))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_none_is_read_by_another_name(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert str(node.module).split(".")[0] not in RISKY
        if isinstance(node, ast.Import):
            for alias in node.names:
                assert alias.name not in RISKY or not alias.asname


def test_the_table_names_no_module_that_is_gone() -> None:
    assert set(KNOWN) <= set(map(name, FILES))
