"""The meter as a COSEM logical device: GB's object identifiers beside the Blue Book's own, over the same values.

GB keeps its registers in collections (`0-0:94.44.34.10`, `.20`: class 1, a structure); any other client finds `1-0:1.8.0`. The
half-hour log is one log under two names: `0-0:99.1.0` is GB's, `1-0:99.1.0` the Blue Book's. Every log has the columns clock,
status, registers; the rows are the registers at the end of the period.
What acts by the clock is in `timed_objects`, the account in `prepayment`, limits in `limits`. GB's own rows come with its messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Final

from devices.esme import variant
from devices.esme.config import Config
from devices.esme.meter import DAYS, VARH, VOLTS, WH, Extreme, Meter, exported
from devices.esme.port_objects import port_objects
from devices.esme.supply import LONG, Supply
from devices.esme.timed_objects import timed_objects
from devices.parts.dlms_access import Clients
from devices.parts.image_store import NvmImageStore, running_version
from devices.parts.kept_objects import keep
from devices.parts.load_switch import DIRECT, MODES
from devices.parts.profile_log import HALF_HOUR, ROWS, ProfileLog, Row
from devices.runtime.board import Board
from devices.runtime.kernel import DAY, S
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, Column, Unit, date_time
from protocols.dlms.cosem.date_time import ClockStatus
from protocols.dlms.server import LogicalDevice, Server
from protocols.dlms.xdlms import DataAccessResult

if TYPE_CHECKING:
    from devices.esme.offset import Offset

MAKER: Final = b"MBE"
"""FLAG identifier that logical device names of this bench begin with."""
FIRMWARE_VERSION: Final = bytes.fromhex("01000000")
IMAGE_BLOCK: Final = 256
MANAGEMENT: Final = 1
"""The one server address (SAP) of the meter."""
RADIO_CONTROLLED: Final = 5
"""clock_base (GB)."""
VOLTAGE_ROWS: Final = 4_320
GB_ROWS: Final = 4_464
"""Half hours in GB's voltage log, and in those of export and reactive import."""
_DEVICE: Final = "meter"
_NEVER: Final = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")
_NO_TIME: Final = _NEVER[:-1]

_WH: Final = (0, Unit.WATT_HOUR)
_VARH: Final = (0, Unit.VAR_HOUR)
_W: Final = (0, Unit.WATT)
_DECIVOLTS: Final = (-1, Unit.VOLT)


def device_name(eui64: int) -> bytes:
    """The logical device name: the maker and the last 13 digits of the EUI-64."""
    return MAKER + f"{eui64:016X}"[3:].encode()


def server(
    board: Board, config: Config, meter: Meter, supply: Supply, reliable: Callable[[], bool], clients: Clients,
    offset: Offset | None = None,
) -> Server:  # fmt: skip
    """The meter's COSEM server. `reliable()`: whether the clock can be believed. `clients`: whom it talks to. `offset`: of its
    switching times."""
    clock = _clock(board, reliable)
    device = LogicalDevice(
        device_name(board.eui64),
        clients.objects(),
        clients.associations(_DEVICE),
        security=clients.security,
        rng=clients.rng,
        on_change=clients.remember(_DEVICE),
    )
    switch = [_switch(meter, config)]
    objects = (_identity(board, config), switch, _demand(meter), _failures(supply), _measured(meter, clock, config))
    for thing in (clock, *chain.from_iterable(objects)):
        device.add(thing)
    image = cosem.ImageTransfer("0-0:44.0.0", store=NvmImageStore(board), image_block_size=IMAGE_BLOCK)
    for thing in (image, *port_objects(), *timed_objects(board, meter, device.find, offset), *clients.guarded(device.find)):
        device.add(thing)
    for thing in variant.objects(config, meter):
        device.add(thing)
    for thing in () if offset is None else offset.objects():
        device.add(thing)
    return Server({MANAGEMENT: device})


