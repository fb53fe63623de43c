"""Which process runs which program, from fork to exec to the end."""

from cfslib.observe import succession
from tests.conftest import needs_namespaces

pytestmark = needs_namespaces


def test_a_process_stays_the_same_when_its_program_changes() -> None:
    told = succession.of_a_command()
    children = [now.child for now in told]
    forked, executed, ended = [child for child in children if child]

    assert children[:2] == [None, None]
    assert children[-1] is None
    assert {forked.levels, executed.levels, ended.levels} == {forked.levels}
    assert forked.levels[-1] == 1
    assert [forked.name, executed.name] == ["python3", succession.PROGRAM]
    assert ended.state == "Z"


def test_the_maker_stays_where_it_is() -> None:
    assert len({now.maker.levels for now in succession.of_a_command()}) == 1
