"""literal: read back a value that `repr` has written.

As `ast.literal_eval`, which takes as long to import as Python takes to start; so this
uses what `ast` itself is made of.

    >>> read("{'name': 'box', 'parts': [1, -2.5, (b'x', None)]}")
    {'name': 'box', 'parts': [1, -2.5, (b'x', None)]}
    >>> read("print()")
    Traceback (most recent call last):
    ValueError: not a value: Call
"""

import _ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def read(text: str) -> "Any":
    """Return the value; nothing in the text is ever called."""
    tree = compile(text, "<text>", "eval", _ast.PyCF_ONLY_AST)
    return _value(tree.body)


def _value(node: "Any") -> "Any":
    if isinstance(node, _ast.Constant):
        return node.value
    if isinstance(node, _ast.Dict):
        keys, values = map(_value, node.keys), map(_value, node.values)
        return dict(zip(keys, values, strict=True))
    if isinstance(node, _ast.List):
        return [*map(_value, node.elts)]
    if isinstance(node, _ast.Tuple):
        return tuple(map(_value, node.elts))
    if isinstance(node, _ast.UnaryOp) and isinstance(node.op, _ast.USub):
        return -_value(node.operand)
    raise ValueError(f"not a value: {type(node).__name__}")
