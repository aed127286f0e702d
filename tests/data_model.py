"""docs/data-model.md: the data of a bench, logically and physically.

Logically: the tables of a bench file and the messages of the central company's users, as they are declared. Physically: what each
device keeps in flash, as it is found there after an hour of a life. `python -m tests.data_model` writes it; a test compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from devices.runtime.board import Board
from devices.runtime.kernel import HOUR
from tools.bench.config import Bench
from tools.bench.run import bench
from tools.central.messages import AnyMessage

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "data-model.md"
BENCH = ROOT / "fixtures" / "benches" / "home.toml"
INTRO = """\
# The data model

What data a bench has: logically, the tables of a bench file with how they refer to each other, and the messages between the
central company and its users; physically, what each device of `fixtures/benches/home.toml` holds in flash after an hour. A
record there is one transaction: a length, a CRC, MessagePack of what is set and deleted, and a commit octet
(`devices/runtime/nvm.py`). What crosses the wire and the air is in [pics.md](pics.md); what an item of one protocol is in the
other, in [translation.md](translation.md).
`make requirements` writes this page.
"""
_PLAIN = {"integer": "integer", "number": "number", "string": "text", "boolean": "yes or no", "null": "none"}
_NUMBER = re.compile(r"(?<![A-Za-z0-9])[0-9A-Fa-f]{16}|\b\d+\b")


def page() -> str:
    """The page as it should be."""
    lines = [INTRO, "## Logical: a bench file", "", *_tables(Bench)]
    lines += ["## Logical: messages of the user interface", "", *_tables(AnyMessage)]
    lines += ["## Physical: flash", ""]
    with bench(BENCH) as home:
        home.run_until(HOUR)
        for label, board in home.only.boards.items():
            lines += _flash(label, dict(_held(board)) if board.powered else {})
    return "\n".join(lines).rstrip() + "\n"


def _held(board: Board) -> Iterator[tuple[str, object]]:
    for key in board.nvm.keys(""):
        yield key, board.nvm.get(key)


def _tables(kind: Any) -> Iterator[str]:
    """Every declared table that a type leads to, by name."""
    _, components = msgspec.json.schema_components((kind,))
    for name, schema in sorted(components.items()):
        yield f"### {name}"
        yield ""
        yield "| field | type | default |"
        yield "| --- | --- | --- |"
        for field, declared in schema.get("properties", {}).items():
            yield f"| {field} | {_type(declared)} | {_default(declared, field in schema.get('required', ()))} |"
        yield ""


def _default(declared: Mapping[str, Any], must: bool) -> str:
    if must:
        return "must be given"
    default = declared.get("default")
    return "its own" if isinstance(default, dict) and default else f"`{msgspec.json.encode(default).decode()}`"


def _type(declared: Mapping[str, Any]) -> str:
    if "$ref" in declared:
        name = declared["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in declared:
        return ", ".join(f"`{each}`" for each in declared["enum"])
    if "anyOf" in declared:
        return " or ".join(dict.fromkeys(_type(each) for each in declared["anyOf"]))
    if declared.get("type") == "array":
        return f"list of {_type(declared['items'])}" if isinstance(declared.get("items"), dict) else "list"
    if declared.get("type") == "object":
        return "table of names"
    limits = [f"{word} {declared[key]}" for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"))
              if key in declared]  # fmt: skip
    return " ".join([_PLAIN.get(str(declared.get("type")), "anything"), *limits])


def _flash(label: str, held: Mapping[str, object]) -> Iterator[str]:
    """Keys with their numbers left out, and the shapes of their values."""
    shapes: dict[str, dict[str, None]] = {}
    for key, value in held.items():
        shapes.setdefault(_NUMBER.sub("*", key), {})[_shape(value)] = None
    if not shapes:
        return
    yield f"### {label}"
    yield ""
    yield "| key | value |"
    yield "| --- | --- |"
    for key, found in sorted(shapes.items()):
        yield f"| `{key}` | {' or '.join(sorted(found))} |"
    yield ""


def _shape(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes or no"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "text"
        case bytes():
            return "octets"
        case dict():
            return "table"
        case list():
            inner = dict.fromkeys(_shape(each) for each in value)
            plain = 0 < len(inner) < 4 and not any("list" in each for each in inner)
            return f"list of {', '.join(inner)}" if plain else "list"
    return type(value).__name__


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
