"""Prices that a supplier tells ahead of their time, as objects of the hub's own device: critical peaks, prices by the half hour.

    0-0:128.71.1  class 1   critical peak: structure of its begin (date-time), minutes (long-unsigned), tier (unsigned, 1 or 2) and
                            how it stands (enum of Smart Energy: 0 the customer is asked, 1 accepted, 2 refused, 3 decided)
    0-0:128.71.2  class 1   prices: array of structure of begin (date-time), minutes (long-unsigned) and price of a kilowatt-hour
                            (double-long-unsigned, hundred-thousandths of a pound)

A write adds to what is known, or takes the place of what begins at the same time, and displays are told at once; an array is taken
as a whole or not at all. What is read is in force or to come; of critical peaks the newest, with the answer of the customer.
The papers name no objects for either, so these are the project's own. Not here: tariffs of tiers and blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from devices.runtime.kernel import S
from hubfw.translation import taken, tried
from hubfw.translation_orders import FIVE_DIGITS, KILOWATT_HOURS, POUND_STERLING, PROVIDER
from protocols.core.codec import Frame
from protocols.core.errors import DecodeError
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import Access, AccessError, InterfaceClass, date_time
from protocols.dlms.cosem.activation import NEVER
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.time import EPOCH, seconds

if TYPE_CHECKING:
    from devices.runtime.board import Board
    from hubfw.han.publisher import Publisher
    from hubfw.han.tariffs import Tariffs

PEAK: Final = "0-0:128.71.1"
PRICES: Final = "0-0:128.71.2"
ASK: Final = 0
DECIDED: Final = 3
LABEL: Final = b"Spot"
"""What displays call such a price."""
_PEAK_TAGS: Final = [Tag.OCTET_STRING, Tag.LONG_UNSIGNED, Tag.UNSIGNED, Tag.ENUM]
_PRICE_TAGS: Final = [Tag.OCTET_STRING, Tag.LONG_UNSIGNED, Tag.DOUBLE_LONG_UNSIGNED]
_ONE_TIER: Final = 0x11
_NO_PRICE: Final = 0xFFFFFFFF
_NO_RATIO: Final = 0xFF
_NO_PEAK: Final = axdr.structure(axdr.octets(NEVER), axdr.u16(0), axdr.u8(1), axdr.enum(DECIDED))


def price_objects(board: Board, tariffs: Tariffs) -> list[InterfaceClass]:
    """Both."""
    prices = Prices(board, tariffs)
    return [
        cosem.Data(PEAK, value=prices.peak, access={"value": Access.READ_WRITE}, on={"value": prices.announce}),
        cosem.Data(PRICES, value=prices.known, access={"value": Access.READ_WRITE}, on={"value": prices.publish}),
    ]


class Prices:
    """What is behind the objects: the hub's publications for electricity."""

    def __init__(self, board: Board, tariffs: Tariffs) -> None:
        self._rtc = board.rtc
        self._tariffs = tariffs

    def peak(self) -> Data:
        """As `PEAK` says."""
        from protocols.zigbee.clusters.price import Price

        frames = [each for each in self._entries(Price.PublishCppEvent) if isinstance(each, Price.PublishCppEvent)]
        if not frames:
            return _NO_PEAK
        newest = max(frames, key=lambda each: each.issuer_event_id)
        return axdr.structure(
            _begin(newest.start_time), axdr.u16(newest.duration_in_minutes), axdr.u8(newest.cpp_price_tier + 1),
            axdr.enum(newest.cpp_auth),
        )  # fmt: skip

    def announce(self, data: Data) -> None:
        """A critical peak, from the supplier. Raises AccessError."""
        from protocols.zigbee.clusters.price import Price

        octets, minutes, tier, stands = _fields(data, _PEAK_TAGS)
        if tier not in (1, 2) or stands not in (ASK, DECIDED):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, PEAK)
        start, number = self._start(octets, minutes), self._number(Price.PublishCppEvent)
        self._take([Price.PublishCppEvent(PROVIDER, number, start, minutes, 0, tier - 1, stands)])

    def known(self) -> Data:
        """As `PRICES` says."""
        from protocols.zigbee.clusters.price import Price

        frames = [each for each in self._entries(Price.PublishPrice) if isinstance(each, Price.PublishPrice)]
        return axdr.array(
            axdr.structure(_begin(each.start_time), axdr.u16(each.duration_in_minutes), axdr.u32(each.price))
            for each in sorted(frames, key=lambda each: each.start_time)
        )

    def publish(self, data: Data) -> None:
        """Prices, from the supplier. Raises AccessError."""
        from protocols.zigbee.clusters.price import Price

        rows = [_fields(row, _PRICE_TAGS) for row in data.value]
        number, now = self._number(Price.PublishPrice), self._now
        self._take([
            Price.PublishPrice(
                PROVIDER, LABEL, number + place, now, KILOWATT_HOURS, POUND_STERLING, FIVE_DIGITS | 1, _ONE_TIER,
                self._start(octets, minutes), minutes, price, _NO_RATIO, _NO_PRICE, _NO_RATIO,
            )
            for place, (octets, minutes, price) in enumerate(rows)
        ])  # fmt: skip

    @property
    def _publisher(self) -> Publisher | None:
        return self._tariffs.of("electricity")

    @property
    def _now(self) -> int:
        """Seconds since 2000. Raises AccessError without a time."""
        if not self._rtc.valid:
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, "no time")
        return seconds(self._rtc.read())

    def _entries(self, command: type[Frame]) -> Iterable[Frame]:
        publisher = self._publisher
        return () if publisher is None else (entry.first for entry in publisher.store.entries(command))

    def _number(self, command: type[Frame]) -> int:
        """An issuer event id that is newer than those that are known."""
        publisher = self._publisher
        known = () if publisher is None else (entry.event for entry in publisher.store.entries(command))
        return max([self._now, *(each + 1 for each in known)])

    def _start(self, octets: bytes, minutes: int) -> int:
        """Seconds since 2000. Raises AccessError for no instant, and for what would be over already."""
        try:
            instant = date_time.instant(octets)
        except DecodeError as error:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(error)) from None
        start = -1 if instant is None else instant // S - EPOCH
        if not minutes or start + 60 * minutes <= self._now or start >= _NO_PRICE:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "not ahead of us")
        return start

    def _take(self, commands: Sequence[Frame]) -> None:
        """All of it, or none. Raises AccessError."""
        tried(self._publisher, commands, self._now)
        for command in commands:
            taken(self._tariffs.publish(command))


def _begin(start: int) -> Data:
    return axdr.octets(date_time.encode((start + EPOCH) * S))


def _fields(data: Data, tags: Sequence[int]) -> list[Any]:
    if data.tag != Tag.STRUCTURE or [item.tag for item in data.value] != tags:
        raise AccessError(DataAccessResult.TYPE_UNMATCHED)
    return [item.value for item in data.value]
