"""literal: read back a value that `repr` has written.

As `ast.literal_eval`, which takes as long to import as Python takes to start.  Text is
a value if there is no name in it, and no function: what has none can call nothing.

    >>> read("{'name': 'box', 'parts': [1, -2.5, (b'x', None)]}")
    {'name': 'box', 'parts': [1, -2.5, (b'x', None)]}
    >>> read("print('hello')")
    Traceback (most recent call last):
    ValueError: not a value: it names print
    >>> read("(lambda: 1)()")
    Traceback (most recent call last):
    ValueError: not a value: there is a function in it
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def read(text: str) -> "Any":
    """Return the value; raise `ValueError` if it is more than that."""
    try:
        code = compile(text, "<text>", "eval", dont_inherit=True)
    except SyntaxError as error:
        raise ValueError(f"not a value: {error.msg}") from None
    if names := code.co_names + code.co_varnames:
        raise ValueError(f"not a value: it names {', '.join(names)}")
    if any(type(part) is type(code) for part in code.co_consts):
        raise ValueError("not a value: there is a function in it")
    return eval(code, {"__builtins__": {}})
