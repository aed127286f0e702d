"""Building as straight-line Python: one emitter for each construct of the subset, the mirror of `parsing`.

An emitter writes statements that append its part, whose value is a Python expression, to a bytearray. Fixed leaves
join the pending run, which becomes one struct write. A run stays pending into the branches of a choice: a tag and the
fixed value that it selects are written at once. Values without an encoding make the code raise one of BUILD_FAULTS; the
interpreted engine then says which and why.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import construct as c

from protocols.core.codec import constructs
from protocols.core.codec.expressions import to_python
from protocols.core.codec.layout import Fixed, equals, fixed, grouped
from protocols.core.codec.leaf import Leaf
from protocols.core.codec.source import REFUSE, Source
from protocols.core.codec.streams import MAX_DEPTH

_APPENDED = 2
"""A run of up to so many single octets is appended one by one, which then beats a struct write."""
_MASKS = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFF_FFFF}


class Builder:
    """Writes the building code of one function."""

    def __init__(self, source: Source, shared: dict[int, str] | None = None) -> None:
        self.source = source
        self.out = ""  # the bytearray; none before it is needed
        self.record: Any = None
        self.shared = {} if shared is None else shared
        self.level = str(MAX_DEPTH)
        self.order = ""
        self.run: list[tuple[str, str]] = []  # struct code and source of the value
        self.constant = b""  # at the end of the run
        self.fields: dict[str, str] = {}  # source of the values of the record's fields
        self.later: list[Any] = []  # its fields that are still to come

    # -- runs of fixed leaves

    def add(self, leaf: Fixed, value: str) -> None:
        """Put a leaf on the pending run."""
        if leaf.order and self.order and leaf.order != self.order:
            self.flush()
        self._close_constant()
        self.order = self.order or leaf.order
        if len(leaf.codes) > 1:
            value = self.named(value)
            top = max(leaf.shifts)
            for code, shift in zip(leaf.codes, leaf.shifts, strict=True):
                piece = f"{value} >> {shift}" if shift else value
                # the top piece stays unmasked, so that struct refuses a value that is too large
                self.run.append((code, piece if shift == top else f"{piece} & {_MASKS[code]:#x}"))
        elif leaf.codes[0].endswith("s"):
            value = self.named(value)
            self.check(f"len({value}) != {leaf.size}")  # struct would pad or cut
            self.run.append((leaf.codes[0], value))
        else:
            self.run.append((leaf.codes[0], value))

    def add_constant(self, octets: bytes) -> None:
        """Put fixed octets on the pending run."""
        self.constant += octets

    def _close_constant(self) -> None:
        if self.constant:
            self.run.append((f"{len(self.constant)}s", repr(self.constant)))
            self.constant = b""

    def _packed(self) -> str:
        """The source of the octets of the pending run, which is used up."""
        self._close_constant()
        run, order = self.run, self.order or ">"
        self.run, self.order = [], ""
        if len(run) == 1 and run[0][0].endswith("s"):
            return run[0][1]
        pack = self.source.struct(order + "".join(code for code, _ in run), "pack")
        return f"{pack}({', '.join(value for _, value in run)})"

    def open(self) -> str:
        """The name of the bytearray, which exists from here on."""
        if not self.out:
            self.out = "out"
            pending = self.run or self.constant
            self.source.emit(f"out = bytearray({self._packed() if pending else ''})")
        return self.out

    def flush(self) -> None:
        """Write the pending run."""
        if not self.out:
            self.open()
        if self.run and not self.constant and len(self.run) <= _APPENDED and all(code == "B" for code, _ in self.run):
            for _, value in self.run:
                self.source.emit(f"{self.out}.append({value})")
            self.run, self.order = [], ""
        elif self.run or self.constant:
            self.source.emit(f"{self.out} += {self._packed()}")

    def finish(self) -> str:
        """The source of all octets."""
        if not self.out:
            return self._packed() if self.run or self.constant else "b''"
        self.flush()
        return f"bytes({self.out})"

    # -- statements

    def named(self, value: str) -> str:
        """A name for a value that is used more than once."""
        if value.isidentifier():
            return value
        name = self.source.fresh("w")
        self.source.emit(f"{name} = {value}")
        return name

    def check(self, condition: str) -> None:
        """Refuse when the condition holds."""
        self.source.emit(f"if {condition}: {REFUSE}")

    def branches(self, *choices: tuple[str, Callable[[], object]]) -> None:
        """Branches, each of which begins with the pending run."""
        if not self.out:
            self.out = "out"
            self.source.emit("out = bytearray()")
        pending = self.run, self.order, self.constant
        for head, body in choices:
            self.run, self.order, self.constant = list(pending[0]), pending[1], pending[2]
            with self.source.block(head):
                body()
                self.flush()

    # -- parts

    def part(self, part: Any, value: str) -> None:
        """Emit any part of the subset."""
        leaf = fixed(part)
        if leaf is not None:
            self.add(leaf, value)
            return
        emitter = _EMITTERS.get(type(part))
        if emitter is not None:
            emitter(self, part, value)
        elif isinstance(part, Leaf):
            build = self.source.constant(f"build_{type(part).__name__}", part.build)
            self.flush()
            self.source.emit(f"{build}({value}, {self.out})")
        else:
            raise TypeError(f"{part!r} is not in the subset of constructs that frames may use")

    def expression(self, expression: Any) -> str:
        """The source of an expression over fields of the record being written."""
        return to_python(expression, self.fields.__getitem__)

    def _record(self, record: Any, value: str) -> None:
        outer = self.record, self.fields, self.later
        self.record, self.fields = record, {}
        value = self.named(value)
        if not record.members:  # nothing would notice a value of another class
            self.check(f"not isinstance({value}, {self.source.constant(record.frame.__name__, record.frame)})")
        for member in record.subcon.subcons:
            constant = isinstance(member.subcon, constructs.Const)
            text = repr(member.subcon.value) if constant else f"{value}.{member.name}"
            self.fields[member.name] = self.named(text) if member.name in record.referenced else text
        members = record.subcon.subcons
        for at, member in enumerate(members):
            self.later = members[at + 1 :]
            self.part(member.subcon, self.fields[member.name])
        self.record, self.fields, self.later = outer

    def _const(self, const: Any, value: str) -> None:
        self.add_constant(const.octets)

    def _nothing(self, nothing: Any, value: str) -> None:
        self.check(f"{value} is not None")

    def _rest(self, rest: Any, value: str) -> None:
        self.flush()
        self.source.emit(f"{self.out} += {value}")

    def _octets(self, octets: Any, value: str) -> None:
        value = self.named(value)
        self.check(f"len({value}) != {self.expression(octets.length)}")
        self._rest(octets, value)

    def _length(self, part: Any, value: str) -> None:
        leaf = fixed(part)
        if leaf is not None:
            self.add(leaf, value)
        else:
            self._axdr_length(part, value)

    def _axdr_length(self, part: Any, value: str) -> None:
        value = self.named(value)
        self.flush()
        self.source.emit(f"if {value} < 128: {self.out}.append({value})")
        self.source.emit(f"else: {self.out} += length_octets({value})")

    def _prefixed(self, prefixed: Any, value: str) -> None:
        if isinstance(prefixed.subcon, constructs.Rest):
            inner = self.named(value)
        else:
            inner = self._aside(prefixed.subcon, value)
        length = self.source.fresh("n")
        self.source.emit(f"{length} = len({inner})")
        self._length(prefixed.length, length)
        self._rest(prefixed, inner)

    def _aside(self, part: Any, value: str) -> str:
        """Build a part into a bytearray of its own."""
        outer = self.out, self.run, self.order, self.constant
        self.out = inner = self.source.fresh("part")
        self.run, self.order, self.constant = [], "", b""
        self.source.emit(f"{inner} = bytearray()")
        self.part(part, value)
        self.flush()
        self.out, self.run, self.order, self.constant = outer
        return inner

    def _nullable(self, string: Any, value: str) -> None:
        value = self.named(value)

        def present() -> None:
            self.check(f"len({value}) >= {string.none}")
            self._prefixed(string, value)

        self.branches(
            (f"if {value} is None:", partial(self.part, string.length, str(string.none))),
            ("else:", present),
        )

    def _array(self, array: Any, value: str) -> None:
        if isinstance(array.subcon, constructs.Itself):
            self._nested(array, value)
            return
        value = self.named(value)
        if isinstance(array.count, c.Construct):
            count = self.source.fresh("n")
            self.source.emit(f"{count} = len({value})")
            self._length(array.count, count)
        else:
            self.check(f"len({value}) != {self.expression(array.count)}")
        self._items(array.subcon, value)

    def _to_end(self, items: Any, value: str) -> None:
        self._items(items.subcon, value)

    def _items(self, item: Any, values: str) -> None:
        self.flush()
        name = self.source.fresh("x")
        with self.source.block(f"for {name} in {values}:"):
            self.part(item, name)
            self.flush()

    def _presence(self, presence: Any, value: str) -> None:
        value = self.named(value)

        def present() -> None:
            self.add_constant(b"\1")
            self.part(presence.subcon, value)

        self.branches((f"if {value} is None:", partial(self.add_constant, b"\0")), ("else:", present))

    def _trailing(self, trailing: Any, value: str) -> None:
        value = self.named(value)
        later = [(member, self.fields[member.name]) for member in self.later]

        def absent() -> None:
            for member, text in later:
                empty = "" if isinstance(member.subcon, constructs.Trailing) else f" and {text} != b'' and {text} != []"
                self.check(f"{text} is not None{empty}")

        self.branches((f"if {value} is None:", absent), ("else:", partial(self.part, trailing.subcon, value)))

    def _tagged(self, tagged: Any, value: str) -> None:
        value = self.named(value)

        def present() -> None:
            self.add_constant(bytes((tagged.tag,)))
            self.part(tagged.subcon, value)

        self.branches((f"if {value} is not None:", present), ("else:", lambda: None))

    def _when(self, when: Any, value: str) -> None:
        value = self.named(value)

        self.branches(
            # None is left to the part: most have no encoding for it, a ZCL string has
            (f"if {self.expression(when.condition)}:", partial(self.part, when.subcon, value)),
            ("else:", partial(self.check, f"{value} is not None")),
        )

    def _switch(self, switch: Any, value: str) -> None:
        value, key = self.named(value), self.named(self.expression(switch.keyfunc))
        words = ["if", *["elif"] * len(switch.cases)]
        choices = [
            (f"{word} {equals(key, keys)}:", partial(self.part, case, value))
            for word, (keys, case) in zip(words, grouped(switch.cases), strict=False)
        ]
        self.branches(*choices)
        self.source.emit(f"else: {REFUSE}")
        self.run, self.order, self.constant = [], "", b""

    # -- a frame inside itself: its arrays become functions, everything else stays in line

    def _nested(self, array: Any, value: str) -> None:
        self.flush()
        name = self.shared.get(id(array)) or self._array_function(array)
        self.source.emit(f"{name}({value}, {self.out}, {self.level})")

    def _array_function(self, array: Any) -> str:
        source = self.source
        name = self.shared[id(array)] = source.fresh(f"build_{self.record.frame.__name__}_items")
        inner = Builder(source, self.shared)
        inner.record, inner.level, inner.out = self.record, "level - 1", "out"
        with source.aside(f"def {name}(values, out, level):"):
            inner.check("not level")
            source.emit("count = len(values)")
            inner._length(array.count, "count")
            inner._items(self.record, "values")
        return name


_EMITTERS: dict[type, Callable[[Builder, Any, str], None]] = {
    constructs.Array: Builder._array,
    constructs.AxdrLength: Builder._axdr_length,
    constructs.Const: Builder._const,
    constructs.Nothing: Builder._nothing,
    constructs.NullablePrefixed: Builder._nullable,
    constructs.Octets: Builder._octets,
    constructs.Prefixed: Builder._prefixed,
    constructs.Presence: Builder._presence,
    constructs.Record: Builder._record,
    constructs.Rest: Builder._rest,
    constructs.Switch: Builder._switch,
    constructs.Tagged: Builder._tagged,
    constructs.ToEnd: Builder._to_end,
    constructs.Trailing: Builder._trailing,
    constructs.When: Builder._when,
}
