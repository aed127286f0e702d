"""Snapshots: a meter's registers as they stood at a moment, and why they were taken (SE 1.4 annex D.3, Take and Get Snapshot).

So many are kept, the oldest makes room. A snapshot is published in as many commands as its payload needs; Get Snapshot gives the
one at an offset among those that fit, in the order of time. Snapshots that follow from what a meter keeps anyhow (its registers at
midnight) are not kept a second time: their owner gives them along.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from enum import IntEnum, IntFlag
from typing import Final, cast

from protocols.core.codec import Frame, array, le, this
from protocols.core.errors import DecodeError
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.zcl.status import Status

ANY_CAUSE: Final = 0xFFFFFFFF
NO_SNAPSHOT: Final = 0
PART: Final = 48
"""Octets of payload in one command: what one frame carries."""
MOST: Final = 24
ROUND: Final = 0x8000_0000
"""Identifiers of kept snapshots are below this; above are those that follow from other logs."""
ACCEPTED, CAUSE_NOT_SUPPORTED = 0, 1
"""Values of `snapshot_confirmation`."""


class Cause(IntFlag):
    """Why a snapshot was taken."""

    GENERAL = 1 << 0
    END_OF_BILLING_PERIOD = 1 << 1
    END_OF_BLOCK_PERIOD = 1 << 2
    CHANGE_OF_TARIFF_INFORMATION = 1 << 3
    CHANGE_OF_PRICE_MATRIX = 1 << 4
    CHANGE_OF_BLOCK_THRESHOLDS = 1 << 5
    CHANGE_OF_CALORIFIC_VALUE = 1 << 6
    CHANGE_OF_CONVERSION_FACTOR = 1 << 7
    CHANGE_OF_CALENDAR = 1 << 8
    CRITICAL_PEAK_PRICING = 1 << 9
    MANUALLY_TRIGGERED = 1 << 10
    END_OF_RESOLVE_PERIOD = 1 << 11
    CHANGE_OF_TENANCY = 1 << 12
    CHANGE_OF_SUPPLIER = 1 << 13
    CHANGE_OF_MODE = 1 << 14
    DEBT_PAYMENT = 1 << 15
    SCHEDULED = 1 << 16
    OTA_FIRMWARE_DOWNLOAD = 1 << 17


class PayloadType(IntEnum):
    """What a payload holds."""

    TIERS_DELIVERED = 0
    TIERS_RECEIVED = 1
    BLOCKS_DELIVERED = 2
    BLOCKS_RECEIVED = 3
    TIERS_DELIVERED_NO_BILLING = 4
    TIERS_RECEIVED_NO_BILLING = 5
    BLOCKS_DELIVERED_NO_BILLING = 6
    BLOCKS_RECEIVED_NO_BILLING = 7
    DATA_UNAVAILABLE = 0x80


class Registers(Frame):
    """Payload of the two types of tiers without billing: a summation, and what of it is in each tier in use."""

    summation: le.u48
    number_of_tiers: le.u8
    tiers: list[int] = array(le.u48, this.number_of_tiers)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One. `time`: seconds since 2000."""

    id: int
    time: int
    cause: int
    payload_type: int
    payload: bytes

    def parts(self, found: int) -> list[Metering.PublishSnapshot]:
        """The commands that publish it; `found`: how many fitted the question."""
        pieces = [self.payload[at : at + PART] for at in range(0, len(self.payload), PART)] or [b""]
        return [
            Metering.PublishSnapshot(
                self.id, self.time, min(found, 0xFF), number, len(pieces), self.cause, self.payload_type, piece
            )
            for number, piece in enumerate(pieces)
        ]


class Snapshots:
    """What a meter keeps. `plain` and `stored`: for non-volatile memory."""

    __slots__ = ("_kept", "_next")

    def __init__(self, stored: Sequence[object] | None = None) -> None:
        following, kept = cast("tuple[int, list[tuple[int, int, int, int, bytes]]]", stored or (1, []))
        self._next = following
        self._kept = [Snapshot(*each) for each in kept]

    def plain(self) -> list[object]:
        """All of it."""
        return [self._next, [list(astuple(each)) for each in self._kept]]

    def take(self, cause: int, payload_type: int, payload: bytes, time: int) -> Snapshot:
        """Keep one; the oldest may have to go for it."""
        made = Snapshot(self._next, time, cause, payload_type, payload)
        self._next = self._next % (ROUND - 1) + 1
        self._kept = [*self._kept, made][-MOST:]
        return made

    def get(self, command: Metering.GetSnapshot, others: Iterable[Snapshot] = ()) -> list[Metering.PublishSnapshot] | Status:
        """The commands that answer, or NOT_FOUND. `others`: snapshots that are not kept here."""
        first, last = command.earliest_start_time, command.latest_end_time
        if first > last:
            return Status.INVALID_FIELD
        fitting = [
            each
            for each in (*self._kept, *others)
            if first <= each.time <= last and (command.snapshot_cause == ANY_CAUSE or each.cause & command.snapshot_cause)
        ]
        if command.snapshot_offset >= len(fitting):
            return Status.NOT_FOUND
        fitting.sort(key=lambda each: (each.time, each.id))
        return fitting[command.snapshot_offset].parts(len(fitting))


class Assembly:
    """A client's end: parts to whole snapshots, in whatever order they come."""

    def __init__(self) -> None:
        self._parts: dict[int, bytes] = {}
        self._of: tuple[int, int] | None = None

    def add(self, part: Metering.PublishSnapshot) -> Snapshot | None:
        """The snapshot, when this was the last part that was missing. Raises DecodeError."""
        if part.command_index >= part.total_commands:
            raise DecodeError(f"PublishSnapshot: part {part.command_index} of {part.total_commands}")
        name = part.snapshot_id, part.total_commands
        if self._of != name:
            self._of, self._parts = name, {}
        self._parts[part.command_index] = part.snapshot_payload
        if len(self._parts) < part.total_commands:
            return None
        payload = b"".join(self._parts[number] for number in range(part.total_commands))
        self._of, self._parts = None, {}
        return Snapshot(part.snapshot_id, part.snapshot_time, part.snapshot_cause, part.snapshot_payload_type, payload)
