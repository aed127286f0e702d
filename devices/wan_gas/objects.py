"""The meter's COSEM objects, under the names that a hub's proxy gives the same things, so that one client reads both alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.parts.profile_log import HALF_HOUR, ROWS, ProfileLog, Row
from devices.runtime.board import Board
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import Access, InterfaceClass, ProfileGeneric, Unit, date_time
from protocols.dlms.cosem.date_time import ClockStatus
from protocols.dlms.cosem.disconnect import ControlState
from protocols.dlms.cosem.push import Message, PushSetup, TransportService, push_objects
from protocols.dlms.cosem.reference import Column

if TYPE_CHECKING:
    from devices.wan_gas.firmware import Firmware

MAKER: Final = b"MBE"
VOLUME: Final = "7-0:3.0.0"
HALF_HOURS: Final = "7-0:99.1.0"
VALVE: Final = "0-0:96.3.10"
PUSH: Final = "0-0:25.9.0"
CALLING: Final = 8
"""Event code of a call."""
BY_HAND: Final = 1
"""Control mode: a remote client disconnects, and a hand at the meter reconnects after a remote client said that it may."""
S: Final = 1_000_000_000
_LITRES: Final = (-3, Unit.CUBIC_METRE)


def device_name(eui64: int) -> bytes:
    """A logical device name: the maker and the last 13 digits of the EUI-64."""
    return MAKER + f"{eui64:016X}"[3:].encode()


class Log(ProfileGeneric, id=7, version=1):
    """The half hours: the register at the end of each. No client resets it or captures a row.

    Its rows are put together when somebody first reads it.
    """

    def __init__(self, clock: InterfaceClass, status: InterfaceClass, volume: InterfaceClass, kept: ProfileLog) -> None:
        columns = [Column(clock), Column(status), Column(volume)]
        super().__init__(HALF_HOURS, columns=columns, profile_entries=ROWS, capture_period=HALF_HOUR // S)
        self._kept: ProfileLog | None = kept

    def carries_out(self, number: int) -> bool:
        return False

    def fill(self) -> None:
        """The rows in flash."""
        if self._kept is not None:
            rows, self._kept = self._kept.rows(), None
            for row in rows:
                self.add(row)

    def add(self, row: Row) -> None:
        """A row was put in flash."""
        if self._kept is None:
            self.append([axdr.octets(date_time.encode(row.at)), axdr.u8(row.status), axdr.u64(row.total)])


class Objects:
    """All of them. `listed` is what the logical device has; `push` makes the call's notification, `log` the half hours."""

    def __init__(self, firmware: Firmware, destination: tuple[str, int], listens: int) -> None:
        board, host, port = firmware.board, *destination
        clock = _clock(board)
        status = cosem.Data("0-0:96.10.1", value=axdr.u8(0))
        name = cosem.Data("0-0:42.0.0", value=axdr.octets(device_name(board.eui64)))
        event = cosem.Data("0-0:96.11.0", value=axdr.u16(CALLING))
        taken = cosem.Data("0-0:1.1.0", value=lambda: axdr.octets(_instant(firmware.reading_at)))
        window = cosem.Register("0-0:128.50.2", value=axdr.u16(listens // S), scaler_unit=(0, Unit.SECOND))
        volume = cosem.ExtendedRegister(
            VOLUME, value=lambda: axdr.u64(firmware.litres), scaler_unit=_LITRES,
            capture_time=lambda: axdr.octets(_instant(firmware.reading_at)),
        )  # fmt: skip
        self.log = Log(clock, status, volume, firmware.log)
        self.push = PushSetup(
            PUSH,
            push_object_list=push_objects([(name, 2), (event, 2), (taken, 2), (window, 2)]),
            send_destination_and_method=(TransportService.TCP, f"{host}:{port}".encode(), Message.A_XDR),
        )
        valve = cosem.DisconnectControl(
            VALVE, output_state=lambda: axdr.boolean(firmware.valve is ControlState.CONNECTED),
            control_state=lambda: axdr.enum(firmware.valve), control_mode=BY_HAND, access={"control_mode": Access.READ},
            on={
                "remote_disconnect": lambda argument: firmware.shut(),
                "remote_reconnect": lambda argument: firmware.arm(),
            },
        )  # fmt: skip
        self.listed: list[InterfaceClass] = [
            clock, status, event, taken, window, volume, self.log, self.push, valve,
            cosem.Data("0-0:96.1.0", value=axdr.octets(f"{board.eui64:016X}".encode())),
            cosem.Data("0-0:96.1.4", value=axdr.octets(b"wan-gas")),
            cosem.Data("0-0:96.1.6", value=axdr.octets(MAKER)),
            cosem.Register("0-0:96.6.6", value=lambda: axdr.u16(firmware.days_left), scaler_unit=(0, Unit.DAY)),
        ]  # fmt: skip


def _clock(board: Board) -> cosem.Clock:
    def status() -> int:
        return 0 if board.rtc.valid else ClockStatus.INVALID

    return cosem.Clock(
        "0-0:1.0.0", time=lambda: date_time.encode(board.rtc.read(), status()), status=status, access={"time": Access.READ}
    )


def _instant(at: int | None) -> bytes:
    return date_time.encode(0) if at is None else date_time.encode(at)
