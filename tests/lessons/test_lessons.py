import pytest

from cfslib.lessons import Point, verdict


def test_all_that_is_asked_for_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    verdict(Point("The name is new.", True, "hint"), of=("09-test", 1))

    assert capsys.readouterr().out == "[x] The name is new.\n\nDone.\n"


def test_the_first_open_point_gets_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    verdict(
        Point("one", True, "first"),
        Point("two", False, "second"),
        Point("three", False, "third"),
        of=("09-test", 1),
    )

    printed = capsys.readouterr().out
    assert "[x] one\n[ ] two\n[ ] three\n" in printed
    assert printed.endswith("Not yet.  second\n")
    assert "third" not in printed
