"""The meter as a COSEM logical device: GB's object identifiers beside the Blue Book's own, over the same values.

GB keeps its registers in collections (`0-0:94.44.34.10`, `.20`, class 1, a structure); any other client finds `1-0:1.8.0`. The
half-hour log is one log under two names: `0-0:99.1.0` is GB's, `1-0:99.1.0` the Blue Book's. Tariffs, billing and prepayment
objects come with the GB message layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from devices.esme.config import Config
from devices.esme.metrology import ROWS, Metrology, Row
from devices.runtime.board import Board
from devices.runtime.kernel import S
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, Column, ControlState, Unit, date_time
from protocols.dlms.cosem.date_time import ClockStatus
from protocols.dlms.server import LogicalDevice, Server, open_profile
from protocols.dlms.xdlms import DataAccessResult

MAKER: Final = b"MBE"
"""FLAG identifier that logical device names of this bench begin with."""
FIRMWARE_VERSION: Final = b"01000000"
MANAGEMENT: Final = 1
"""The one server address (SAP) of the meter."""
DECIVOLT: Final = -1
_DISCONNECT_MODE: Final = 4
"""Control mode 4: remote disconnection and direct remote reconnection, no local hand."""


def device_name(eui64: int) -> bytes:
    """The logical device name: the maker and the last 13 digits of the EUI-64."""
    return MAKER + f"{eui64:016X}"[3:].encode()


def server(board: Board, config: Config, metrology: Metrology, reliable: Callable[[], bool]) -> Server:
    """The meter's COSEM server. `reliable`: whether the clock can be believed."""
    clock = _clock(board, reliable)
    energy = cosem.Register("1-0:1.8.0", value=lambda: axdr.u32(metrology.import_wh), scaler_unit=(0, Unit.WATT_HOUR))
    objects = [
        clock,
        cosem.Data("0-0:0.2.1", value=axdr.octets(FIRMWARE_VERSION)),
        cosem.Data("1-0:0.2.0", value=axdr.octets(FIRMWARE_VERSION)),
        cosem.Data("0-0:96.1.0", value=axdr.octets(config.serial_number)),
        cosem.Data("0-0:96.1.1", value=axdr.octets(f"{board.eui64:016X}".encode())),
        cosem.Data("0-0:94.44.34.11", value=axdr.octets(config.mpan)),
        energy,
        cosem.Register("1-0:2.8.0", value=axdr.u32(0), scaler_unit=(0, Unit.WATT_HOUR)),
        cosem.Register("1-0:3.8.0", value=axdr.u32(0), scaler_unit=(0, Unit.VAR_HOUR)),
        cosem.Register("1-0:4.8.0", value=axdr.u32(0), scaler_unit=(0, Unit.VAR_HOUR)),
        cosem.Register("1-0:1.7.0", value=lambda: axdr.u32(metrology.watts), scaler_unit=(0, Unit.WATT)),
        cosem.Register("1-0:32.7.0", value=lambda: axdr.u16(round(metrology.volts * 10)), scaler_unit=(DECIVOLT, Unit.VOLT)),
        cosem.Data("0-0:94.44.34.10", value=lambda: _import_collection(metrology)),
        cosem.Data("0-0:94.44.34.20", value=lambda: _power_collection(metrology)),
        _switch(metrology),
        *_logs(clock, energy, metrology),
    ]
    device = LogicalDevice(device_name(board.eui64), objects, open_profile(config.lls_password))
    return Server({MANAGEMENT: device})


def _clock(board: Board, reliable: Callable[[], bool]) -> cosem.Clock:
    def status() -> int:
        return 0 if reliable() else ClockStatus.DOUBTFUL if board.rtc.valid else ClockStatus.INVALID

    def set_time(value: Data) -> None:
        instant = date_time.instant(value.value)
        if instant is None:
            raise AccessError(DataAccessResult.TYPE_UNMATCHED, "a clock is set to a whole date and time")
        board.rtc.set(instant)

    return cosem.Clock(
        "0-0:1.0.0",
        time=lambda: date_time.encode(board.rtc.read(), status()),
        status=status,
        on={"time": set_time},
    )


def _switch(metrology: Metrology) -> cosem.DisconnectControl:
    """GB's supply state, and the Blue Book's disconnect control: the same object. It never shows an isolated supply."""
    return cosem.DisconnectControl(
        "0-0:96.3.10",
        output_state=lambda: metrology.closed,
        control_state=lambda: ControlState.CONNECTED if metrology.closed else ControlState.DISCONNECTED,
        control_mode=_DISCONNECT_MODE,
        access={"control_mode": Access.READ},
        on={
            "remote_disconnect": lambda argument: metrology.switch(False),
            "remote_reconnect": lambda argument: metrology.switch(True),
        },
    )


def _import_collection(metrology: Metrology) -> Data:
    """ImportRegisterCollection: active and reactive import, each with scaler and unit."""
    return axdr.structure(
        axdr.u32(metrology.import_wh),
        axdr.structure(axdr.i8(0), axdr.enum(Unit.WATT_HOUR)),
        axdr.u32(0),
        axdr.structure(axdr.i8(0), axdr.enum(Unit.VAR_HOUR)),
    )


def _power_collection(metrology: Metrology) -> Data:
    """PowerImportCollection: active power import with scaler and unit."""
    return axdr.structure(axdr.u32(metrology.watts), axdr.structure(axdr.i8(0), axdr.enum(Unit.WATT)))


def _logs(clock: cosem.Clock, energy: cosem.Register, metrology: Metrology) -> list[cosem.ProfileGeneric]:
    status = cosem.Data("0-0:96.10.1", value=axdr.u8(0))
    columns = (Column(clock), Column(status), Column(energy))
    period = 1800
    logs = [cosem.ProfileGeneric(name, columns=columns, profile_entries=ROWS, capture_period=period) for name in LOGS]

    def add(row: Row) -> None:
        at, flags, wh = row
        values = [axdr.octets(date_time.encode(at // S * S)), axdr.u8(flags), axdr.u32(wh)]
        for log in logs:
            log.append(values)

    for row in metrology.rows():
        add(row)
    metrology.on_row = add
    return logs


LOGS: Final = ("1-0:99.1.0", "0-0:99.1.0")
