import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfslib.cli import limits
from cfslib.cli.parser import Usage


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("20", 20), ("4194304", 4194304), ("max", None)],
)
def test_a_number_of_processes(text: str, number: int | None) -> None:
    assert limits.count(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("64k", 65536), ("64K", 65536), ("64kb", 65536), ("1m", 1 << 20),
     ("2g", 2 << 30), ("7b", 7)],
)  # fmt: skip
def test_a_number_of_bytes(text: str, number: int) -> None:
    assert limits.size(text) == number


@pytest.mark.parametrize(("text", "number"), [("1", 1.0), ("0.5", 0.5), ("0.01", 0.01)])
def test_an_amount_of_processors(text: str, number: float) -> None:
    assert math.isclose(limits.cpus(text), number)


NO_NUMBERS = [
    "",
    "0",
    "-1",
    "+1",
    "1.5.5",
    "one",
    "1e3",
    " 1",
    "1 ",
    "1\n",
    "٣",
    "²",
    "1_0",
]


@pytest.mark.parametrize("read", [limits.count, limits.size, limits.cpus])
@pytest.mark.parametrize(
    "text",
    [*NO_NUMBERS, "9" * 5000, "0" * 30, "nan", "inf"],
    ids=lambda t: ascii(t)[:9],
)
def test_what_is_no_positive_number_is_refused(read: object, text: str) -> None:
    with pytest.raises(Usage):
        read(text)  # type: ignore[operator]


@pytest.mark.alike
@given(st.text())
@pytest.mark.parametrize("read", [limits.count, limits.size, limits.cpus])
def test_any_text_is_a_positive_number_or_refused(read: object, text: str) -> None:
    try:
        number = read(text)  # type: ignore[operator]
    except Usage:
        return
    assert number is None or number > 0


@pytest.mark.parametrize("text", ["0", "0-3", "0-3,6", "7,1", "8191", "5-5"])
def test_processors_are_a_list_as_the_kernel_writes_it(text: str) -> None:
    assert limits.processors(text) == text


@pytest.mark.parametrize(
    "text",
    ["", ",", "0,", "-1", "1-", "3-1", "a", "0-3-5", "0:2", "8192", "0 ", "٣", "all",
     "0x1", "^1", "9" * 5000],
    ids=lambda text: ascii(text)[:9],
)  # fmt: skip
def test_what_is_no_list_of_processors_is_refused(text: str) -> None:
    with pytest.raises(Usage, match="not a list of processors"):
        limits.processors(text)


def test_shares_and_scores_are_what_the_kernel_takes() -> None:
    assert [limits.shares(text) for text in ("2", "1024", "262144")] == [
        2,
        1024,
        1 << 18,
    ]
    assert [limits.score(text) for text in ("-1000", "0", "1000")] == [-1000, 0, 1000]
    assert limits.both("-1") == -1
    for read, refused in (
        (limits.shares, ("0", "1", "-5", "262145", "1.5", "", "lots")),
        (limits.score, ("1001", "-1001", "--5", "+5", "", "5.", "٣")),
        (limits.both, ("-2", "-0", "", "k", "lots", "9" * 19)),
    ):
        for text in refused:
            with pytest.raises(Usage):
                read(text)


@pytest.mark.parametrize("text", ["0", "00", "0b", "0k", "0GB"])
def test_no_bytes_of_memory_and_swap_are_as_if_nothing_was_typed(text: str) -> None:
    assert limits.both(text) is None
