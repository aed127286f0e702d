"""The meter's objects that act by the clock, and the scripts they run: GB's tariff calendar, schedule and supply scripts; demand.

What a client may write is limited as in GB: 4 seasons, 4 weeks, 16 days of 48 switching times, 50 special days. A
tariff script says which rate is in force (`rates` counts by it); the scripts of the non-disablement calendar begin and
end periods in which want of credit opens no switch (`prepayment`). Billing days capture the billing log. What clients
write is in flash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.esme.meter import Meter
from devices.parts.kept_objects import keep
from devices.parts.profile_log import HALF_HOUR
from devices.runtime.board import Board
from devices.runtime.kernel import S
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, Column, InterfaceClass, ProfileGeneric, PushSetup, Service, Unit, date_time
from protocols.dlms.cosem.interface import Hook
from protocols.dlms.cosem.push import Message, TransportService, push_objects
from protocols.dlms.cosem.types import Plain
from protocols.dlms.obis import Obis
from protocols.dlms.server import PUBLIC_CLIENT
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.time import seconds

if TYPE_CHECKING:
    from devices.esme.offset import Offset

ENABLE, DISABLE, ARM = 0x33, 0x34, 0x36
"""Scripts of the supply (GBCS ECS42 to ECS44)."""
FRIENDLY_BEGINS, FRIENDLY_ENDS = 32, 33
"""Scripts of the non-disablement calendar."""
_RATES: Final = (*range(1, 49), *range(101, 109))
"""Scripts of the tariff: time-of-use rates, and time-of-use rates with blocks."""
RESET_BLOCKS: Final = 0x63
"""The script that has the counters of blocks begin anew."""
_CAPTURE_BILLING: Final = 1
_SEASONS, _WEEKS, _DAYS, _SWITCHES, _SPECIAL_DAYS, _ENTRIES = 4, 4, 16, 48, 50, 22
_BILLING_ROWS: Final = 12
_TO_THE_MINUTE: Final = 7
"""Octets of a date-time."""
_BILLING_KEY: Final = "billing/rows"
BILLED: Final = "billing/rates"
"""Wh of each rate by the minute (since 2000) of a row of the billing log."""
_LOW_MEDIUM, _MEDIUM_HIGH = 500, 2_000
"""Watts between which consumption is called medium, until a supplier says else."""

RATE: Final = Obis("0-0:96.14.0")
CALENDAR: Final = Obis("0-0:13.0.0")
SUPPLY: Final = Obis("0-0:96.3.10")
POWER: Final = Obis("1-0:1.7.0")
TARIFF_SCRIPTS: Final = Obis("0-0:10.0.100")
SUPPLY_SCRIPTS: Final = Obis("0-0:10.0.106")
BILLING_SCRIPTS: Final = Obis("0-0:10.0.1")
NON_DISABLEMENT: Final = Obis("0-0:12.0.1")
BILLING_LOG: Final = Obis("0-0:98.1.0")
PUSH: Final = Obis("0-0:25.9.0")
_PUSHED: Final = (Obis("0-0:42.0.0"), Obis("0-0:1.0.0"), Obis("1-0:1.8.0"))
"""What a push holds: logical device name, clock, active import."""
_BILLED: Final = (Obis("0-0:1.0.0"), Obis("1-0:1.8.0"), Obis("1-0:3.8.0"))
"""Columns of the billing log: clock, active and reactive import."""

Find = Callable[[Obis], InterfaceClass | None]


def timed_objects(board: Board, meter: Meter, find: Find, offset: Offset | None = None) -> list[InterfaceClass]:
    """`find`: the objects of the device, of which clock, registers and switch are there already. `offset`: of the calendar."""
    return [
        *_supply(meter, find), *_tariff(board, meter, find, offset), *_billing(board, meter, find), *_power(board, meter, find),
        _push(board, find),
    ]  # fmt: skip


def _supply(meter: Meter, find: Find) -> list[InterfaceClass]:
    def execute(argument: Data) -> None:
        if argument.value == ARM:
            meter.switch.arm()
        elif argument.value in (FRIENDLY_BEGINS, FRIENDLY_ENDS):
            meter.on_friendly_period(argument.value == FRIENDLY_BEGINS)

    scripts = [
        (FRIENDLY_BEGINS, []),
        (FRIENDLY_ENDS, []),
        (ENABLE, [(Service.EXECUTE, 70, SUPPLY, 2, axdr.i8(0))]),
        (DISABLE, [(Service.EXECUTE, 70, SUPPLY, 1, axdr.i8(0))]),
        (ARM, []),
    ]
    return [cosem.ScriptTable(SUPPLY_SCRIPTS, find=find, scripts=scripts, on={"execute": execute})]


def _tariff(board: Board, meter: Meter, find: Find, offset: Offset | None) -> list[InterfaceClass]:
    def scripts() -> list[Plain]:
        rates: list[Plain] = [(number, [(Service.WRITE, 1, RATE, 2, axdr.u16(number))]) for number in _RATES]
        return [*rates, (RESET_BLOCKS, [])]

    def reset(argument: Data) -> None:
        if argument.value == RESET_BLOCKS:
            meter.on_tariff_script(RESET_BLOCKS)

    days = cosem.SpecialDaysTable("0-0:11.0.0", on={"entries": _at_most(_SPECIAL_DAYS)})
    closed_days = cosem.SpecialDaysTable("0-0:11.0.2", on={"entries": _at_most(20)})
    plan = cosem.Schedule(NON_DISABLEMENT, special_days=closed_days, on={"entries": _at_most(_ENTRIES)})
    checks: dict[str, Hook] = {
        "season_profile_passive": _at_most(_SEASONS),
        "week_profile_table_passive": _at_most(_WEEKS),
        "day_profile_table_passive": _day_profiles,
    }
    calendar: cosem.ActivityCalendar
    if offset is None:
        calendar = cosem.ActivityCalendar(CALENDAR, special_days=days, on=checks)
    else:
        from devices.esme.offset import OffsetCalendar  # few meters have one

        calendar = OffsetCalendar(CALENDAR, offset, days, checks)
    blocks = cosem.SingleActionSchedule("0-0:15.1.0", executed_script=(TARIFF_SCRIPTS, RESET_BLOCKS))
    keep(board.nvm, blocks, cosem.SingleActionSchedule.execution_time)
    for thing in (days, closed_days, plan, calendar):
        keep(board.nvm, thing, *(member for number, member in thing.attributes.items() if number > 1))
    rate = cosem.Data(RATE, value=axdr.u16(0))
    rate.watch(lambda thing, member: meter.on_tariff_script(thing.read(2).value))
    table = cosem.ScriptTable(TARIFF_SCRIPTS, find=find, scripts=scripts, on={"execute": reset})
    return [
        rate, table,
        days, closed_days, plan, calendar, blocks,
    ]  # fmt: skip


def _billing(board: Board, meter: Meter, find: Find) -> list[InterfaceClass]:
    captured = [Column(thing) for name in _BILLED if (thing := find(name)) is not None]
    log = ProfileGeneric(BILLING_LOG, columns=captured, profile_entries=_BILLING_ROWS)
    log.restore(board.nvm.get(_BILLING_KEY, []))

    def captured_row(thing: InterfaceClass, member: object) -> None:
        board.nvm.put({_BILLING_KEY: log.image(), **({} if meter.rate() is None else {BILLED: billed()})})

    def billed() -> dict[str, list[int]]:
        """The rates of the row captured last, beside those of the rows before it."""
        kept: dict[str, list[int]] = board.nvm.get(BILLED, {})
        time = date_time.instant(log.buffer.value[-1].value[0].value) if log.buffer.value else None
        if time is not None:
            kept = {**kept, str(seconds(time) // 60): meter.tiers()}
        return dict(list(kept.items())[-_BILLING_ROWS:])

    log.watch(captured_row)
    clock = find(_BILLED[0])

    def once(argument: Data) -> None:
        """A billing time that comes again, because the clock was set back over it, is none."""
        now = b"" if clock is None else clock.read(2).value[:_TO_THE_MINUTE]
        if any(row.value[0].value[:_TO_THE_MINUTE] == now for row in log.buffer.value):
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, "this billing time has its row")

    capture = (_CAPTURE_BILLING, [(Service.EXECUTE, 7, BILLING_LOG, 2, axdr.i8(0))])
    days = cosem.SingleActionSchedule(
        "0-0:15.0.0", type=cosem.ScheduleType.SAME_TIMES_OPEN_DATES, executed_script=(BILLING_SCRIPTS, _CAPTURE_BILLING)
    )
    keep(board.nvm, days, cosem.SingleActionSchedule.execution_time)
    return [log, cosem.ScriptTable(BILLING_SCRIPTS, find=find, scripts=[capture], on={"execute": once}), days]


def _power(board: Board, meter: Meter, find: Find) -> list[InterfaceClass]:
    demand = cosem.DemandRegister(
        "1-0:1.4.0",
        total=lambda: meter.metrology.joules,
        utc=board.rtc.read,
        scaler_unit=(0, Unit.WATT),
        period=HALF_HOUR // S,
    )
    ambient = cosem.RegisterMonitor(
        "0-0:16.0.0",
        find=find,
        thresholds=axdr.array([axdr.u32(_LOW_MEDIUM), axdr.u32(_MEDIUM_HIGH)]),
        monitored_value=(3, POWER, 2),
        access={"actions": cosem.Access.READ_WRITE},
    )
    keep(board.nvm, ambient, cosem.RegisterMonitor.thresholds, cosem.RegisterMonitor.actions)
    return [demand, ambient]


def _push(board: Board, find: Find) -> PushSetup:
    """To whoever has a head on the optical port: the destination is a client's address."""
    pushed = [(thing, 2) for name in _PUSHED if (thing := find(name)) is not None]
    setup = PushSetup(
        PUSH,
        push_object_list=push_objects(pushed),
        send_destination_and_method=(TransportService.HDLC, bytes((PUBLIC_CLIENT,)), Message.A_XDR),
        number_of_retries=3,
        repetition_delay=60,
        access={"communication_window": cosem.Access.READ_WRITE, "randomisation_start_interval": cosem.Access.READ_WRITE},
    )
    keep(board.nvm, setup, PushSetup.communication_window, PushSetup.randomisation_start_interval)
    return setup


def _at_most(most: int) -> Callable[[Data], None]:
    def check(value: Data) -> None:
        if len(value.value) > most:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"more than {most}")

    return check


def _day_profiles(value: Data) -> None:
    _at_most(_DAYS)(value)
    for profile in value.value:
        _at_most(_SWITCHES)(profile.value[1])