def _clock(board: Board, reliable: Callable[[], bool]) -> cosem.Clock:
    """Time is kept in UTC, as GB has it. What local time is, for schedules and for showing, a client may set."""

    def status() -> int:
        if not board.rtc.valid:
            return ClockStatus.INVALID
        saving = ClockStatus.DAYLIGHT_SAVING if clock.zone.saving(board.rtc.read()) else 0
        return saving if reliable() else saving | ClockStatus.DOUBTFUL

    def time() -> bytes:
        return clock.zone.encode(board.rtc.read(), status()) if board.rtc.valid else _NO_TIME + bytes((status(),))

    def set_time(value: Data) -> None:
        instant = date_time.instant(value.value)
        if instant is None or instant < 0:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "a clock is set to a whole date and time since 1970")
        board.rtc.set(instant)

    local = [cosem.Clock.attributes[number] for number in (3, 5, 6, 7, 8)]
    clock = cosem.Clock(
        "0-0:1.0.0",
        time=time,
        status=status,
        clock_base=RADIO_CONTROLLED,
        measuring_period=HALF_HOUR // S,
        on={"time": set_time},
        access={member.name: cosem.Access.READ_WRITE for member in local},
    )
    keep(board.nvm, clock, *local)
    return clock


def _identity(board: Board, config: Config) -> list[cosem.Data]:
    return [
        cosem.Data(name, value=axdr.octets(octets))
        for name, octets in (
            ("0-0:0.2.1", running_version(board, FIRMWARE_VERSION)),
            ("1-0:0.2.0", running_version(board, FIRMWARE_VERSION)),
            ("0-0:96.1.0", config.serial_number),
            ("0-0:96.1.1", f"{board.eui64:016X}".encode()),
            ("0-0:96.1.2", variant.letter(config)),
            ("0-0:96.1.4", config.model.encode().ljust(8)[:8]),
            ("0-0:96.1.8", config.accuracy.encode()),
            ("0-0:96.1.6", MAKER.ljust(4)),
            ("0-0:94.44.34.11", config.mpan),
        )
    ]


def _switch(meter: Meter, config: Config) -> cosem.DisconnectControl:
    """GB's supply state and the Blue Book's disconnect control: one object. No state of it says "isolated", and where no message
    may close the switch, none may change that."""
    switch = meter.switch

    def set_mode(value: Data) -> None:
        if value.value not in MODES or (value.value in DIRECT and not config.remote_close):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"control mode {value.value}")
        switch.set_mode(value.value)

    return cosem.DisconnectControl(
        "0-0:96.3.10",
        output_state=lambda: meter.tails.contact,
        control_state=lambda: switch.state,
        control_mode=lambda: switch.mode,
        on={
            "control_mode": set_mode,
            "remote_disconnect": lambda argument: switch.disconnect(),
            "remote_reconnect": lambda argument: switch.reconnect(),
        },
    )


