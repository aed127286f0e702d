"""`this` expressions as Python source: construct's Path and BinExpr objects, walked (never their repr)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import construct as c

_OPERATORS = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.and_: "&",
    operator.or_: "|",
    operator.xor: "^",
    operator.lshift: "<<",
    operator.rshift: ">>",
    operator.eq: "==",
    operator.ne: "!=",
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
}


def to_python(expression: Any, field: Callable[[str], str]) -> str:
    """Source of an expression; `field` gives that of an earlier field by name. Raises TypeError outside the subset."""
    if isinstance(expression, int):
        return repr(expression)
    if isinstance(expression, c.expr.BinExpr) and expression.op in _OPERATORS:
        left, right = to_python(expression.lhs, field), to_python(expression.rhs, field)
        return f"({left} {_OPERATORS[expression.op]} {right})"
    if isinstance(expression, c.expr.Path):
        return field(_name(expression))
    raise TypeError(f"{expression!r} is not a number, an earlier field, or an integer operation on those")


def fields_in(expression: Any) -> set[str]:
    """The names of the fields that an expression needs."""
    names: set[str] = set()

    def note(name: str) -> str:
        names.add(name)
        return name

    to_python(expression, note)
    return names


def _name(path: Any) -> str:
    parent = path._Path__parent  # the only way in: every public name of a Path is a field
    if parent is None or parent.__getfield__() is not None:
        raise TypeError(f"{path!r} is not a field of the same frame")
    name: str = path.__getfield__()
    return name
