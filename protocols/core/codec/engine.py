"""The two engines behind `Frame.parse` and `Frame.build`: generated Python, and construct interpreting the same tree.

Code is generated for a class on its first parse or build and put in place of the class's methods. When it refuses
something, the interpreted engine does the work again, only to say what was wrong and where.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import construct as c

from protocols.core.codec.building import Builder
from protocols.core.codec.constructs import left_over
from protocols.core.codec.parsing import Cursor, Parser
from protocols.core.codec.source import Source
from protocols.core.codec.streams import MAX_ITEMS, Reader, Writer
from protocols.core.errors import LocalProtocolError


def interpreted_parse(record: Any, data: bytes, pos: int, items: int = MAX_ITEMS) -> tuple[Any, int]:
    """The frame at `pos` and the position behind it, by construct. Raises DecodeError."""
    reader = Reader(data, pos, items)
    frame = record._parsereport(reader, _context(parsing=True), record.frame.__name__)
    return frame, reader.position


def interpreted_parse_all(record: Any, data: bytes, items: int = MAX_ITEMS) -> Any:
    """The frame that `data` is, by construct. Raises DecodeError."""
    frame, end = interpreted_parse(record, data, 0, items)
    if end != len(data):
        raise left_over(record.frame.__name__, len(data) - end, end)
    return frame


def interpreted_build(record: Any, frame: Any) -> bytes:
    """The octets of a frame, by construct. Raises EncodeError."""
    writer = Writer()
    record._build(frame, writer, _context(parsing=False), record.frame.__name__)
    return bytes(writer.out)


def _context(*, parsing: bool) -> Any:
    # What Construct.parse and Construct.build would set up: they cannot be used, as they make a stream of their own.
    return c.Container(_params={}, _parsing=parsing, _building=not parsing, _sizing=False)


def parse_source(record: Any, *, whole: bool) -> Source:
    """`parse(data, items)` for a frame that is all of `data`, or `parse_from(data, start, items)` for one inside."""
    source = Source()
    source.names["explain"] = _parse_explainer(record, whole=whole)
    arguments = "data" if whole else "data, start"
    with source.block(f"def {'parse' if whole else 'parse_from'}({arguments}, items={MAX_ITEMS}):"):
        with source.block("try:"):
            parser = Parser(source, Cursor("data", "pos", "" if whole else "start"))
            frame = parser.part(record)
            if whole:
                parser.check_end()
                source.emit(f"return {frame}")
            else:
                parser.flush()
                source.emit(f"return {frame}, {parser.cursor.at()}")
        with source.block("except PARSE_FAULTS:"):
            source.emit("pass")
        source.emit(f"explain({arguments}, items)")
    return source


def build_source(record: Any) -> Source:
    """`build(self)`."""
    source = Source()
    source.names["explain"] = _build_explainer(record)
    with source.block("def build(self):"):
        with source.block("try:"):
            builder = Builder(source)
            builder.part(record, "self")
            source.emit(f"return {builder.finish()}")
        with source.block("except BUILD_FAULTS:"):
            source.emit("pass")
        source.emit("explain(self)")
    return source


def _parse_explainer(record: Any, *, whole: bool) -> Callable[..., None]:
    def explain(data: bytes, start: int, items: int) -> None:
        interpreted_parse(record, data, start, items)
        raise LocalProtocolError(f"{record.frame.__name__}: the engines disagree about {data[start:].hex()}")

    def explain_all(data: bytes, items: int) -> None:
        interpreted_parse_all(record, data, items)
        raise LocalProtocolError(f"{record.frame.__name__}: the engines disagree about {data.hex()}")

    return explain_all if whole else explain


def _build_explainer(record: Any) -> Callable[[Any], None]:
    def explain(frame: Any) -> None:
        interpreted_build(record, frame)
        raise LocalProtocolError(f"{record.frame.__name__}: the engines disagree about {frame!r}")

    return explain


def generate(record: Any, name: str) -> Any:
    """The generated function `parse`, `parse_from` or `build` of a frame class."""
    source = build_source(record) if name == "build" else parse_source(record, whole=name == "parse")
    frame = record.frame
    return source.function(name, f"{frame.__module__}.{frame.__qualname__}.{name}")
