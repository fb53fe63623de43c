import pytest

from cfslib.lessons import journal
from cfslib.lessons.predictions import Choice, Question
from cfslib.views import quiz

pytestmark = pytest.mark.alike

CHOICES = (
    Choice("yes", "That was <before>."),
    Choice("no", "Each has its own.", right=True),
    Choice("both", "Not at once."),
)
QUESTION = Question("09-test/same", "Are <they> the same?", CHOICES)
NUMBERS = (Choice("2", "Itself, too.", right=True), Choice("1", "Who asks?"))
TYPED = Question("09-test/many", "How many?", NUMBERS, "number", "Count again.")


@pytest.fixture(autouse=True)
def at_home(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", f"{tmp_path}/state")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody tells when the cell has run, as in JupyterLab."""
    monkeypatch.setattr(quiz, "_will_be_told", lambda: True)


@pytest.mark.usefixtures("told")
def test_nothing_is_given_away_before_the_cell_has_run() -> None:
    view = quiz.ask(QUESTION)
    _, choices, worth, _ = view.box.children
    assert choices.value is None
    assert worth.value == ""

    choices.value = "yes"

    assert quiz.NOTED in worth.value
    assert "before" not in worth.value.partition("</style>")[2]
    assert journal.predicted() == {"09-test/same": "yes"}


@pytest.mark.usefixtures("told")
def test_a_number_that_is_asked_for_comes_in_digits() -> None:
    view = quiz.ask(TYPED)
    text, pressed = view.box.children[1].children
    assert not text.continuous_update  # or its first letter is the answer
    text.value = "two"
    pressed.click()

    assert quiz.DIGITS in view.status.value
    assert view.answer is None

    text.value = " 2 "
    pressed.click()

    assert view.status.value == ""
    assert view.answer == "2"


@pytest.mark.usefixtures("told")
def test_the_answer_is_compared_when_the_cell_has_run() -> None:
    view = quiz.ask(QUESTION)
    view.choose("yes")
    said = quiz.tell("same")

    assert "✗ You said “yes”; it is “no”." in said
    assert "That was &lt;before&gt;." in said
    assert "Each has its own." in said
    assert quiz.BELOW in view.box.children[2].value


@pytest.mark.usefixtures("told")
def test_who_did_not_predict_is_told_nothing_and_still_may() -> None:
    view = quiz.ask(QUESTION)
    assert quiz.tell("same") == ""
    assert quiz.tell("of-another-notebook") == ""

    view.choose("no")

    assert "✓ You said “no”, and so it is." in view.box.children[2].value
    assert journal.predicted() == {}  # who has seen it predicts no more


def test_where_nobody_tells_the_answer_is_compared_at_once() -> None:
    view = quiz.ask(QUESTION)
    view.choose("no")

    worth = view.box.children[2].value
    right, other = worth.index("✓ You said “no”"), worth.index("“yes”")
    assert right < worth.index("<details>") < other


def test_of_answers_that_are_compared_at_once_the_first_is_kept() -> None:
    view = quiz.ask(QUESTION)
    view.choose("yes")
    view.choose("no")

    assert journal.predicted() == {"09-test/same": "yes"}
    assert "✓ You said “no”" in view.box.children[2].value


def test_an_answer_is_there_again_after_a_restart() -> None:
    quiz.ask(QUESTION).choose("yes")

    again = quiz.ask(QUESTION)

    assert again.box.children[1].value == "yes"
    assert "✗ You said “yes”" in again.box.children[2].value


@pytest.mark.parametrize(
    ("typed", "reason"),
    [(" 2 ", "✓ You said “2”"), ("1", "Who asks?"), ("1000", "Count again.")],
)
def test_what_is_typed_is_compared_too(typed: str, reason: str) -> None:
    view = quiz.ask(TYPED)
    text, pressed = view.box.children[1].children
    assert not text.continuous_update  # or its first letter is the answer
    text.value = typed
    pressed.click()

    assert reason in view.box.children[2].value


@pytest.mark.parametrize("rights", [0, 2])
def test_a_question_has_exactly_one_right_choice(rights: int) -> None:
    choices = (Choice("a", "", right=rights > 0), Choice("b", "", right=rights > 1))

    with pytest.raises(ValueError, match="exactly one"):
        Question("09-test/none", "?", choices)


def test_code_in_a_question_looks_like_code() -> None:
    question = Question("09-test/code", "What is `ps -e`?", CHOICES)

    assert "What is <code>ps -e</code>?" in quiz.asked(question)
