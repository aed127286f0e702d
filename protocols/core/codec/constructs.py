"""Our own constructs, where stock construct is wrong or silent, in the interpreted form that is the reference.

Stock `Optional` gives None for a cut field, `GreedyRange` drops a cut tail, `Prefixed` ignores slack, `If` drops a
value that is set, `Flag` turns FF into 01, `Bytes` builds from an integer, an unknown `Switch` key gives None.
The generated form of each is in `parsing` and `building`; both must agree on every octet string.

Every construct here raises DecodeError with path and offset when it parses, EncodeError with path when it builds.
"""
# mypy: disallow-subclassing-any=False
# (construct has no type information, so its classes are Any)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import construct as c

from protocols.core.codec.expressions import fields_in
from protocols.core.codec.streams import Reader, Writer
from protocols.core.errors import DecodeError, EncodeError


def short(path: str, need: int, has: int, at: int) -> DecodeError:
    """The error of a field that goes past the end."""
    return DecodeError(f"{path}: needs {need} octet{'s' * (need != 1)}, has {has} (offset {at})")


def left_over(path: str, count: int, at: int) -> DecodeError:
    """The error of octets that nothing claims."""
    return DecodeError(f"{path}: {count} octet{'s' * (count != 1)} left over (offset {at})")


def evaluate(expression: Any, context: Any) -> Any:
    """The value of a number or of a `this` expression."""
    return expression(context) if callable(expression) else expression


class Field(c.Renamed):
    """A named part of a frame: knows its path and where it began, so every error does."""

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        path = f"{path}.{self.name}"
        start = stream.position
        try:
            return self.subcon._parsereport(stream, context, path)
        except c.StreamError:
            raise short(path, self.subcon.sizeof(), len(stream.data) - start, start) from None
        except c.ConstructError as error:
            raise DecodeError(f"{path}: {reason(error)} (offset {start})") from None

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        path = f"{path}.{self.name}"
        try:
            return self.subcon._build(obj, stream, context, path)
        except (c.ConstructError, TypeError, AttributeError, ValueError) as error:
            raise EncodeError(f"{path}: {reason(error)}") from None


def reason(error: Exception) -> str:
    """What construct complained about, without its own idea of the path."""
    first, _, rest = str(error).partition("\n")
    return rest or first


class Const(c.Const):
    """A fixed value, and its octets."""

    def __init__(self, value: Any, subcon: Any) -> None:
        super().__init__(value, subcon)
        self.octets: bytes = subcon.build(value)

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        start = stream.position
        found = parse_part(self.subcon, stream, context, path)
        if found != self.value:
            raise DecodeError(f"{path}: is {shown(found)}, must be {shown(self.value)} (offset {start})")
        return found


def shown(value: Any) -> str:
    """A number or octets, in hexadecimal."""
    return f"{value:02X}" if isinstance(value, int) else value.hex().upper()


class Octets(c.Bytes):
    """A number of octets that is fixed or computed from earlier fields; builds from octets only."""

    def _parse(self, stream: Reader, context: Any, path: str) -> bytes:
        length, start = evaluate(self.length, context), stream.position
        if length < 0:
            raise DecodeError(f"{path}: length {length} is negative (offset {start})")
        if length > stream.left:
            raise short(path, length, stream.left, start)
        return stream.read(length)

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        length = evaluate(self.length, context)
        if not isinstance(obj, bytes | bytearray):
            raise EncodeError(f"{path}: expects octets, got {obj!r}")
        if len(obj) != length:
            raise EncodeError(f"{path}: expects {length} octets, got {len(obj)}")
        stream.write(obj)
        return obj


class Rest(c.Construct):
    """All octets that are left. Only as the last field."""

    def _parse(self, stream: Reader, context: Any, path: str) -> bytes:
        return stream.read(stream.left)

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        if not isinstance(obj, bytes | bytearray):
            raise EncodeError(f"{path}: expects octets, got {obj!r}")
        stream.write(obj)
        return obj


