"""Parsing as straight-line Python: one emitter for each construct of the subset.

An emitter writes statements that read its part from `buf` at the cursor, and returns the source of the value. Fixed
leaves are not read at once: they join the pending run, which becomes one struct read (or plain indexing) as soon as
something needs their values or the position behind them. What does not fit raises Refused, without a word: the
interpreted engine then says what was wrong, so that good frames pay nothing for good messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import construct as c

from protocols.core.codec import constructs
from protocols.core.codec.expressions import to_python
from protocols.core.codec.layout import OCTET, Fixed, equals, fixed, grouped, least_size
from protocols.core.codec.leaf import CountingLeaf, Leaf
from protocols.core.codec.source import REFUSE, Source
from protocols.core.codec.streams import MAX_DEPTH

_INDEXED = 3
"""A run of up to so many single octets is read by indexing, which then beats a struct read."""


@dataclass(slots=True)
class Cursor:
    """Where the next octet is: `base + offset` in `buf`, the base being a variable or nothing."""

    buf: str
    variable: str
    base: str = ""
    offset: int = 0

    def at(self, ahead: int = 0) -> str:
        """Source of the position `ahead` octets further."""
        offset = self.offset + ahead
        if not self.base:
            return str(offset)
        return f"{self.base} + {offset}" if offset else self.base


@dataclass(slots=True)
class Run:
    """Fixed leaves of one byte order, not yet read: the targets and codes, and what to check or put together after."""

    order: str = ""
    size: int = 0
    codes: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    constant: bytes = b""  # at the end of the run, so that neighbouring constants are compared at once


class Parser:
    """Writes the parsing code of one function."""

    def __init__(self, source: Source, cursor: Cursor, shared: dict[int, str] | None = None) -> None:
        self.source = source
        self.cursor = cursor
        self.record: Any = None
        self.shared = {} if shared is None else shared  # functions made for arrays of a frame in itself
        self.level = str(MAX_DEPTH)
        self.room = ""
        self.run = Run()
        self.fields: dict[str, str] = {}

    # -- runs of fixed leaves

    def add(self, leaf: Fixed) -> str:
        """Put a leaf on the pending run; the name that will hold its value."""
        self._order(leaf.order)
        run, source = self.run, self.source
        self._close_constant()
        value = source.fresh("v")
        run.codes += leaf.codes
        run.size += leaf.size
        if len(leaf.codes) == 1:
            run.targets.append(value)
        else:
            pieces = [source.fresh("p") for _ in leaf.codes]
            run.targets += pieces
            terms = [f"{piece} << {shift}" if shift else piece for piece, shift in zip(pieces, leaf.shifts, strict=True)]
            run.after.append(f"{value} = {' | '.join(terms)}")
        return value

    def _order(self, order: str) -> None:
        if order and self.run.order and order != self.run.order:
            self.flush()
        self.run.order = self.run.order or order

    def add_constant(self, octets: bytes) -> None:
        """Put octets that must be there on the pending run."""
        self.run.constant += octets

    def _close_constant(self) -> None:
        run = self.run
        if run.constant:
            name = self.source.fresh("c")
            run.codes.append("B" if len(run.constant) == 1 else f"{len(run.constant)}s")
            run.targets.append(name)
            wanted = run.constant[0] if len(run.constant) == 1 else run.constant
            run.after.append(f"if {name} != {wanted!r}: {REFUSE}")
            run.size += len(run.constant)
            run.constant = b""

    def flush(self) -> None:
        """Read the pending run."""
        self._close_constant()
        run, source, cursor = self.run, self.source, self.cursor
        self.run = Run()
        if not run.codes:
            return
        if len(run.codes) <= _INDEXED and set(run.codes) <= {"B", "b"}:
            for ahead, (code, target) in enumerate(zip(run.codes, run.targets, strict=True)):
                octet = f"{cursor.buf}[{cursor.at(ahead)}]"
                source.emit(f"{target} = {octet}" if code == "B" else f"{target} = ({octet} ^ 128) - 128")
        else:
            unpack = source.struct((run.order or ">") + "".join(run.codes), "unpack_from")
            source.emit(f"{', '.join(run.targets)}, = {unpack}({cursor.buf}, {cursor.at()})")
        for line in run.after:
            source.emit(line)
        cursor.offset += run.size

    # -- positions

    def settle(self) -> str:
        """Put the position into the variable, where loops and branches meet; the variable."""
        self.flush()
        cursor = self.cursor
        if cursor.base != cursor.variable or cursor.offset:
            self.source.emit(f"{cursor.variable} = {cursor.at()}")
        self.move(cursor.variable)
        return cursor.variable

    def move(self, base: str) -> None:
        """The next octet is where `base` says."""
        self.cursor.base, self.cursor.offset = base, 0

    def merged(self) -> None:
        """Branches have met, with the position in the variable."""
        self.move(self.cursor.variable)

    def branch(self, head: str, body: Callable[[], str], target: str) -> None:
        """A branch that sets `target` and leaves the position in the variable."""
        before = self.cursor.base, self.cursor.offset
        with self.source.block(head):
            value = body()
            self.flush()
            self.source.emit(f"{target} = {value}")
            self.settle()
        self.cursor.base, self.cursor.offset = before

    def check(self, condition: str) -> None:
        """Refuse when the condition holds."""
        self.source.emit(f"if {condition}: {REFUSE}")

    # -- parts

    @property
    def ended(self) -> bool:
        """Whether the last part took all that was left."""
        return self.cursor.at() == f"len({self.cursor.buf})" and not self.run.codes

    def check_end(self) -> None:
        """Refuse octets that are left over."""
        self.flush()
        if not self.ended:
            self.check(f"len({self.cursor.buf}) != {self.cursor.at()}")

    def part(self, part: Any) -> str:
        """Emit any part of the subset; the source of its value."""
        leaf = fixed(part)
        if leaf is not None:
            return self.add(leaf)
        emitter = _EMITTERS.get(type(part))
        if emitter is not None:
            return emitter(self, part)
        if isinstance(part, Leaf):
            return self._leaf(part)
        raise TypeError(f"{part!r} is not in the subset of constructs that frames may use")

    def _record(self, record: Any) -> str:
        outer = self.fields, self.record
        self.fields, self.record = {}, record
        for member in record.subcon.subcons:
            self.fields[member.name] = self.part(member.subcon)
        arguments = ", ".join(self.fields[name] for name in record.members)
        self.fields, self.record = outer
        return f"{self.source.constant(record.frame.__name__, record.frame)}({arguments})"

    def _const(self, const: Any) -> str:
        self.add_constant(const.octets)
        return repr(const.value)

    def _rest(self, rest: Any) -> str:
        self.flush()
        value, cursor = self.source.fresh("v"), self.cursor
        self.source.emit(f"{value} = {cursor.buf}[{cursor.at()}:]")
        self.move(f"len({cursor.buf})")
        return value

    def _slice(self, length: str) -> str:
        source, cursor = self.source, self.cursor
        value, end = source.fresh("v"), source.fresh("e")
        source.emit(f"{end} = {cursor.at()} + {length}")
        source.emit(f"{value} = {cursor.buf}[{cursor.at()}:{end}]")
        self.check(f"len({value}) != {length}")
        self.move(end)
        return value

    def _octets(self, octets: Any) -> str:
        return self._slice(self.number(octets.length))

    def expression(self, expression: Any) -> str:
        """The source of an expression over earlier fields."""
        self.flush()
        return to_python(expression, self.fields.__getitem__)

    def number(self, expression: Any) -> str:
        """A name for the value of an expression over earlier fields."""
        text = self.expression(expression)
        if text.isidentifier():
            return text
        number = self.source.fresh("n")
        self.source.emit(f"{number} = {text}")
        return number

    def length(self, part: Any) -> str:
        """A name for a length or count that stands on the wire."""
        if isinstance(part, constructs.AxdrLength):
            return self._axdr_length(part)
        number = self.part(part)
        self.flush()
        return number

    def _axdr_length(self, part: Any) -> str:
        self.flush()
        source, cursor, number = self.source, self.cursor, self.source.fresh("n")
        end = source.fresh("e")
        source.emit(f"{number} = {cursor.buf}[{cursor.at()}]")
        source.emit(f"{end} = {cursor.at(1)}")
        source.emit(f"if {number} > 127: {number}, {end} = long_length({cursor.buf}, {end}, {number})")
        self.move(end)
        return number

    def _prefixed(self, prefixed: Any) -> str:
        value = self._slice(self.length(prefixed.length))
        if isinstance(prefixed.subcon, constructs.Rest):
            return value
        outer, self.cursor = self.cursor, Cursor(value, self.source.fresh("pos"))
        found = self.part(prefixed.subcon)
        self.check_end()
        self.cursor = outer
        return found

    def _nullable(self, string: Any) -> str:
        length, value = self.length(string.length), self.source.fresh("v")
        self.branch(f"if {length} == {string.none}:", lambda: "None", value)
        self.branch("else:", lambda: self._slice(length), value)
        self.merged()
        return value

    def _array(self, array: Any) -> str:
        if isinstance(array.subcon, constructs.Itself):
            return self._nested(array)
        count = self.length(array.count) if isinstance(array.count, c.Construct) else self.number(array.count)
        self.check(f"{count} > items or {count} < 0")
        value = self.source.fresh("v")
        self.source.emit(f"{value} = []")
        self.settle()
        with self.source.block(f"for _ in range({count}):"):
            self.append(array.subcon, value)
        return value

    def append(self, item: Any, value: str) -> None:
        found = self.part(item)
        self.settle()
        self.source.emit(f"{value}.append({found})")

    def _to_end(self, items: Any) -> str:
        if not least_size(items.subcon):
            raise TypeError("items without octets never end")
        value = self.source.fresh("v")
        self.source.emit(f"{value} = []")
        position = self.settle()
        with self.source.block(f"while {position} < len({self.cursor.buf}):"):
            self.append(items.subcon, value)
        self.check(f"len({value}) > items")
        self.move(f"len({self.cursor.buf})")
        return value

    def _presence(self, presence: Any) -> str:
        flag = self.add(OCTET)
        self.flush()
        value = self.source.fresh("v")
        self.branch(f"if not {flag}:", lambda: "None", value)
        self.branch(f"elif {flag} == 1:", lambda: self.part(presence.subcon), value)
        self.source.emit(f"else: {REFUSE}")
        self.merged()
        return value

    def _optional(self, condition: str, body: Callable[[], str]) -> str:
        value = self.source.fresh("v")
        self.branch(f"if {condition}:", body, value)
        self.branch("else:", lambda: "None", value)
        self.merged()
        return value

    def _trailing(self, trailing: Any) -> str:
        self.flush()
        return self._optional(f"{self.cursor.at()} < len({self.cursor.buf})", partial(self.part, trailing.subcon))

    def _tagged(self, tagged: Any) -> str:
        self.flush()
        at, buf = self.cursor.at(), self.cursor.buf

        def body() -> str:
            self.cursor.offset += 1
            return self.part(tagged.subcon)

        return self._optional(f"{at} < len({buf}) and {buf}[{at}] == {tagged.tag}", body)

    def _when(self, when: Any) -> str:
        return self._optional(self.expression(when.condition), partial(self.part, when.subcon))

    def _switch(self, switch: Any) -> str:
        key, value, word = self.number(switch.keyfunc), self.source.fresh("v"), "if"
        for keys, case in grouped(switch.cases):
            self.branch(f"{word} {equals(key, keys)}:", partial(self.part, case), value)
            word = "elif"
        self.source.emit(f"else: {REFUSE}")
        self.merged()
        return value

    def _leaf(self, leaf: Any) -> str:
        self.flush()
        source, buf = self.source, self.cursor.buf
        value, end = source.fresh("v"), source.fresh("e")
        parse = source.constant(f"parse_{type(leaf).__name__}", leaf.parse)
        bound = ", items" if isinstance(leaf, CountingLeaf) and not self.room else ""
        source.emit(f"{value}, {end} = {parse}({buf}, {self.cursor.at()}, len({buf}){bound})")
        self.check(f"{end} > len({buf})")
        self.move(end)
        return value

    # -- a frame inside itself: its arrays become functions, everything else stays in line

    def _nested(self, array: Any) -> str:
        self.flush()
        source, cursor = self.source, self.cursor
        name = self.shared.get(id(array)) or self._array_function(array)
        value, end = source.fresh("v"), source.fresh("e")
        room = self.room or f"None if len({cursor.buf}) - {cursor.at()} <= items else [items]"
        source.emit(f"{value}, {end} = {name}({cursor.buf}, {cursor.at()}, {self.level}, {room})")
        self.move(end)
        return value

    def _array_function(self, array: Any) -> str:
        source = self.source
        name = self.shared[id(array)] = source.fresh(f"parse_{self.record.frame.__name__}_items")
        inner = Parser(source, Cursor("buf", "pos", "pos"), self.shared)
        inner.record, inner.level, inner.room = self.record, "level - 1", "room"
        with source.aside(f"def {name}(buf, pos, level, room):"):
            count = inner.length(array.count)
            inner.check("not level")
            with source.block("if room is not None:"):
                source.emit(f"room[0] -= {count}")
                inner.check("room[0] < 0")
            source.emit("values = []")
            inner.settle()
            with source.block(f"for _ in range({count}):"):
                inner.append(self.record, "values")
            source.emit("return values, pos")
        return name


_EMITTERS: dict[type, Callable[[Parser, Any], str]] = {
    constructs.Array: Parser._array,
    constructs.AxdrLength: Parser._axdr_length,
    constructs.Const: Parser._const,
    constructs.Nothing: lambda parser, part: "None",
    constructs.NullablePrefixed: Parser._nullable,
    constructs.Octets: Parser._octets,
    constructs.Prefixed: Parser._prefixed,
    constructs.Presence: Parser._presence,
    constructs.Record: Parser._record,
    constructs.Rest: Parser._rest,
    constructs.Switch: Parser._switch,
    constructs.Tagged: Parser._tagged,
    constructs.ToEnd: Parser._to_end,
    constructs.Trailing: Parser._trailing,
    constructs.When: Parser._when,
}
