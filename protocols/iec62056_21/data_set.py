"""Data sets: `1-0:1.8.0*255(000123.45*kWh)`, one or several in a line, and blocks of lines (IEC 62056-21 6.3.2, items 15 to 19).

Identifiers are kept as they came (`1-0:1.8.0*255`, `1.8.0`, `F.F`): what they mean is said elsewhere. Written by hand: the
codec engine is for octets, and these are texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Self

from protocols.core.errors import DecodeError, LocalProtocolError

LONGEST_ADDRESS: Final = 32
LONGEST_VALUE: Final = 128
LONGEST_UNIT: Final = 16
_GROUP: Final = re.compile(rf"\(([^()/!*]{{0,{LONGEST_VALUE}}})(?:\*([^()/!*]{{0,{LONGEST_UNIT}}}))?\)")
_SET: Final = re.compile(rf"([^()*/!]{{0,{LONGEST_ADDRESS}}}(?:\*[0-9]{{1,3}})?)((?:{_GROUP.pattern})+)")
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Value:
    """One group in brackets: its text as it came, and a unit or nothing."""

    text: str
    unit: str = ""

    @property
    def number(self) -> Decimal | None:
        """The value where it is one; None for other texts (a serial number with letters, an empty group)."""
        return Decimal(self.text) if _NUMBER.fullmatch(self.text) else None

    def __str__(self) -> str:
        return f"({self.text}*{self.unit})" if self.unit else f"({self.text})"


@dataclass(frozen=True, slots=True)
class DataSet:
    """An identifier with its values; the identifier is empty where the answer to a read leaves it out."""

    address: str
    values: tuple[Value, ...]

    @classmethod
    def of(cls, address: str, text: object, unit: str = "") -> Self:
        """One value."""
        return cls(address, (Value(str(text), unit),))

    @property
    def value(self) -> Value:
        """The first value."""
        return self.values[0]

    def __str__(self) -> str:
        return self.address + "".join(map(str, self.values))


def parse_line(line: str) -> list[DataSet]:
    """The data sets of one line without its end. Raises DecodeError."""
    found: list[DataSet] = []
    position = 0
    while position < len(line):
        match = _SET.match(line, position)
        if match is None:
            raise DecodeError(f"DataSet: not an identifier with values in brackets: {line[position : position + 40]!r}")
        values = (Value(group[1], group[2] or "") for group in _GROUP.finditer(match[2]))
        found.append(DataSet(match[1], tuple(values)))
        position = match.end()
    return found


def parse_block(text: str) -> list[DataSet]:
    """The data sets of a data block: lines that end in CR LF, and `!` behind the last. Raises DecodeError."""
    body, mark, rest = text.partition("!")
    if not mark or rest not in ("", "\r\n"):
        raise DecodeError("data block: does not end with an exclamation mark and CR LF")
    return [found for line in body.split("\r\n") for found in parse_line(line)]


def build_block(data_sets: Iterable[DataSet]) -> str:
    """A data block, one data set a line. Raises LocalProtocolError for what cannot be said."""
    return "".join(f"{checked(each)}\r\n" for each in data_sets) + "!\r\n"


def checked(data_set: DataSet) -> DataSet:
    """A data set of ours. Raises LocalProtocolError when it would be read as something else."""
    try:
        (again,) = parse_line(str(data_set))
    except (DecodeError, ValueError):
        again = None
    if again != data_set or not str(data_set).isascii():
        raise LocalProtocolError(f"no data set: {data_set}")
    return data_set
