"""Values with named parts."""

import pickle

import pytest

from cfslib.kernel.record import Record

pytestmark = pytest.mark.alike


class Point(Record):
    """A record whose second part need not be named."""

    def __init__(self, x: int, y: int = 0) -> None:
        self.x = x
        self.y = y


class Place(Point):
    """Another kind with the same parts."""


def test_records_with_the_same_parts_are_equal() -> None:
    assert Point(1, 2) == Point(x=1, y=2)
    assert Point(1) != Point(2)
    assert Point(1) != Place(1)
    assert {Point(1), Point(1), Point(2)} == {Point(1), Point(2)}


def test_a_record_shows_its_parts() -> None:
    assert repr(Place(1)) == "Place(x=1, y=0)"


def test_a_changed_record_is_another_one() -> None:
    point = Point(1, 2)

    assert point.changed(y=3) == Point(1, 3)
    assert point == Point(1, 2)
    with pytest.raises(TypeError, match="z"):
        point.changed(z=4)


def test_a_record_goes_from_one_process_to_another() -> None:
    assert pickle.loads(pickle.dumps(Place(1, 2))) == Place(1, 2)


def test_a_part_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(TypeError, match="no part 'yy'; did you mean 'y'"):
        Point(1, yy=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="no part 'depth'; it has x, y"):
        Point(1, depth=2)  # type: ignore[call-arg]
