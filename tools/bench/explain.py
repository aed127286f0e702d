"""What is wrong with a bench file, in words: the line, the field's path, and what its declaration takes there.

The declarations are asked (`msgspec.inspect`), so a new table or field needs no word here. A pattern says what it wants in its
`Meta(description=...)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import ValidationError, inspect

from tools.errors import suggest

_TABLE = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_. \"-]+?)\s*\]\]?\s*(#.*)?")
_KEY = re.compile(r"\s*(?:\"([^\"]*)\"|([A-Za-z0-9_-]+))\s*=")
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+|\.\.\.)\]")
_PUBLICATION = ".publish["


def explain(error: ValidationError, text: str, document: dict[str, object], declared: type) -> str:
    """One sentence for an error of `msgspec.convert(document, declared)`; `text` is what `document` was read from."""
    reason, _, where = str(error).partition(" - at `")
    where = where.removesuffix("`") or "$"
    path = where.removeprefix("$").removeprefix(".") or "bench"
    for pattern, words in _REASONS:
        found = re.fullmatch(pattern, reason)
        said = found and words(found[1], where, list(_at(where, document, declared)))
        if said:
            return f"{_line(text, where)}: {path}: {said}"
    return f"{_line(text, where)}: {path}: {reason[0].lower()}{reason[1:]}"


def _unknown(field: str, _where: str, types: list[inspect.Type]) -> str:
    fields = [name for each in types if isinstance(each, inspect.StructType) for name in _names(each)]
    return f'no field "{field}"' + (suggest(field, fields) or f" (fields: {', '.join(fields)})")


def _choice(written: str, where: str, types: list[inspect.Type]) -> str:
    value = written.strip("'")
    choices = [str(choice) for each in types if isinstance(each, inspect.LiteralType) for choice in each.values]
    if not where.endswith(".kind"):
        return f"{written} is none of {', '.join(choices)}".replace("'", '"') + suggest(value, choices)
    what = "publication" if _PUBLICATION in where else "device"
    return f'no kind of {what} "{value}"' + (suggest(value, choices) or f" (kinds: {', '.join(choices)})")


def _shape(_pattern: str, _where: str, types: list[inspect.Type]) -> str | None:
    told = (each.extra_json_schema or {} for each in types if isinstance(each, inspect.Metadata))
    return next((f"expected {each['description']}" for each in told if "description" in each), None)


_REASONS: tuple[tuple[str, Callable[[str, str, list[inspect.Type]], str | None]], ...] = (
    (r"Object contains unknown field `(.*)`", _unknown),
    (r"Invalid (?:value|enum value) (.*)", _choice),
    (r"Object missing required field `(.*)`", lambda field, _where, _types: f'the field "{field}" is missing'),
    (r"Expected `str` matching regex (.*)", _shape),
)


def _names(table: inspect.StructType) -> list[str]:
    return [*([table.tag_field] if table.tag_field else []), *(field.encode_name for field in table.fields)]


def _at(where: str, document: object, declared: type) -> Iterator[inspect.Type]:
    """What may stand at a path: alternatives and their wrappers, each one; for the tag of tables, its values as a literal."""
    types, value = list(_alternatives(inspect.type_info(declared), document)), document
    for name, index in _STEP.findall(where):
        inner = [part for each in types for part in _inside(each, name, index)]
        if isinstance(value, list) and index.isdigit():
            value = value[int(index)]
        else:
            value = value.get(name) if isinstance(value, dict) else None
        tags = [each.tag for each in types if isinstance(each, inspect.StructType) and each.tag_field == name]
        types = [one for part in inner for one in _alternatives(part, value)]
        types += [inspect.LiteralType(tuple(tag for tag in tags if isinstance(tag, str)))] if tags else []
    return iter(types)


def _alternatives(each: inspect.Type, value: object) -> Iterator[inspect.Type]:
    """Of several tables only the one whose tag the value has, if it has one's."""
    if isinstance(each, inspect.UnionType):
        tables = [one for one in each.types if isinstance(one, inspect.StructType) and one.tag_field]
        tagged = [one for one in tables if isinstance(value, dict) and value.get(one.tag_field) == one.tag]
        for one in each.types:
            if one not in tables or not tagged or one in tagged:
                yield from _alternatives(one, value)
        return
    yield each
    if isinstance(each, inspect.Metadata):
        yield from _alternatives(each.type, value)


def _inside(each: inspect.Type, name: str, index: str) -> Iterator[inspect.Type]:
    if isinstance(each, inspect.StructType):
        yield from (field.type for field in each.fields if field.encode_name == name)
    elif isinstance(each, inspect.DictType) and index:
        yield each.value_type
    elif isinstance(each, inspect.ListType | inspect.VarTupleType) and index:
        yield each.item_type
    elif isinstance(each, inspect.TupleType) and index.isdigit():
        yield each.item_types[int(index)]


def _line(text: str, where: str) -> int:
    """The line of the field at a path, or of the innermost table that is written out."""
    found = {"$": 1}
    counts: dict[str, int] = {}
    table = "$"
    for number, line in enumerate(text.splitlines(), 1):
        header, key = _TABLE.fullmatch(line), _KEY.match(line)
        if header:
            table = "$"
            *parents, last = (part.strip().strip('"') for part in header[2].split("."))
            for part in parents:
                table += f".{part}"
                table += f"[{counts[table] - 1}]" if table in counts else ""
            table += f".{last}"
            if header[1] == "[[":
                counts[table] = counts.get(table, 0) + 1
                table += f"[{counts[table] - 1}]"
                for inner in [each for each in counts if each.startswith(table)]:
                    del counts[inner]
            found.setdefault(table, number)
        elif key:
            found.setdefault(f"{table}.{key[1] or key[2]}", number)
    while where not in found:
        where = re.sub(r"(\.[^.\[]*|\[[^\[]*\])$", "", where)
    return found[where]
