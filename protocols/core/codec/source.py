"""Python source while it is being written: lines, fresh names, the objects it refers to; and making functions of it."""

from __future__ import annotations

import linecache
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from protocols.core.codec.constructs import axdr_length_octets
from protocols.core.errors import DecodeError, EncodeError


class Refused(Exception):
    """Generated code met octets or values that do not fit. The interpreted engine then says which and why."""


PARSE_FAULTS = (Refused, IndexError, struct.error, DecodeError)
"""What generated parsers and the leaves they call raise for bad octets."""
BUILD_FAULTS = (Refused, struct.error, TypeError, ValueError, AttributeError, OverflowError, EncodeError)
"""What generated builders and the leaves they call raise for values without an encoding."""

REFUSE = "raise Refused"


def long_length(buf: bytes, pos: int, first: int) -> tuple[int, int]:
    """The A-XDR length whose first octet, 80 or above, was before `pos`; and the position behind it."""
    end = pos + (first & 0x7F)
    if not 0x81 <= first <= 0x84 or end > len(buf):
        raise Refused
    return int.from_bytes(buf[pos:end], "big"), end


class Source:
    """One module of generated functions."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.finished: list[str] = []  # functions that stand before the one being written
        self.depth = 0
        self.names: dict[str, Any] = {
            "Refused": Refused,
            "PARSE_FAULTS": PARSE_FAULTS,
            "BUILD_FAULTS": BUILD_FAULTS,
            "long_length": long_length,
            "length_octets": axdr_length_octets,
        }
        self._fresh = 0

    def fresh(self, stem: str) -> str:
        """A name not used so far."""
        self._fresh += 1
        return f"{stem}{self._fresh}"

    def emit(self, line: str) -> None:
        """One line at the present indentation."""
        self.lines.append("    " * self.depth + line)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """A compound statement: its body is what is emitted inside the `with`."""
        self.emit(head)
        self.depth += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.emit("pass")
        self.depth -= 1

    @contextmanager
    def aside(self, head: str) -> Iterator[None]:
        """A function of its own, written while another one is."""
        outer = self.lines, self.depth
        self.lines, self.depth = [], 0
        with self.block(head):
            yield
        self.finished += [*self.lines, ""]
        self.lines, self.depth = outer

    def constant(self, stem: str, value: Any) -> str:
        """A global name for an object."""
        name = stem
        while self.names.get(name, value) != value:
            name = self.fresh(f"{stem}_")
        self.names[name] = value
        return name

    def struct(self, format: str, method: str) -> str:
        """A global name for one bound method of a Struct: struct_BH2s_big_unpack_from."""
        order = {"<": "little", ">": "big"}[format[0]]
        name = f"{method}_{format[1:]}_{order}"
        if name not in self.names:
            self.names[name] = getattr(struct.Struct(format), method)
        return name

    def text(self) -> str:
        """The source so far."""
        return "\n".join([*self.finished, *self.lines]) + "\n"

    def function(self, name: str, title: str) -> Any:
        """Compile, and give the function called `name`. A debugger finds its source under `<generated {title}>`."""
        text, file = self.text(), f"<generated {title}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec"), self.names)
        return self.names[name]
