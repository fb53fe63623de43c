import re

import pytest

from cfslib.observe.pressure import BOMB, HOG, Load, Sample, recorded
from cfslib.views.limit_chart import chart

pytestmark = pytest.mark.alike


@pytest.mark.parametrize("load", [BOMB, HOG])
def test_the_line_has_a_point_for_each_sample_and_stays_inside(load: Load) -> None:
    run = recorded(load)
    drawn = chart(load, run.limit, run.samples)
    points = re.findall(r"(?<=[ \"])[\d.]+,[\d.]+", drawn.partition("points=")[2])
    places = [tuple(map(float, point.split(","))) for point in points]

    assert len(places) == len(run.samples)
    assert all(0 <= x <= 560 and 0 <= y <= 220 for x, y in places)


def test_the_picture_says_in_words_what_it_shows() -> None:
    drawn = chart(BOMB, 20, [Sample(0, 3), Sample(0.1, 20)])

    assert "<title>fork bomb: at most 20 processes in use, with pids.max at 20" in drawn


def test_a_run_without_samples_is_no_error() -> None:
    assert "<polyline" in chart(HOG, 1 << 20, [])