class Nothing(c.Construct):
    """No octets at all; the value is None."""

    def _parse(self, stream: Reader, context: Any, path: str) -> None:
        return None

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        if obj is not None:
            raise EncodeError(f"{path}: expects None, got {obj!r}")
        return obj

    def _sizeof(self, context: Any, path: str) -> int:
        return 0


class AxdrLength(c.Construct):
    """A-XDR and BER definite length: one octet below 80, else 81..84 and that many octets.

    A longer form than needed is accepted (meters send it) and never sent. 80 (indefinite) and 85..FF are refused.
    """

    def _parse(self, stream: Reader, context: Any, path: str) -> int:
        start = stream.position
        if not stream.left:
            raise short(path, 1, 0, start)
        first = stream.read(1)[0]
        if first < 0x80:
            return first
        if not 0x81 <= first <= 0x84:
            raise DecodeError(f"{path}: length octet {first:02X} is not allowed (offset {start})")
        if first & 0x7F > stream.left:
            raise short(path, 1 + (first & 0x7F), 1 + stream.left, start)
        return int.from_bytes(stream.read(first & 0x7F), "big")

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        if not isinstance(obj, int) or not 0 <= obj < 1 << 32:
            raise EncodeError(f"{path}: {obj!r} is not a length")
        stream.write(axdr_length_octets(obj))
        return obj


def axdr_length_octets(length: int) -> bytes:
    """The shortest A-XDR form of a length. Raises OverflowError when it is negative."""
    if length < 0x80:
        return length.to_bytes(1, "big")
    count = (length.bit_length() + 7) // 8
    return bytes((0x80 | count,)) + length.to_bytes(count, "big")


class Prefixed(c.Subconstruct):
    """A length and exactly that many octets, which hold `subcon` and nothing else."""

    def __init__(self, length: Any, subcon: Any) -> None:
        super().__init__(subcon)
        self.length = length

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        length = parse_number(self.length, stream, context, path)
        start = stream.position
        if length > stream.left:
            raise short(path, length, stream.left, start)
        inner = stream.window(start + length)
        value = parse_part(self.subcon, inner, context, path)
        if inner.left:
            raise left_over(path, inner.left, inner.position)
        stream.position, stream.items = inner.position, inner.items
        return value

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        inner = stream.window()
        build_part(self.subcon, obj, inner, context, path)
        build_part(self.length, len(inner.out), stream, context, path)
        stream.write(bytes(inner.out))
        return obj


class NullablePrefixed(Prefixed):
    """ZCL strings: a length of all ones means "not valid", which is None and not the empty string."""

    def __init__(self, length: Any, none: int) -> None:
        super().__init__(length, Rest())
        self.none = none

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        start = stream.position
        if parse_number(self.length, stream, context, path) == self.none:
            return None
        stream.position = start
        return super()._parse(stream, context, path)

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        if obj is None:
            build_part(self.length, self.none, stream, context, path)
            return obj
        if len(obj) >= self.none:
            raise EncodeError(f"{path}: {len(obj)} octets are more than {self.none - 1}")
        return super()._build(obj, stream, context, path)


class Array(c.Subconstruct):
    """Items behind a count: a construct (it stands on the wire here), a number, or an expression (it came before)."""

    def __init__(self, count: Any, subcon: Any) -> None:
        super().__init__(subcon)
        self.count = count

    def _parse(self, stream: Reader, context: Any, path: str) -> list[Any]:
        start = stream.position
        on_wire = isinstance(self.count, c.Construct)
        count = parse_number(self.count, stream, context, path) if on_wire else evaluate(self.count, context)
        if count < 0:
            raise DecodeError(f"{path}: count {count} is negative (offset {start})")
        if isinstance(self.subcon, Itself):
            stream.enter(count, path, start)
        elif count > stream.limit:
            raise DecodeError(f"{path}: more than {stream.limit} items (offset {start})")
        items = [parse_part(self.subcon, stream, context, f"{path}[{index}]") for index in range(count)]
        if isinstance(self.subcon, Itself):
            stream.depth -= 1
        return items

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        if not isinstance(obj, list | tuple):
            raise EncodeError(f"{path}: expects a list, got {obj!r}")
        if isinstance(self.count, c.Construct):
            build_part(self.count, len(obj), stream, context, path)
        elif len(obj) != evaluate(self.count, context):
            raise EncodeError(f"{path}: expects {evaluate(self.count, context)} items, got {len(obj)}")
        if isinstance(self.subcon, Itself):
            stream.enter(path)
        for index, item in enumerate(obj):
            build_part(self.subcon, item, stream, context, f"{path}[{index}]")
        if isinstance(self.subcon, Itself):
            stream.depth -= 1
        return obj


