"""The ZCL frame header and the general commands, which every cluster shares (07-5123 clauses 2.4 and 2.5).

A ZCL frame is a `Header` and one command's payload. `general` and `cluster` build whole frames; `Header.parse_from` and
then the class from `GENERAL` (or a cluster's table) read them. Structured reads and writes and the discovery of
commands are not spoken; `ANSWERS` knows their identifiers, so that an answer nobody asked for stays unanswered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from protocols.core.codec import Frame, Leaf, field, le, rest, switch, this, to_end, when
from protocols.core.errors import EncodeError
from protocols.zigbee.zcl.cluster import Side, command_of
from protocols.zigbee.zcl.types import Type, Value, type_at, uint16

CLUSTER_SPECIFIC = 0x01
MANUFACTURER_SPECIFIC = 0x04
TO_CLIENT = 0x08
DISABLE_DEFAULT_RESPONSE = 0x10


class Header(Frame):
    """ZCL header. Clause 2.4.1."""

    control: le.u8
    manufacturer: int | None = when(this.control & MANUFACTURER_SPECIFIC, le.u16)
    sequence: le.u8
    command: le.u8

    @property
    def kind(self) -> int:
        """Frame type: 0 a general command, 1 a cluster's own, 2 and 3 reserved."""
        return self.control & 0x03

    @property
    def to(self) -> Side:
        """The side of the cluster that the frame is for."""
        return Side.CLIENT if self.control & TO_CLIENT else Side.SERVER

    @property
    def default_response_disabled(self) -> bool:
        """Success is not to be confirmed; an error still is (clause 2.4.1.1.5)."""
        return bool(self.control & DISABLE_DEFAULT_RESPONSE)


class TypedValue(Leaf):
    """A type octet and a value of that type."""

    def parse(self, buf: bytes, pos: int, end: int) -> tuple[Value, int]:
        """Read type and value."""
        type_ = type_at(buf, pos, end)
        value, pos = type_.read(buf, pos + 1, end)
        return Value(type_, value), pos

    def build(self, value: Value, out: bytearray) -> None:
        """Append type and value."""
        out.append(value.type.id)
        out += value.type.build(value.value)


class Intervals(NamedTuple):
    """How an attribute of this type is to be reported. Seconds; `change` is None for discrete types."""

    type: Type[object]
    minimum: int
    maximum: int
    """0xFFFF: no reports; 0: only when the value changes."""
    change: object = None


class IntervalsLeaf(Leaf):
    """Type, minimum, maximum and, for analog types only, the reportable change."""

    def parse(self, buf: bytes, pos: int, end: int) -> tuple[Intervals, int]:
        """Read the four."""
        type_ = type_at(buf, pos, end)
        minimum, pos = uint16.read(buf, pos + 1, end)
        maximum, pos = uint16.read(buf, pos, end)
        change: object = None
        if type_.analog:
            change, pos = type_.read(buf, pos, end)
        return Intervals(type_, minimum or 0, maximum or 0, change), pos

    def build(self, value: Intervals, out: bytearray) -> None:
        """Append the four."""
        out.append(value.type.id)
        out += uint16.build(value.minimum) + uint16.build(value.maximum)
        if value.type.analog:
            out += value.type.build(value.change)
        elif value.change is not None:
            raise EncodeError(f"{value.type} is discrete and has no reportable change")


TYPED: Any = TypedValue()
REPORTED_BY_YOU, REPORTED_TO_YOU = 0, 1
REPORTING: Any = switch(this.direction, {REPORTED_BY_YOU: IntervalsLeaf(), REPORTED_TO_YOU: le.u16})


class AttributeValue(Frame):
    """An attribute with its value, as reports and writes carry it."""

    attribute: le.u16
    value: Value = field(TYPED)


class ReadRecord(Frame):
    """One answer of a read: a value, or why there is none."""

    attribute: le.u16
    status: le.u8
    value: Value | None = when(this.status == 0, TYPED, default=None)


class WriteRecord(Frame):
    """The outcome of one write. SUCCESS has no attribute, and stands alone for all of them."""

    status: le.u8
    attribute: int | None = when(this.status, le.u16, default=None)


class ReportingRecord(Frame):
    """How one attribute is to be reported: `Intervals` by the receiver, or a time-out (s) for reports to it."""

    direction: le.u8
    attribute: le.u16
    reporting: Intervals | int = field(REPORTING)


class ReportingOutcome(Frame):
    """The outcome of configuring one attribute. SUCCESS stands alone for all of them."""

    status: le.u8
    direction: int | None = when(this.status, le.u8, default=None)
    attribute: int | None = when(this.status, le.u16, default=None)


class ReportingQuery(Frame):
    """Which attribute's reporting is asked for."""

    direction: le.u8
    attribute: le.u16


class ReportingState(Frame):
    """How one attribute is reported now."""

    status: le.u8
    direction: le.u8
    attribute: le.u16
    reporting: Intervals | int | None = when(this.status == 0, REPORTING, default=None)


class Discovered(Frame):
    """An attribute that exists, and its type octet."""

    attribute: le.u16
    type: le.u8


class ReadAttributes(Frame):
    """Clause 2.5.1."""

    attributes: list[int] = to_end(le.u16)


