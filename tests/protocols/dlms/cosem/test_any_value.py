"""Whatever a client writes or calls with, of the right type or nearly: it is taken or refused, and time goes on afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import Access, AccessError, Timetable, Unit, date_time
from protocols.dlms.cosem.recurrence import Date, Recurrence, Time
from protocols.dlms.cosem.types import Any as Anything
from protocols.dlms.cosem.types import Array, Enumerated, Limited, Simple, Structure
from protocols.dlms.obis import Obis

NOW = date_time.from_datetime(datetime(2024, 3, 30, 23, 59, 59, tzinfo=UTC))
SCRIPTS = Obis("0-0:10.0.100")
RANGES = {
    Tag.INTEGER: (-128, 127), Tag.LONG: (-(2**15), 2**15 - 1), Tag.UNSIGNED: (0, 255), Tag.LONG_UNSIGNED: (0, 2**16 - 1),
    Tag.DOUBLE_LONG_UNSIGNED: (0, 2**32 - 1), Tag.DOUBLE_LONG: (-(2**31), 2**31 - 1), Tag.ENUM: (0, 255),
}  # fmt: skip
FIELDS = st.sampled_from([0, 1, 2, 5, 7, 10, 12, 23, 28, 29, 30, 31, 59, 0x80, 0xFD, 0xFE, 0xFF]) | st.integers(0, 255)
YEARS = st.sampled_from([0, 1, 2023, 2024, 2025, 9998, 9999, 0xFFFF])


def dates() -> st.SearchStrategy[bytes]:
    return st.builds(lambda year, rest: year.to_bytes(2, "big") + bytes(rest), YEARS, st.tuples(FIELDS, FIELDS, FIELDS))


def times() -> st.SearchStrategy[bytes]:
    return st.tuples(FIELDS, FIELDS, FIELDS, FIELDS).map(bytes)


def octets(kind: Simple) -> st.SearchStrategy[bytes]:
    reads = getattr(kind, "reads", None)
    if reads is Date:
        return dates()
    if reads is Time:
        return times()
    if reads is Recurrence or kind.size == 12:
        ends = st.sampled_from([bytes.fromhex(end) for end in ("000000", "8000FF", "FFC480", "70FF00")])
        return st.builds(lambda *parts: b"".join(parts), dates(), times(), ends)
    if kind.size == 6:
        return st.sampled_from([bytes(SCRIPTS), bytes(6), bytes(Obis("0-0:13.0.0")), bytes(Obis("1-0:1.7.0"))])
    return st.binary(max_size=6)


def values(kind: Any) -> st.SearchStrategy[Data]:
    """Data of a declared type, or nearly."""
    if isinstance(kind, Structure):
        return st.tuples(*map(values, kind.elements)).map(lambda items: axdr.structure(*items))
    if isinstance(kind, Array):
        return st.lists(values(kind.item), max_size=3).map(axdr.array)
    if isinstance(kind, Enumerated):
        return st.sampled_from([*map(int, kind.members), 99]).map(axdr.enum)
    if isinstance(kind, Anything):
        return st.integers(0, 2**32 - 1).map(axdr.u32) | st.just(axdr.null()) | st.binary(max_size=3).map(axdr.octets)
    if kind.tag == Tag.BOOLEAN:
        return st.booleans().map(axdr.boolean)
    if kind.tag == Tag.BIT_STRING:
        return st.text("01", max_size=9).map(axdr.bits)
    if kind.tag == Tag.OCTET_STRING:
        return octets(kind).map(axdr.octets)
    low, high = RANGES[kind.tag]
    if isinstance(kind, Limited):
        low, high = max(low, kind.lowest - 1), min(high, (high if kind.highest is None else kind.highest) + 1)
    return st.integers(low, high).map(lambda number: Data(kind.tag, number))


class Lab:
    """One object of each class that acts, all of them open to writing."""

    def __init__(self) -> None:
        self.utc = NOW
        self.objects = {thing.name: thing for thing in self._make()}
        for thing in self.objects.values():
            thing.access = {member.name: Access.READ_WRITE for member in thing.attributes.values()}
        self.timetable = Timetable(list(self.objects.values()), self.objects.get, zone=lambda: self.clock.zone)

    def _make(self) -> Iterator[cosem.InterfaceClass]:
        def set_time(value: Data) -> None:
            self.utc = date_time.instant(value.value) or 0

        self.clock = cosem.Clock(
            "0-0:1.0.0", time=lambda: self.clock.zone.encode(self.utc), on={"time": set_time}, measuring_period=900,
            daylight_savings_enabled=True, daylight_savings_deviation=60,
            daylight_savings_begin=bytes.fromhex("FFFF03FE07010000008000FF"),
            daylight_savings_end=bytes.fromhex("FFFF0AFE07020000008000FF"),
        )  # fmt: skip
        power = cosem.Register("1-0:1.7.0", value=axdr.u32(5), scaler_unit=(0, Unit.WATT))
        days = cosem.SpecialDaysTable("0-0:11.0.0", entries=[(1, bytes.fromhex("FFFF031FFF"), 1)])
        find = {thing.name: thing for thing in (self.clock, power, days)}
        yield from find.values()
        yield cosem.ScriptTable(
            SCRIPTS, find=lambda name: self.objects.get(name), scripts=[(1, [(1, 3, power.name, 2, axdr.u32(9))])]
        )
        yield cosem.Schedule("0-0:12.0.0", special_days=days)
        yield cosem.ActivityCalendar("0-0:13.0.0", special_days=days)
        yield cosem.SingleActionSchedule("0-0:15.0.0", type=5)
        yield cosem.RegisterMonitor(
            "0-0:16.0.0", find=find.get, thresholds=axdr.array([axdr.u32(7)]), monitored_value=(3, power.name, 2),
            actions=[((SCRIPTS, 1), (SCRIPTS, 2))],
        )  # fmt: skip
        yield cosem.RegisterActivation("0-0:14.0.0", register_assignment=[(3, power.name)])
        yield cosem.DemandRegister(
            "1-0:1.4.0", total=lambda: self.utc // 10**9, utc=lambda: self.utc, scaler_unit=(0, Unit.WATT), period=900
        )
        yield cosem.IecLocalPortSetup("0-0:20.0.0")
        yield cosem.IecHdlcSetup("0-0:22.0.0")


TARGETS = [
    (thing.name, number, is_method)
    for thing in Lab().objects.values()
    for members, is_method in ((thing.attributes, False), (thing.methods, True))
    for number in members
    if is_method or number > 1
]


@st.composite
def requests(draw: st.DrawFn) -> tuple[Obis, int, bool, Data]:
    name, number, is_method = draw(st.sampled_from(TARGETS))
    thing = Lab().objects[name]
    kind = thing.methods[number].argument if is_method else thing.attributes[number].type
    return name, number, is_method, draw(values(kind))


@given(st.lists(requests(), min_size=1, max_size=4))
def test_every_request_is_taken_or_refused_and_time_goes_on(asked: list[tuple[Obis, int, bool, Data]]) -> None:
    lab = Lab()
    lab.timetable.expire(NOW)
    for name, number, is_method, value in asked:
        thing = lab.objects[name]
        before = [thing.read(each) for each in thing.attributes]
        try:
            if is_method:
                thing.invoke(number, value)
            else:
                thing.write(number, value)
        except AccessError:
            if thing is not lab.clock:  # whose time is not an attribute's
                assert [thing.read(each) for each in thing.attributes] == before
    now = NOW
    for _ in range(20):
        deadline = lab.timetable.deadline
        if deadline is None:
            break
        assert deadline <= now or deadline > now
        now = max(now + 1, deadline)
        lab.utc = now
        lab.timetable.expire(now)
        for thing in lab.objects.values():
            if isinstance(thing, cosem.RegisterMonitor):
                thing.evaluate(now)
    assert (lab.timetable.deadline or now + 1) > now