class Itself(c.Construct):
    """The frame this stands in. Only as the item of an array, which counts the depth."""

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        return stream.record.parse_fields(stream, context, path)

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        return stream.record.build_fields(obj, stream, context, path)


class ToEnd(c.Subconstruct):
    """Items until nothing is left. A partial last item is an error. Only as the last field."""

    def _parse(self, stream: Reader, context: Any, path: str) -> list[Any]:
        items: list[Any] = []
        while stream.left:
            items.append(parse_part(self.subcon, stream, context, f"{path}[{len(items)}]"))
            if len(items) > stream.limit:
                raise DecodeError(f"{path}: more than {stream.limit} items (offset {stream.position})")
        return items

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        if not isinstance(obj, list | tuple):
            raise EncodeError(f"{path}: expects a list, got {obj!r}")
        for index, item in enumerate(obj):
            build_part(self.subcon, item, stream, context, f"{path}[{index}]")
        return obj


class Presence(c.Subconstruct):
    """A-XDR OPTIONAL: 00 is None, 01 is followed by the value; any other octet is an error."""

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        if not stream.left:
            raise short(path, 1, 0, stream.position)
        flag = stream.read(1)[0]
        if flag > 1:
            raise DecodeError(f"{path}: presence octet {flag:02X} is neither 00 nor 01 (offset {stream.position - 1})")
        return parse_part(self.subcon, stream, context, path) if flag else None

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        stream.write(b"\0" if obj is None else b"\1")
        if obj is not None:
            build_part(self.subcon, obj, stream, context, path)
        return obj


class Trailing(c.Subconstruct):
    """ZCL optional field: None only when nothing is left. Once one is absent, nothing may follow."""

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        return parse_part(self.subcon, stream, context, path) if stream.left else None

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        if obj is not None:
            build_part(self.subcon, obj, stream, context, path)
        return obj


class Tagged(c.Subconstruct):
    """BER OPTIONAL: present when the next octet is the tag; then a length and exactly that much."""

    def __init__(self, tag: int, subcon: Any) -> None:
        super().__init__(subcon)
        self.tag = tag

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        if not stream.left or stream.data[stream.position] != self.tag:
            return None
        stream.position += 1
        return parse_part(self.subcon, stream, context, path)

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        if obj is not None:
            stream.write(bytes((self.tag,)))
            build_part(self.subcon, obj, stream, context, path)
        return obj


class When(c.Subconstruct):
    """Present when an expression over earlier fields is true; refuses a value that does not fit the expression."""

    def __init__(self, condition: Any, subcon: Any) -> None:
        super().__init__(subcon)
        self.condition = condition

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        return parse_part(self.subcon, stream, context, path) if evaluate(self.condition, context) else None

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        if evaluate(self.condition, context):
            if obj is None and not isinstance(self.subcon, NullablePrefixed):
                raise EncodeError(f"{path}: the earlier fields say it is present, it is None")
            build_part(self.subcon, obj, stream, context, path)
        elif obj is not None:
            raise EncodeError(f"{path}: the earlier fields say it is absent, it is {obj!r}")
        return obj


