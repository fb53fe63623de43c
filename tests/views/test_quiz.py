import pytest

from cfslib.lessons.predictions import Choice, Question
from cfslib.views import quiz

QUESTION = Question(
    "Are <they> the same?",
    (
        Choice("yes", "That was <before>."),
        Choice("no", "Each has its own.", right=True),
    ),
)


def test_nothing_is_given_away_before_choosing() -> None:
    _, choices, answer, _ = quiz.ask(QUESTION).box.children

    assert choices.value is None
    assert answer.value == ""


def test_a_wrong_choice_gets_its_reason() -> None:
    _, choices, answer, _ = quiz.ask(QUESTION).box.children
    choices.value = "yes"

    assert "✗ “yes” is not so." in answer.value
    assert "That was &lt;before&gt;." in answer.value


def test_the_right_choice_gets_its_reason_first() -> None:
    _, choices, answer, _ = quiz.ask(QUESTION).box.children
    choices.value = "yes"
    choices.value = "no"

    right, wrong = (
        answer.value.index("✓ “no” is right."),
        answer.value.index("✗ “yes” is not so."),
    )
    assert right < answer.value.index("<details>") < wrong


@pytest.mark.parametrize("rights", [0, 2])
def test_a_question_has_exactly_one_right_choice(rights: int) -> None:
    choices = (Choice("a", "", right=rights > 0), Choice("b", "", right=rights > 1))

    with pytest.raises(ValueError, match="exactly one"):
        Question("?", choices)


def test_code_in_a_question_looks_like_code() -> None:
    question = Question("What is `ps -e`?", QUESTION.choices)

    assert "What is <code>ps -e</code>?" in quiz.asked(question)
