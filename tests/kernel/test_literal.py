"""What `repr` has written is read back, and nothing else is ever run."""

import pytest

from cfslib.kernel import literal

pytestmark = pytest.mark.alike

VALUES: list[object] = [
    *("text", 'it\'s "both"', "\udcff\n", "\0"),
    *(b"\0\xff", -1, 1 << 70, 1796022676.18, -0.5, None, True),
    *((), (1,), [], {}, {"a": [1, (2, {"b": None})]}, {67108864: 13}),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    assert literal.read(repr(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "print",
        "print()",
        "__import__('os')",
        "().__class__",
        "(lambda: 1)()",
        "[x for x in (1,)]",
        "{**a}",
        "f'{x}'",
        "(x := 1)",
        "(lambda x: x)",
        "(i for i in ())",
        "[[].append(1)]",
    ],
)
def test_what_would_do_something_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a value"):
        literal.read(text)


@pytest.mark.parametrize("text", ["", "1 2", "{", "import os"])
def test_what_is_no_expression_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a value"):
        literal.read(text)
