"""The base that lets a cluster read like the specification's table (07-5123 clause 2.3.3).

    class Metering(Cluster, id=0x0702, name="Metering"):
        current_summation_delivered = attribute(0x0000, uint48, reports=True)
        current_tier_summation_delivered = attributes("current_tier_{}_summation_delivered", 0x0100, uint48, 48, step=2)

        @command(0x08, to=CLIENT)
        class ConfigureMirror(Frame): ...

A cluster class is a declaration and is never instantiated: values and handlers live in `protocols.zigbee.zcl.endpoint`.
A command frame holds the payload after the header; octets that a later revision appended stay behind what
`Frame.parse_from` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Generic, TypeVar

from protocols.core.codec import Frame
from protocols.zigbee.zcl.types import Type, enum8, uint16

V = TypeVar("V", covariant=True)
F = TypeVar("F", bound=type[Frame])


class Side(IntEnum):
    """The two ends of a cluster. The number is the header's direction bit of a frame going *to* that side."""

    SERVER = 0
    CLIENT = 1

    @property
    def other(self) -> Side:
        """The end it talks to."""
        return CLIENT if self is SERVER else SERVER


SERVER = Side.SERVER
CLIENT = Side.CLIENT


class Attribute(Generic[V]):
    """One row of a cluster's attribute table. `limits` are the first and last value a write may give."""

    __slots__ = ("id", "limits", "name", "of", "reports", "type", "writes")

    def __init__(
        self,
        id: int,
        type: Type[V],
        *,
        of: Side = SERVER,
        writes: bool = False,
        reports: bool = False,
        limits: tuple[V, V] | None = None,
        name: str = "",
    ) -> None:
        self.id = id
        self.type = type
        self.of = of
        self.writes = writes
        self.reports = reports
        self.limits = limits
        self.name = name

    def __set_name__(self, owner: type[Cluster], name: str) -> None:
        self.name = self.name or name

    def __repr__(self) -> str:
        return f"<{self.name} {self.id:#06x} {self.type}>"


attribute = Attribute


class attributes(Generic[V]):  # noqa: N801 - reads as the plural of `attribute` in a declaration
    """A run of attributes that differ by a number: `Metering.current_tier_summation_delivered[4]`, from `first` on."""

    def __init__(
        self,
        name: str,
        id: int,
        type: Type[V],
        count: int,
        *,
        first: int = 1,
        step: int = 1,
        writes: bool = False,
        reports: bool = False,
    ) -> None:
        self.first = first
        self.rows = tuple(
            Attribute(id + step * n, type, writes=writes, reports=reports, name=name.format(first + n)) for n in range(count)
        )

    def __getitem__(self, number: int) -> Attribute[V]:
        if not 0 <= number - self.first < len(self.rows):
            raise IndexError(f"{self.rows[0].name} .. {self.rows[-1].name}: no number {number}")
        return self.rows[number - self.first]

    def __iter__(self) -> Iterator[Attribute[V]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class grid(Generic[V]):  # noqa: N801 - as `attributes`
    """Attributes that differ by two numbers: `Price.tier_block_price[2][3]`. A row of up to 16 has 16 identifiers."""

    def __init__(self, name: str, id: int, type: Type[V], rows: int, columns: int, *, first: int = 1) -> None:
        self.first = first
        self.rows = tuple(attributes(name.format(first + row, "{}"), id + 0x10 * row, type, columns) for row in range(rows))

    def __getitem__(self, number: int) -> attributes[V]:
        if not 0 <= number - self.first < len(self.rows):
            raise IndexError(f"{self.rows[0].rows[0].name} and its like: no row {number}")
        return self.rows[number - self.first]

    def __iter__(self) -> Iterator[Attribute[V]]:
        return (attribute for row in self.rows for attribute in row)


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command frame belongs: the header's command id, the side that receives it, and its cluster."""

    id: int
    to: Side
    cluster: type[Cluster]
    frame: type[Frame]


_DECLARED: dict[type[Frame], tuple[int, Side]] = {}
_COMMANDS: dict[type[Frame], Command] = {}


def command(id: int, *, to: Side) -> Callable[[F], F]:
    """Declare the decorated frame as the cluster's command `id` received by the side `to`."""

    def declare(frame: F) -> F:
        _DECLARED[frame] = (id, to)
        return frame

    return declare


def command_of(frame: type[Frame]) -> Command:
    """The declaration of a command's frame class. KeyError for a frame that is no cluster command."""
    return _COMMANDS[frame]


def _rows(member: object) -> Iterable[Attribute[object]]:
    """The attributes that a member of a cluster class declares."""
    if isinstance(member, Attribute):
        return [member]
    if isinstance(member, dict) and all(isinstance(value, Attribute) for value in member.values()):
        return member.values()
    return member if isinstance(member, attributes | grid) else []


class Cluster:
    """A cluster's attribute and command tables. Subclasses give `id` and `name` as class arguments."""

    id: ClassVar[int]
    name: ClassVar[str]
    attributes: ClassVar[Mapping[Side, Mapping[int, Attribute[object]]]]
    """By the side that holds them, then by identifier."""
    commands: ClassVar[Mapping[Side, Mapping[int, type[Frame]]]]
    """By the side that receives them, then by identifier."""

    cluster_revision = attribute(0xFFFD, uint16)
    attribute_reporting_status = attribute(0xFFFE, enum8, reports=True)
    """Closes a set of reports: 0 pending, 1 complete."""

    def __init_subclass__(cls, *, id: int, name: str) -> None:
        cls.id = id
        cls.name = name
        held: dict[Side, dict[int, Attribute[object]]] = {SERVER: {}, CLIENT: {}}
        received: dict[Side, dict[int, type[Frame]]] = {SERVER: {}, CLIENT: {}}
        for member in [member for base in reversed(cls.__mro__) for member in vars(base).values()]:
            for row in _rows(member):
                held[row.of][row.id] = row
            if isinstance(member, type) and member in _DECLARED:
                command_id, to = _DECLARED.pop(member)
                received[to][command_id] = member
                _COMMANDS[member] = Command(command_id, to, cls, member)
        cls.attributes = held
        cls.commands = received
