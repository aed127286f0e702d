"""Python values as Lua source, and `this` expressions of declarations as Lua functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, Final

from protocols.core.codec.expressions import to_python

_INDENT: Final = "  "


class Source(str):
    """Lua source that stands as it is."""

    __slots__ = ()


def literal(value: object, depth: int = 0) -> str:
    """A Lua expression: numbers, strings, booleans, lists (from 1), mappings; members that are None are left out."""
    match value:
        case Source():
            return str(value)
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return string(value)
        case Mapping():
            return _table((f"{_key(key)} = " for key in value), list(value.values()), depth)
        case list() | tuple():
            return _table(("" for _ in value), list(value), depth)
    raise TypeError(f"{value!r} has no form in Lua")


def string(text: str) -> str:
    """A quoted string."""
    escaped = "".join(
        f"\\{char}" if char in '"\\' else char if 32 <= ord(char) < 127 else "".join(f"\\{octet:03}" for octet in char.encode())
        for char in text
    )
    return f'"{escaped}"'


def function(expression: Any) -> Source:
    """A function of `this`, the numbers read before. Raises TypeError outside the subset of declarations."""
    if isinstance(expression, int):
        return Source(expression)
    source = to_python(expression, lambda name: f"this.{name}")
    return Source(f"function(this) return {_expression(ast.parse(source, mode='eval').body)} end")


_OPERATORS: Final[dict[type[ast.AST], str]] = {
    ast.Add: "({} + {})", ast.Sub: "({} - {})", ast.Mult: "({} * {})", ast.Mod: "({} % {})",
    ast.FloorDiv: "math.floor({} / {})", ast.BitAnd: "bit.band({}, {})", ast.BitOr: "bit.bor({}, {})",
    ast.BitXor: "bit.bxor({}, {})", ast.LShift: "bit.lshift({}, {})", ast.RShift: "bit.rshift({}, {})",
    ast.Eq: "({} == {})", ast.NotEq: "({} ~= {})", ast.Lt: "({} < {})", ast.LtE: "({} <= {})", ast.Gt: "({} > {})",
    ast.GtE: "({} >= {})",
}  # fmt: skip


def _expression(node: ast.expr) -> str:
    match node:
        case ast.Constant(int(number)):
            return str(number)
        case ast.Attribute(ast.Name("this"), name):
            return f"this.{name}"
        case ast.BinOp(left, operator, right) | ast.Compare(left, [operator], [right]):
            return _OPERATORS[type(operator)].format(_expression(left), _expression(right))
    raise TypeError(f"{ast.unparse(node)} has no form in Lua")


def _key(key: object) -> str:
    if isinstance(key, str) and key.isidentifier():
        return key
    return f"[{literal(key)}]"


def _table(names: Iterator[str], values: list[object], depth: int) -> str:
    members = [name + literal(value, depth + 1) for name, value in zip(names, values, strict=True) if value is not None]
    flat = f"{{ {', '.join(members)} }}" if members else "{}"
    if len(flat) + len(_INDENT) * depth < 120 and "\n" not in flat:
        return flat
    pad = _INDENT * (depth + 1)
    return "{\n" + "".join(f"{pad}{member},\n" for member in members) + _INDENT * depth + "}"