class ReadAttributesResponse(Frame):
    """Clause 2.5.2."""

    records: list[ReadRecord] = to_end(ReadRecord)


class WriteAttributes(Frame):
    """Clause 2.5.3: each record on its own."""

    records: list[AttributeValue] = to_end(AttributeValue)


class WriteAttributesUndivided(Frame):
    """Clause 2.5.4: all records or none."""

    records: list[AttributeValue] = to_end(AttributeValue)


class WriteAttributesResponse(Frame):
    """Clause 2.5.5."""

    records: list[WriteRecord] = to_end(WriteRecord)


class WriteAttributesNoResponse(Frame):
    """Clause 2.5.6: never answered, whatever happens."""

    records: list[AttributeValue] = to_end(AttributeValue)


class ConfigureReporting(Frame):
    """Clause 2.5.7."""

    records: list[ReportingRecord] = to_end(ReportingRecord)


class ConfigureReportingResponse(Frame):
    """Clause 2.5.8."""

    records: list[ReportingOutcome] = to_end(ReportingOutcome)


class ReadReportingConfiguration(Frame):
    """Clause 2.5.9."""

    records: list[ReportingQuery] = to_end(ReportingQuery)


class ReadReportingConfigurationResponse(Frame):
    """Clause 2.5.10."""

    records: list[ReportingState] = to_end(ReportingState)


class ReportAttributes(Frame):
    """Clause 2.5.11."""

    records: list[AttributeValue] = to_end(AttributeValue)


class DefaultResponse(Frame):
    """Clause 2.5.12."""

    command: le.u8
    status: le.u8


class DiscoverAttributes(Frame):
    """Clause 2.5.13."""

    start: le.u16
    maximum: le.u8


class DiscoverAttributesResponse(Frame):
    """Clause 2.5.14."""

    complete: le.boolean
    attributes: list[Discovered] = to_end(Discovered)


class DiscoverCommandsReceived(Frame):
    """Clause 2.5.18: which commands of a cluster do you act on, from an identifier on?"""

    start: le.u8
    maximum: le.u8


class DiscoverCommandsReceivedResponse(Frame):
    """Clause 2.5.19."""

    complete: le.boolean
    commands: bytes = rest()


class DiscoverCommandsGenerated(Frame):
    """Clause 2.5.20: which commands of a cluster may you send, from an identifier on?"""

    start: le.u8
    maximum: le.u8


class DiscoverCommandsGeneratedResponse(Frame):
    """Clause 2.5.21."""

    complete: le.boolean
    commands: bytes = rest()


class DiscoverAttributesExtended(Frame):
    """Clause 2.5.22."""

    start: le.u16
    maximum: le.u8


class ExtendedDiscovered(Frame):
    """An attribute, its type, and what may be done with it: bit 0 read, bit 1 write, bit 2 report."""

    attribute: le.u16
    type: le.u8
    access: le.u8


class DiscoverAttributesExtendedResponse(Frame):
    """Clause 2.5.23."""

    complete: le.boolean
    attributes: list[ExtendedDiscovered] = to_end(ExtendedDiscovered)


GENERAL: dict[int, type[Frame]] = {
    0x00: ReadAttributes,
    0x01: ReadAttributesResponse,
    0x02: WriteAttributes,
    0x03: WriteAttributesUndivided,
    0x04: WriteAttributesResponse,
    0x05: WriteAttributesNoResponse,
    0x06: ConfigureReporting,
    0x07: ConfigureReportingResponse,
    0x08: ReadReportingConfiguration,
    0x09: ReadReportingConfigurationResponse,
    0x0A: ReportAttributes,
    0x0B: DefaultResponse,
    0x0C: DiscoverAttributes,
    0x0D: DiscoverAttributesResponse,
    0x11: DiscoverCommandsReceived,
    0x12: DiscoverCommandsReceivedResponse,
    0x13: DiscoverCommandsGenerated,
    0x14: DiscoverCommandsGeneratedResponse,
    0x15: DiscoverAttributesExtended,
    0x16: DiscoverAttributesExtendedResponse,
}
GENERAL_IDS: dict[type[Frame], int] = {frame: id for id, frame in GENERAL.items()}
ANSWERS = frozenset((0x01, 0x04, 0x07, 0x09, 0x0B, 0x0D, 0x0F, 0x10, 0x12, 0x14, 0x16))
"""General commands that answer another one (07-5123 table 2-3): nothing is ever said back."""
UNANSWERED = ANSWERS | {GENERAL_IDS[WriteAttributesNoResponse]}


def general(
    sequence: int, command: Frame, *, to: Side, disable_default_response: bool = False, manufacturer: int | None = None
) -> bytes:
    """A whole ZCL frame with a general command for one side of a cluster."""
    control = (to << 3) | disable_default_response << 4 | (0 if manufacturer is None else MANUFACTURER_SPECIFIC)
    return Header(control, manufacturer, sequence, GENERAL_IDS[type(command)]).build() + command.build()


def cluster(sequence: int, command: Frame, *, disable_default_response: bool = False) -> bytes:
    """A whole ZCL frame with a cluster's own command: its declaration says the identifier and the direction."""
    declared = command_of(type(command))
    control = CLUSTER_SPECIFIC | declared.to << 3 | disable_default_response << 4
    return bytes((control, sequence & 0xFF, declared.id)) + command.build()