def _failures(supply: Supply) -> list[cosem.InterfaceClass]:
    """Counts, the time and the duration (s) of the last failure, and from when on one is long (s)."""
    return [
        cosem.Data("0-0:96.7.0", value=lambda: axdr.u32(supply.failures)),
        cosem.Data("0-0:96.7.5", value=lambda: axdr.u32(supply.long_failures)),
        cosem.Data("1-0:12.32.0", value=lambda: axdr.u32(supply.below)),
        cosem.Data("1-0:12.36.0", value=lambda: axdr.u32(supply.above)),
        cosem.Data("0-0:96.7.10", value=lambda: axdr.octets(_instant(supply.lost_at or None))),
        cosem.Data("0-0:96.7.15", value=lambda: axdr.u32(min(supply.duration // S, 0xFFFFFFFF))),
        cosem.Data("0-0:96.7.20", value=axdr.u32(LONG // S)),
    ]


def _demand(meter: Meter) -> list[cosem.InterfaceClass]:
    """Maximum and minimum demand of a half hour, with their times, and when the maximum was reset."""

    def extreme(name: str, value: Callable[[], Extreme], reset: Callable[[], None]) -> cosem.ExtendedRegister:
        return cosem.ExtendedRegister(
            name,
            value=lambda: axdr.u32(value().watts or 0),
            scaler_unit=_W,
            capture_time=lambda: _instant(value().at),
            on={"reset": lambda argument: reset()},
        )

    return [
        extreme("1-0:1.6.0", lambda: meter.highest, meter.reset_highest),
        extreme("1-0:1.3.0", lambda: meter.lowest, meter.reset_lowest),
        cosem.Data("0-0:94.44.5.1", value=lambda: axdr.octets(_instant(meter.highest.reset))),
    ]


def _measured(meter: Meter, clock: cosem.Clock, config: Config) -> Iterator[cosem.InterfaceClass]:
    """Registers, GB's collections of them, and the logs that capture them."""

    def last_mean() -> Data:
        row = meter.half_hours.last
        return axdr.u16(row.totals[VOLTS] if row is not None else 0)

    active = cosem.Register("1-0:1.8.0", value=lambda: axdr.u32(meter.import_wh), scaler_unit=_WH)
    export = cosem.Register("1-0:2.8.0", value=lambda: axdr.u32(meter.export_wh), scaler_unit=_WH)
    reactive = cosem.Register("1-0:3.8.0", value=lambda: axdr.u32(meter.import_varh), scaler_unit=_VARH)
    reactive_export = cosem.Register("1-0:4.8.0", value=lambda: axdr.u32(meter.export_varh), scaler_unit=_VARH)
    power = cosem.Register("1-0:1.7.0", value=lambda: axdr.u32(max(meter.watts, 0)), scaler_unit=_W)
    voltage = cosem.Register("1-0:32.7.0", value=lambda: axdr.u16(meter.voltage.decivolts), scaler_unit=_DECIVOLTS)
    mean_voltage = cosem.Register("1-0:32.25.0", value=last_mean, scaler_unit=_DECIVOLTS)
    status = cosem.Data("0-0:96.10.1", value=axdr.u8(0))
    yield from (active, export, reactive, reactive_export, power, voltage, mean_voltage, status)

    def imported() -> Data:
        second = [axdr.u32(meter.metrology.part(0)[0])] if config.elements > 1 else []
        return axdr.structure(*_read(active), *second, *_read(reactive))

    yield cosem.Data("0-0:94.44.34.10", value=imported)
    yield cosem.Data("0-0:94.44.34.20", value=lambda: axdr.structure(*_read(power)))

    def log(name: str, kept: ProfileLog, rows: int, period: int, cells: Cells, *captured: cosem.InterfaceClass) -> Log:
        return Log(name, [Column(thing) for thing in (clock, status, *captured)], rows, period, kept, cells)

    half_hours, days = meter.half_hours, meter.days
    half_hourly = [
        log("0-0:99.1.0", half_hours, ROWS, HALF_HOUR, lambda row: [axdr.u32(row.totals[WH])], active),
        log("1-0:99.1.0", half_hours, ROWS, HALF_HOUR, lambda row: [axdr.u32(row.totals[WH])], active),
        log("0-0:99.1.1", half_hours, GB_ROWS, HALF_HOUR, _exported, export, reactive_export),
        log("0-0:99.1.2", half_hours, GB_ROWS, HALF_HOUR, lambda row: [axdr.u32(row.totals[VARH])], reactive),
        log("1-0:32.24.0", half_hours, VOLTAGE_ROWS, HALF_HOUR, lambda row: [axdr.u16(row.totals[VOLTS])], mean_voltage),
    ]
    daily = log("0-0:99.1.3", days, DAYS, DAY, lambda row: [axdr.u32(row.total)], active)
    meter.on_half_hour += [each.add for each in half_hourly]
    meter.on_day.append(daily.add)
    yield from (*half_hourly, daily)


Cells = Callable[[Row], list[Data]]
"""The cells of a row behind clock and status."""


class Log(cosem.ProfileGeneric, id=7, version=1):
    """A log that the meter fills: no client resets it or captures a row.

    Its rows are put together when somebody first reads it, so that a meter with a full log boots as fast as a new one.
    """

    def __init__(self, name: str, columns: list[Column], rows: int, period: int, kept: ProfileLog, cells: Cells) -> None:
        super().__init__(name, columns=columns, profile_entries=rows, capture_period=period // S)
        self._size = rows
        self._kept: ProfileLog | None = kept
        self._cells = cells

    def carries_out(self, number: int) -> bool:
        return False

    def fill(self) -> None:
        """The rows in flash."""
        if self._kept is not None:
            stored, self._kept = self._kept.rows()[-self._size :], None
            for row in stored:
                self.add(row)

    def add(self, row: Row) -> None:
        """A row was put in flash."""
        if self._kept is None:
            self.append([axdr.octets(date_time.encode(row.at)), axdr.u8(row.status), *self._cells(row)])


def _exported(row: Row) -> list[Data]:
    """Active and reactive export."""
    return [axdr.u32(exported(row)), axdr.u32(0)]


def _read(register: cosem.Register) -> tuple[Data, Data]:
    """Value, and scaler with unit, as GB's collections hold them."""
    return register.read(2), register.read(3)


def _instant(at: int | None) -> bytes:
    return _NEVER if at is None else date_time.encode(at)
