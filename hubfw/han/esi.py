"""The energy services interface on endpoint 1: time, price, messages, keep-alive; readings and reports in.

Not here: mirrors and their requests (`mirrors`), tunnels (`tunnels`), the text of messages (`messages`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.keep_alive import BASE, JITTER
from devices.parts.tariff import Tariff, serve_price
from devices.runtime.kernel import DAY
from devices.runtime.rtc import Rtc
from hubfw.han.metering import hear
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.keep_alive import KeepAlive
from protocols.zigbee.clusters.messaging import Messaging
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import Time, TimeStatus, seconds
from protocols.zigbee.zcl.cluster import Attribute
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.board import Board
    from protocols.zigbee.calendar.schedule import Zone

ENDPOINT: Final = 1
DEVICE: Final = 0x0500

_UNKNOWN_TIME = 0xFFFFFFFF
_MAINS = 1
_ROOM_FOR_MIRRORS = 0x01


class Esi:
    """The endpoint. `room`: whether another mirror could be had; `reported(eui64, endpoint, status)`: a meter's own Status;
    `zone(utc)`: the premises' zone at a time in seconds since 2000."""

    def __init__(
        self,
        board: Board,
        tariff: Tariff,
        room: Callable[[], bool],
        may_report: Callable[[int | None], bool],
        reported: Callable[[int, int, int], object],
        zone: Callable[[int], Zone],
    ) -> None:
        self.endpoint = Endpoint(ENDPOINT, DEVICE)
        self._rtc = board.rtc
        self._zone = zone
        self._may_report = may_report
        self._reported = reported
        self.endpoint.serve(Basic, {
            Basic.zcl_version: 8,
            Basic.manufacturer_name: "meterbench",
            Basic.model_identifier: "hub",
            Basic.power_source: _MAINS,
            # a callable, so that nobody can write it
            Basic.physical_environment: lambda: _ROOM_FOR_MIRRORS if room() else 0,
        })  # fmt: skip
        self.endpoint.serve(Time, {
            Time.time: lambda: _seconds(self._rtc),
            Time.time_status: self._time_status,
            Time.time_zone: lambda: self._zone(_seconds(self._rtc)).standard if self._rtc.valid else 0,
            Time.dst_start: lambda: self._summer(0),
            Time.dst_end: lambda: self._summer(1),
            Time.dst_shift: lambda: self._summer(2),
            Time.valid_until_time: lambda: _seconds(self._rtc, ahead=DAY),
        })  # fmt: skip
        self.endpoint.serve(KeepAlive, {KeepAlive.keep_alive_base: BASE, KeepAlive.keep_alive_jitter: JITTER})
        serve_price(self.endpoint, tariff, board.rtc)
        self.messaging = self.endpoint.serve(Messaging)
        self.metering = self.endpoint.use(Metering)
        self.metering.on_report(self._metering)
        hear(board, self.metering, may_report)

    def _summer(self, place: int) -> int:
        """Its begin, its end, how much it adds; nothing where the time is not known."""
        if not self._rtc.valid:
            return 0 if place == 2 else _UNKNOWN_TIME
        summer = self._zone(_seconds(self._rtc))
        return (summer.dst_start, summer.dst_end, summer.dst_shift)[place]

    def _time_status(self) -> int:
        known = TimeStatus.MASTER | TimeStatus.SYNCHRONIZED | TimeStatus.MASTER_ZONE_DST | TimeStatus.SUPERSEDING
        return known if self._rtc.valid else 0

    def _metering(self, values: dict[Attribute[object], object], request: Request) -> Outcome:
        source = request.message.source_eui64
        if source is None or not self._may_report(source):
            return Status.NOT_AUTHORIZED
        status = values.get(Metering.status)
        if isinstance(status, int):
            self._reported(source, request.message.source_endpoint, status)
        return Status.SUCCESS


def _seconds(rtc: Rtc, ahead: int = 0) -> int:
    return seconds(rtc.read() + ahead) if rtc.valid else _UNKNOWN_TIME
