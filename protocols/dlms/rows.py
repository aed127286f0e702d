"""Rows of profiles, as procedures of a client: by time, by number, by column. Blue Book 4.3.6 (profile generic).

Cells come with the scaler and unit of the register that they were captured of, times as datetimes in UTC; null-data is filled
with what it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import axdr, expect
from protocols.dlms.axdr import Data, Python, Tag
from protocols.dlms.client import Client, Procedure
from protocols.dlms.cosem import date_time, profile
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.clock import Clock
from protocols.dlms.cosem.compression import expand, rows_of
from protocols.dlms.cosem.profile import ENTRY_DESCRIPTOR, RANGE_DESCRIPTOR, ProfileGeneric
from protocols.dlms.cosem.reference import Reference
from protocols.dlms.cosem.register import ExtendedRegister, Register
from protocols.dlms.expect import Instant, Quantity, Scale
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import SelectiveAccess

Value: TypeAlias = "Quantity | datetime | Python"
"""What stands in a row: by its column a quantity, an instant, or plain Python."""
Row: TypeAlias = "tuple[Value, ...]"

_FIRST: Final = 0
_LAST: Final = date_time.from_datetime(datetime.fromisoformat("2099-12-31T23:59:59+00:00"))


@dataclass(frozen=True, slots=True)
class ProfileColumn:
    """A column of a profile: what it captures, and for a register the scale of its numbers."""

    reference: Reference
    scale: Scale | None

    def value(self, data: Data) -> Value:
        """What a cell holds."""
        if self.scale is not None and data.tag in expect.NUMBERS:
            return self.scale.apply(data)
        if self.is_clock:
            return expect.moment(data)
        return data.python

    @property
    def is_clock(self) -> bool:
        """Whether it says when its row was captured."""
        return self.reference.class_id == Clock.class_id and self.reference.attribute == Clock.time.number


def captures(client: Client, name: str | bytes) -> Procedure[list[ProfileColumn]]:
    """What a profile captures."""
    value = yield from client.get(name, ProfileGeneric.class_id, ProfileGeneric.capture_objects.number)
    found = []
    for line in expect.items("capture objects", value):
        reference = Reference.parse(line)
        scale = yield from _scale_of(client, reference)
        found.append(ProfileColumn(reference, scale))
    return found


def rows(
    client: Client,
    name: str | bytes,
    since: Instant | None = None,
    until: Instant | None = None,
    *,
    columns: Sequence[str | int] | None = None,
) -> Procedure[list[Row]]:
    """A profile's rows, of the time from `since` to `until` inclusive, or all of them.

    `columns`: which, by the logical name that each captures or by number from 0; the meter sends no others. None: all.
    """
    captured = yield from captures(client, name)
    wanted = range(len(captured)) if columns is None else [_column(captured, one) for one in columns]
    if since is None and until is None and columns is None:
        return (yield from _rows(client, name, captured, None))
    numbers = sorted(set(wanted))
    selected = () if columns is None else [captured[number].reference.data for number in numbers]
    found = yield from _rows(client, name, [captured[number] for number in numbers], _range(captured, since, until, selected))
    return found if columns is None else [tuple(row[numbers.index(number)] for number in wanted) for row in found]


def entries(client: Client, name: str | bytes, first: int, last: int = 0) -> Procedure[list[Row]]:
    """A profile's rows by number: `first` from 1, `last` inclusive, 0: to the end."""
    captured = yield from captures(client, name)
    descriptor = ENTRY_DESCRIPTOR.of((first, last, 1, 0))
    return (yield from _rows(client, name, captured, SelectiveAccess(profile.ENTRY, descriptor)))


def _rows(
    client: Client, name: str | bytes, captured: Sequence[ProfileColumn], selection: SelectiveAccess | None
) -> Procedure[list[Row]]:
    value = yield from client.get(name, ProfileGeneric.class_id, ProfileGeneric.buffer.number, selection)
    received = list(rows_of(value))
    for cells in received:
        if len(cells) != len(captured):
            raise expect.unexpected("profile row", axdr.structure(*cells))
    clock = next((number for number, column in enumerate(captured) if column.is_clock), None)
    skipped = clock is not None and any(cells[clock].tag == Tag.NULL for cells in received)
    period = (yield from _period(client, name)) if skipped else 0
    return [
        tuple(column.value(cell) for column, cell in zip(captured, cells, strict=True)) for cells in expand(value, clock, period)
    ]


def _period(client: Client, name: str | bytes) -> Procedure[int]:
    value = yield from client.get(name, ProfileGeneric.class_id, ProfileGeneric.capture_period.number)
    return expect.number("capture period", value)


def _scale_of(client: Client, reference: Reference) -> Procedure[Scale | None]:
    if reference.class_id not in (Register.class_id, ExtendedRegister.class_id):
        return None
    if reference.attribute != Register.value.number:
        return None
    try:
        data = yield from client.get(reference.logical_name, reference.class_id, Register.scaler_unit.number)
    except AccessError:
        return None  # a profile may capture what this client may not read
    return Scale.parse(data)


def _column(captured: Sequence[ProfileColumn], wanted: str | int) -> int:
    if isinstance(wanted, int):
        if 0 <= wanted < len(captured):
            return wanted
    else:
        for number, column in enumerate(captured):
            if column.reference.logical_name == Obis(wanted):
                return number
    has = ", ".join(str(column.reference.logical_name) for column in captured)
    raise LocalProtocolError(f"the profile has no column {wanted}: it captures {has}")


def _range(
    captured: Sequence[ProfileColumn], since: Instant | None, until: Instant | None, selected: Sequence[Data]
) -> SelectiveAccess:
    restricting = next((column.reference for column in captured if column.is_clock), None)
    if restricting is None:
        raise RemoteProtocolError("the profile captures no clock: its rows cannot be chosen by time")
    low, high = (
        axdr.octets(date_time.encode(open_end if bound is None else expect.instant(bound)))
        for bound, open_end in ((since, _FIRST), (until, _LAST))
    )
    return SelectiveAccess(profile.RANGE, RANGE_DESCRIPTOR.of((restricting.data, low, high, selected)))
