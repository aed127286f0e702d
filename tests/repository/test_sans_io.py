"""Below tools/: what the import contracts cannot see. No file, wall clock, shared randomness or order of chance."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# The codec engine runs the straight-line code it generates, reads annotations, and while generating keys a table by
# construct objects, which have no hash of their own. Nothing of that reaches behaviour, and nothing else may do it.
ENGINE = Path("protocols/core/codec")
ENGINE_MAY = {"exec", "eval", "id"}

BUILTINS = {
    "open": "files belong to tools",
    "input": "a terminal belongs to tools",
    "print": "observers print, devices log",
    "hash": "differs from process to process",
    "id": "differs from run to run",
    "eval": "text is data",
    "exec": "text is data",
    "__import__": "imports are written at the top",
}
CLOCKS = {"now", "utcnow", "today"}


def violations(tree: ast.Module, engine: bool) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in BUILTINS and not (name in ENGINE_MAY and engine):
                yield node.lineno, f"{name}(): {BUILTINS[name]}"
            case ast.Call(func=ast.Attribute(attr="fromtimestamp"), args=[_], keywords=[]):
                yield node.lineno, "fromtimestamp without a zone: the machine's own"
            case ast.Attribute(value=ast.Name(id="datetime" | "date" | "dt"), attr=name) if name in CLOCKS:
                yield node.lineno, f"{name}: firmware reads the board's clock"
            case ast.Attribute(value=ast.Attribute(attr="datetime" | "date"), attr=name) if name in CLOCKS:
                yield node.lineno, f"{name}: firmware reads the board's clock"
            case ast.Attribute(value=ast.Name(id="random"), attr=name) if name != "Random":
                yield node.lineno, f"random.{name}: randomness is a stream handed in"
            case ast.ImportFrom(module="random", names=names) if {alias.name for alias in names} != {"Random"}:
                yield node.lineno, "random: only the type Random"
            case ast.Call(func=ast.Name(id="Random") | ast.Attribute(attr="Random"), args=[]):
                yield node.lineno, "Random() without a seed"
            case ast.For(iter=ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset"))):
                yield node.lineno, "a set has no order to walk in"
            case ast.comprehension(iter=ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset"))):
                yield node.iter.lineno, "a set has no order to walk in"
            case ast.Call(
                func=ast.Name(id="list" | "tuple" | "enumerate"),
                args=[ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")), *_],
            ):
                yield node.lineno, "a set has no order to walk in"


@pytest.mark.parametrize("package", ["protocols", "devices", "hubfw"])
def test_nothing_below_tools_reaches_the_machine(package: str, root: Path) -> None:
    found = []
    for path in sorted((root / package).rglob("*.py")):
        name = path.relative_to(root)
        for line, why in violations(ast.parse(path.read_text(encoding="utf-8")), engine=ENGINE in name.parents):
            found.append(f"{name}:{line}: {why}")
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "random.random()",
        "from random import choice",
        "random.Random()",
        "hash('x')",
        "id(x)",
        "for x in {1, 2}: pass",
        "[x for x in set(y)]",
        "list({x for x in y})",
        "exec('x')",
    ],
)
def test_the_check_sees(source: str) -> None:
    assert list(violations(ast.parse(source), engine=False))


@pytest.mark.parametrize("source", ["random.Random(1)", "from random import Random", "sorted({1, 2})", "x.hash()", "x in {1}"])
def test_the_check_lets_pass(source: str) -> None:
    assert not list(violations(ast.parse(source), engine=False))