class Switch(c.Switch):
    """One of several forms, by an expression over earlier fields. A key without a form is an error."""

    def __init__(self, key: Any, cases: Mapping[int, Any]) -> None:
        super().__init__(key, dict(cases), default=c.Error)

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        key = evaluate(self.keyfunc, context)
        if key not in self.cases:
            raise DecodeError(f"{path}: nothing is known for {key} (offset {stream.position})")
        return parse_part(self.cases[key], stream, context, path)

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        key = evaluate(self.keyfunc, context)
        if key not in self.cases:
            raise EncodeError(f"{path}: nothing is known for {key}")
        return build_part(self.cases[key], obj, stream, context, path)


class Record(c.Subconstruct):
    """A frame class over the Struct of its fields: gives frames, takes frames of that class."""

    def __init__(self, frame: Any, struct: Any) -> None:
        super().__init__(struct)
        self.frame = frame
        self.members: tuple[str, ...] = frame.__struct_fields__
        self.names: list[str] = [field.name for field in struct.subcons]
        self.referenced: set[str] = set().union(*[fields_in(found) for found in expressions_in(struct)])

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        outer = stream.record, stream.depth, stream.items
        stream.record, stream.depth, stream.items = self, 0, 0
        value = self.parse_fields(stream, context, path)
        stream.record, stream.depth, stream.items = outer
        return value

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        outer = stream.record, stream.depth
        stream.record, stream.depth = self, 0
        self.build_fields(obj, stream, context, path)
        stream.record, stream.depth = outer
        return obj

    def parse_fields(self, stream: Reader, context: Any, path: str) -> Any:
        """A frame, at the depth and with the items used so far."""
        found = self.subcon._parsereport(stream, context, path)
        return self.frame(*[found[name] for name in self.members])

    def build_fields(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        """The octets of a frame, at the depth reached so far."""
        if not isinstance(obj, self.frame):
            raise EncodeError(f"{path}: expects {self.frame.__name__}, got {obj!r}")
        self._no_gaps(obj, path)
        self.subcon._build({name: getattr(obj, name) for name in self.names}, stream, context, path)
        return obj

    def _no_gaps(self, obj: Any, path: str) -> None:
        absent = ""
        for field in self.subcon.subcons:
            value = getattr(obj, field.name)
            if absent and value is not None and value != b"" and value != []:
                raise EncodeError(f"{path}.{field.name}: is set, but {absent} before it is absent")
            if isinstance(field.subcon, Trailing) and value is None:
                absent = field.name


def expressions_in(part: Any) -> list[Any]:
    """The `this` expressions of a frame's own parts, not those of frames inside it."""
    if isinstance(part, c.Struct):
        return [found for member in part.subcons for found in expressions_in(member)]
    if isinstance(part, Octets):
        return [part.length]
    if isinstance(part, Switch):
        return [part.keyfunc, *[found for case in part.cases.values() for found in expressions_in(case)]]
    if isinstance(part, Record) or not isinstance(part, c.Subconstruct):
        return []
    own = [part.condition] if isinstance(part, When) else []
    if isinstance(part, Array) and not isinstance(part.count, c.Construct):
        own.append(part.count)
    return own + expressions_in(part.subcon)


def parse_part(part: Any, stream: Reader, context: Any, path: str) -> Any:
    """Parse an unnamed part, with the errors of a named one."""
    start = stream.position
    try:
        return part._parsereport(stream, context, path)
    except c.StreamError:
        raise short(path, part.sizeof(), len(stream.data) - start, start) from None
    except c.ConstructError as error:
        raise DecodeError(f"{path}: {reason(error)} (offset {start})") from None


def parse_number(part: Any, stream: Reader, context: Any, path: str) -> int:
    """Parse a length or count."""
    number: int = parse_part(part, stream, context, path)
    return number


def build_part(part: Any, obj: Any, stream: Writer, context: Any, path: str) -> Any:
    """Build an unnamed part, with the errors of a named one."""
    try:
        return part._build(obj, stream, context, path)
    except (c.ConstructError, TypeError, AttributeError, ValueError) as error:
        raise EncodeError(f"{path}: {reason(error)}") from None
