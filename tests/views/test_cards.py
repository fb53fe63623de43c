import re
from collections.abc import Callable

import pytest

from cfslib.children.in_child import in_child
from cfslib.kernel import syscalls
from cfslib.lessons import Point, Verdict
from cfslib.views import cards
from tests.views.test_page import Reader

OPEN = Point("it is <seven>", False, "Six, and one more.")
DONE = Point("it is a number", True, "")
EXERCISE = ("01-hostname", 1)


def caught(func: Callable[[], object]) -> BaseException:
    try:
        func()
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


def lines(func: Callable[[], object], **options: bool) -> list[str]:
    text = "\n".join(cards.error(caught(func), **options))
    return re.sub(r"\x1b\[\d*m", "", text).splitlines()


def test_a_call_that_was_refused_is_taken_apart() -> None:
    def lost() -> None:
        syscalls.chdir("/not-there")

    title, *rows, last = lines(lambda: in_child(lost))

    assert title == "FileNotFoundError"
    assert rows[0].startswith("   your line  ")
    assert rows[0].endswith(': syscalls.chdir("/not-there")')
    assert rows[1:3] == [
        '    the call  chdir("/not-there")',
        "  the answer  ENOENT, No such file or directory",
    ]
    assert last == cards.ALL_FRAMES


def test_an_error_of_python_s_own_names_the_file() -> None:
    rows = lines(lambda: open("/not-there"))  # noqa: SIM115

    assert "   the error  ENOENT, No such file or directory: '/not-there'" in rows


def test_what_is_no_python_names_its_line_and_no_file_of_the_kernel() -> None:
    rows = lines(lambda: compile("x = 1\ny = (2,", "/tmp/ipykernel_7/1952.py", "exec"))

    assert rows[1] == "   your line  2: y = (2,"
    assert rows[2].startswith("   the error  ")
    assert "1952" not in "".join(rows)


def test_what_was_refused_on_purpose_says_so() -> None:
    title, *_ = lines(lambda: syscalls.chdir("/not-there"), on_purpose=True)

    assert title == "Refused on purpose: FileNotFoundError"


def test_a_hint_has_a_row_of_its_own_and_fits_into_80_columns() -> None:
    def refused() -> None:
        error = PermissionError(1, "Operation not permitted")
        error.add_note("Hint: " + "so much to do " * 9)
        raise error

    rows = lines(refused)

    assert "        hint  so much to do" in "\n".join(rows)
    assert max(map(len, rows)) <= 80


def test_a_name_that_is_not_known_asks_for_the_cells_above() -> None:
    rows = lines(lambda: not_known_yet)  # type: ignore[name-defined] # noqa: F821

    assert "Run All Above" in " ".join(rows)


def test_an_interrupt_is_one_line() -> None:
    assert cards.error(KeyboardInterrupt()) == [
        "\x1b[1mInterrupted.\x1b[0m  The cell was stopped, as you asked."
    ]


@pytest.mark.parametrize(("failures", "is_open"), [(1, False), (2, True)])
def test_the_solution_unfolds_after_two_wrong_answers(
    failures: int, is_open: bool
) -> None:
    drawn = cards.verdict(Verdict(EXERCISE, (DONE, OPEN), failures))

    assert "it is &lt;seven&gt;" in drawn
    assert ("<details open>" in drawn) == is_open
    assert '<span class="k">def</span>' in drawn
    assert "def named" in re.sub("<.*?>", "", drawn)
    text = Reader(drawn).text
    assert text.index("done: it is a number") < text.index("open: it is <seven>")


def test_what_is_done_is_a_joy() -> None:
    drawn = cards.verdict(Verdict(EXERCISE, (DONE,), 2))

    assert "After 3 goes." in drawn
    assert "cfs-confetti" in drawn
    assert "Solution" not in drawn


def test_an_exercise_that_nobody_knows_has_no_solution() -> None:
    assert "solution" not in cards.verdict(Verdict(("09-test", 1), (OPEN,)))
