"""Nothing is imported in PID 1 after its root has changed.

A module would come from the container's files, and run with the rights of PID 1.  That
`import_nothing_more` would refuse it is one of the things in test_broken_isolation.
"""

from pathlib import Path

import pytest

from cfslib.runtime.spec import Spec, Volume
from tests import ways
from tests.conftest import ROOT, needs_namespaces
from tests.ways import Notes

pytestmark = needs_namespaces

# Note what PID 1 imports from the moment that the host's files are gone.
LISTEN = """
import sys
from cfslib.kernel import tracing

_is_inside = False

def _enter(call):
    global _is_inside
    if call == "pivot_root":
        _is_inside = True
        note("root changed")

def _hear(event, arguments):
    if _is_inside and event == "import":
        note(f"{arguments[0]} imported")

tracing.after_call.append(_enter)
sys.addaudithook(_hear)
"""
TRACE = """
_calls = tracing.trace().__enter__()
"""
TRUE = Spec(["true"])
CONTAINERS = {
    "that runs": (TRUE, 0),
    "with no such command": (Spec(["no-such-program"]), 127),
    "with what is no command": (Spec(["/etc"]), 126),
    "with no such directory": (TRUE.changed(workdir="/no/such/place"), 125),
    "with a strange name": (TRUE.changed(workdir="/n\udcff\u00e4"), 125),
    "with a volume in a bad place": (
        TRUE.changed(volumes=[Volume("/usr", "/dev/fd/9")]),  # a link into /proc
        125,
    ),
    "with a volume": (TRUE.changed(volumes=[Volume("/usr", "/made/for/it")]), 0),
    "that gains no more": (TRUE.changed(no_new_privileges=True, capabilities=()), 0),
    "with nothing to write to": (TRUE.changed(read_only=True), 0),
    "that fails": (Spec(["false"]), 1),
}
if ROOT:  # others are told beforehand that they have one user only
    CONTAINERS |= {
        "of another user": (TRUE.changed(user="nobody"), 0),
        "of no such user": (TRUE.changed(user="nobody-at-all"), 125),
    }


@pytest.mark.parametrize("trace", ["", TRACE], ids=["", "traced"])
@pytest.mark.parametrize("way", ways.WAYS)
@pytest.mark.parametrize("name", CONTAINERS)
def test_pid_1_imports_nothing(name: str, way: str, trace: str, tmp_path: Path) -> None:
    notes = Notes(tmp_path / "notes")
    spec, code = CONTAINERS[name]
    done = ways.start(way, spec, prelude=notes.prelude + LISTEN + trace)
    is_command = way in ("command", "terminal")  # which has a code for each refusal

    assert set(notes.lines()) == {"root changed"}
    assert done.code == (code if is_command else min(code, ways.REFUSED)), done


CARELESS = """
def _import(step):
    if step == "import_nothing_more":
        try:
            import colorsys
        except ImportError:
            note("refused")

tracing.after_step.append(_import)
"""


@pytest.mark.parametrize("way", ways.WAYS)
def test_an_import_would_be_noticed_and_refused(way: str, tmp_path: Path) -> None:
    notes = Notes(tmp_path / "notes")
    ways.start(way, TRUE, prelude=notes.prelude + LISTEN + CARELESS)

    # One that is made ahead may change its root meanwhile.
    said = notes.lines()
    imported = said.index("colorsys imported")
    assert "root changed" in said[:imported]
    assert "refused" in said[imported:]
