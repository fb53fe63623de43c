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

from cfslib.kernel.ffi import Int, KeepsTheLock, Object, Text, declare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_EVAL = 258  # Py_eval_input: an expression
# Python's own `compile` makes all classes of `ast` first, which takes ten times as long
# as the rest.  What it calls then does not: see "The Very High Level Layer".
_compile = declare("Py_CompileString", Object, Text, Text, Int, kind=KeepsTheLock)


def read(text: str) -> "Any":
    """Return the value; raise `ValueError` if it is more than that."""
    code = _compiled(text)
    if names := code.co_names + code.co_varnames:
        raise ValueError(f"not a value: it names {', '.join(names)}")
    if any(type(part) is type(code) for part in code.co_consts):
        raise ValueError("not a value: there is a function in it")
    return eval(code, {"__builtins__": {}})


def _compiled(text: str) -> "Any":
    if "\0" in text:
        raise ValueError("not a value: there is a zero byte in it")  # C would end there
    try:
        return _compile(text.encode(), b"<text>", _EVAL)
    except SyntaxError as error:
        raise ValueError(f"not a value: {error.msg}") from None
