import subprocess
import sys

import pytest

from cfslib.children import inherited, over_exec
from cfslib.children.in_child import in_child
from tests.conftest import needs_root
from tests.kernel.changes import BY_ANYBODY, BY_ROOT, IMPORTS

PROGRAM = """
import os, sys
from cfslib.children import inherited, over_exec
if sys.argv[1]:
    ignored = over_exec.restore(sys.argv[1])
    from cfslib.children import worker
    worker._ignore(ignored)
print(inherited.of_this_thread())
"""


def _heritage(*, told: bool, change: str) -> bool:
    """Change something and start a program; say if it is as we are."""

    def child() -> bool:
        exec(f"{IMPORTS}\n{change}")
        word = over_exec.of_this_thread() if told else ""
        words = [sys.executable, "-c", PROGRAM, word]
        found = subprocess.check_output(words, text=True, restore_signals=False)
        return found == f"{inherited.of_this_thread()}\n"

    return in_child(child)


@pytest.mark.parametrize("change", BY_ANYBODY.values(), ids=BY_ANYBODY)
def test_a_program_that_is_told_is_as_its_starter(change: str) -> None:
    assert _heritage(told=True, change=change)


@needs_root
@pytest.mark.parametrize("change", BY_ROOT.values(), ids=BY_ROOT)
def test_so_is_one_of_root(change: str) -> None:
    assert _heritage(told=True, change=change)


@needs_root
@pytest.mark.parametrize("name", ["capabilities", "saved user", "saved group"])
def test_one_that_is_not_told_is_not(name: str) -> None:
    assert not _heritage(told=False, change=BY_ROOT[name])


@needs_root
def test_what_exec_has_taken_is_no_error() -> None:
    def child() -> int:
        told = over_exec.of_this_thread()  # with all the capabilities of root
        exec(f"{IMPORTS}\n{BY_ROOT['capabilities']}")
        over_exec.restore(told)
        return over_exec._capabilities(over_exec._status())[1]

    assert in_child(child) == 3
