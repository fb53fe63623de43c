import pytest

from cfslib.views import rungs
from tests.views.sightings import DEAD, FIRST
from tests.views.test_page import Reader

pytestmark = pytest.mark.alike


def test_every_level_has_its_number_and_its_parent() -> None:
    text = Reader(rungs.to_html([FIRST, DEAD])).text

    for part in ("<first>", "200", "parent 100", "parent not here", "✝ dead", "zombie"):
        assert part in text


def test_the_picture_is_said_in_words() -> None:
    assert rungs.sentence(DEAD) == ("dead, zombie, is 201 outside, 2 inside.")
