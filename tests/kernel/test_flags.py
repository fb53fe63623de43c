"""Families of numbers, beside those that `enum` makes."""

import enum
import pickle

import pytest

from cfslib.kernel import flags
from cfslib.kernel.flags import Flag, Number

pytestmark = pytest.mark.alike


class Colour(Number):
    """One of several."""

    RED = 3
    BLUE = 5


class Access(Flag):
    """Some of several."""

    EXECUTE = 1
    WRITE = 2
    READ = 4


class AsEnum(enum.IntFlag):
    """The same, as `enum` has it."""

    EXECUTE = 1
    WRITE = 2
    READ = 4


BITS = range(8)


def test_a_number_prints_as_its_name_and_is_a_number() -> None:
    assert f"{Colour.RED} {Colour.BLUE}" == "RED BLUE"
    assert repr(Colour.RED) == "<Colour.RED: 3>"
    assert Colour.RED + 1 == 4
    assert Colour["BLUE"].value == 5


def test_a_number_without_a_name_prints_as_a_number() -> None:
    assert str(Colour(7)) == "7"
    assert str(Access(0)) == "none"
    assert str(Access.READ | 0x30) == "READ|0x30"


def test_a_family_lists_its_members() -> None:
    assert [str(member) for member in Colour] == ["RED", "BLUE"]
    assert list(Colour.__members__) == ["RED", "BLUE"]
    assert len(Colour) == 2
    assert Colour(3) in Colour
    assert Colour(4) not in Colour


@pytest.mark.parametrize("number", BITS)
def test_flags_are_written_as_enum_writes_them(number: int) -> None:
    assert Access(number).name == AsEnum(number).name
    assert [flag.name for flag in Access(number)] == [f.name for f in AsEnum(number)]
    assert int(~Access(number)) == int(~AsEnum(number))


@pytest.mark.parametrize("left", BITS)
@pytest.mark.parametrize("right", BITS)
def test_flags_combine_as_those_of_enum(left: int, right: int) -> None:
    ours, theirs = (Access(left), Access(right)), (AsEnum(left), AsEnum(right))

    assert int(ours[0] | ours[1]) == int(theirs[0] | theirs[1])
    assert int(ours[0] & ours[1]) == int(theirs[0] & theirs[1])
    assert int(ours[0] ^ ours[1]) == int(theirs[0] ^ theirs[1])
    assert (ours[1] in ours[0]) == (theirs[1] in theirs[0])


def test_what_is_made_of_flags_is_flags() -> None:
    for made in (Access.READ | 1, 1 | Access.READ, Access(7) & 5, 7 ^ Access.WRITE):
        assert str(made) == "EXECUTE|READ"


def test_a_number_goes_from_one_process_to_another() -> None:
    assert str(pickle.loads(pickle.dumps(Access(5)))) == "EXECUTE|READ"
    assert repr(flags.of_family("Colour", 3)) == "<Colour.RED: 3>"
    assert repr(flags.of_family("no such", 3)) == "3"
