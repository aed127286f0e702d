"""Arbitrator, limiter and extended data: what is done when, by whom, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.activation import AT_ONCE, NEVER
from protocols.dlms.cosem.arbitrator import Arbitrator
from protocols.dlms.cosem.extended_data import ExtendedData
from protocols.dlms.cosem.limiter import Limiter
from protocols.dlms.cosem.zone import UTC
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

SCRIPTS = Obis("0-0:10.0.106")
S = 1_000_000_000
NOON = 1_700_000_000 * S


def refusal(act: Callable[[], object]) -> int:
    with pytest.raises(AccessError) as caught:
        act()
    return caught.value.result


# --- arbitrator: three actors want a switch open (script 1) or closed (script 2)


class Switch:
    def __init__(self) -> None:
        self.done: list[tuple[Obis, int]] = []
        self.arbitrator = Arbitrator(
            "0-0:96.3.20",
            actions=[(SCRIPTS, 1), (SCRIPTS, 2)],
            permissions_table=["11", "11", "01"],
            weightings_table=[[4, 4], [2, 2], [0, 3]],
            execute=lambda table, number: self.done.append((table, number)),
        )

    def request(self, actor: int, wanted: str) -> None:
        self.arbitrator.invoke(1, axdr.structure(axdr.u8(actor), axdr.bits(wanted)))

    @property
    def outcome(self) -> int:
        number: int = self.arbitrator.last_outcome.value
        return number


def test_the_heaviest_request_wins() -> None:
    switch = Switch()
    switch.request(2, "10")  # 2 : 0
    switch.request(3, "01")  # 2 : 3
    switch.request(1, "10")  # 6 : 3
    assert switch.done == [(SCRIPTS, 1), (SCRIPTS, 2), (SCRIPTS, 1)]
    assert switch.outcome == 1
    assert switch.arbitrator.most_recent_requests_table.python == ["10", "10", "01"]


def test_an_actors_new_request_replaces_its_last_and_a_tie_does_nothing() -> None:
    switch = Switch()
    switch.request(1, "10")
    switch.request(1, "11")  # 4 : 4
    switch.request(1, "00")
    assert switch.done == [(SCRIPTS, 1)]
    assert switch.outcome == 1
    switch.arbitrator.invoke(2, axdr.i8(0))
    assert switch.outcome == 0
    assert switch.arbitrator.most_recent_requests_table.python == ["00", "00", "00"]


@pytest.mark.parametrize(
    "actor, wanted, result",
    [
        (3, "10", DataAccessResult.READ_WRITE_DENIED),
        (0, "10", DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (4, "10", DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (1, "1", DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
    ],
)
def test_a_request_without_permission_leaves_everything_as_it_was(actor: int, wanted: str, result: int) -> None:
    switch = Switch()
    assert refusal(lambda: switch.request(actor, wanted)) == result
    assert switch.done == []
    assert switch.arbitrator.most_recent_requests_table.python == ["00", "00", "00"]


def test_a_script_that_fails_is_no_outcome() -> None:
    def fail(table: Obis, number: int) -> None:
        raise AccessError(DataAccessResult.HARDWARE_FAULT)

    arbitrator = Arbitrator("0-0:96.3.20", actions=[(SCRIPTS, 1)], permissions_table=["1"], weightings_table=[[1]], execute=fail)
    request = axdr.structure(axdr.u8(1), axdr.bits("1"))
    assert refusal(lambda: arbitrator.invoke(1, request)) == DataAccessResult.HARDWARE_FAULT
    assert (arbitrator.last_outcome.value, arbitrator.most_recent_requests_table.python) == (0, ["0"])


def test_tables_keep_their_shape() -> None:
    arbitrator = Switch().arbitrator
    arbitrator.write(3, axdr.array(axdr.bits(bits) for bits in ("00", "00", "10")))
    assert arbitrator.permissions_table.python == ["00", "00", "10"]
    for wrong in (["11", "11"], ["11", "11", "1"]):
        with pytest.raises(AccessError, match="scope-of-access-violated"):
            arbitrator.write(3, axdr.array(axdr.bits(bits) for bits in wrong))
    assert arbitrator.permissions_table.python == ["00", "00", "10"]
    with pytest.raises(LocalProtocolError):
        Arbitrator("0-0:96.3.20", actions=[(SCRIPTS, 1)], permissions_table=["11"], weightings_table=[[1]], execute=print)


# --- limiter: over 5,000 W for 60 s opens (script 1), under for 30 s closes (script 2)


def limiter() -> Limiter:
    return Limiter(
        "0-0:17.0.0",
        monitored_value=(3, Obis("1-0:1.7.0"), 2),
        threshold_normal=axdr.u32(5000),
        threshold_emergency=axdr.u32(1000),
        min_over_threshold_duration=60,
        min_under_threshold_duration=30,
        actions=((SCRIPTS, 1), (SCRIPTS, 2)),
    )


def numbers(limiter: Limiter, value: int, at: int) -> list[int]:
    return [call.argument.value for call in limiter.evaluate(value, NOON + at * S)]


def test_a_load_over_its_threshold_for_long_enough_acts_once() -> None:
    limit = limiter()
    assert numbers(limit, 5001, 0) == []
    assert limit.deadline == NOON + 60 * S
    assert numbers(limit, 9000, 59) == []
    assert numbers(limit, 9000, 60) == [1]
    assert numbers(limit, 9000, 600) == []
    assert limit.over
    assert limit.deadline is None
    assert numbers(limit, 5000, 601) == []
    assert limit.deadline == NOON + 631 * S
    assert numbers(limit, 0, 631) == [2]
    assert not limit.over


def test_a_dip_below_the_threshold_begins_the_time_anew() -> None:
    limit = limiter()
    numbers(limit, 6000, 0)
    numbers(limit, 100, 30)
    assert limit.deadline is None
    assert numbers(limit, 6000, 40) == []
    assert numbers(limit, 6000, 99) == []
    assert numbers(limit, 6000, 100) == [1]


def emergency(identifier: int, begin: bytes, seconds: int) -> Data:
    return axdr.structure(axdr.u16(identifier), axdr.octets(begin), axdr.u32(seconds))


def test_an_emergency_profile_of_a_group_lowers_the_threshold_while_it_lasts() -> None:
    limit = limiter()
    limit.write(9, axdr.array([axdr.u16(7)]))
    limit.write(8, emergency(7, date_time.encode(NOON + 100 * S), 1000))
    assert numbers(limit, 3000, 0) == []
    assert limit.threshold_active == axdr.u32(5000)
    assert limit.deadline == NOON + 100 * S
    assert numbers(limit, 3000, 100) == []
    assert (limit.threshold_active, limit.emergency_profile_active.python) == (axdr.u32(1000), True)
    assert limit.deadline == NOON + 160 * S
    assert numbers(limit, 3000, 160) == [1]
    assert numbers(limit, 3000, 1100) == []
    assert limit.emergency_profile_active.python is False
    assert numbers(limit, 3000, 1130) == [2]


def test_an_emergency_profile_of_no_group_and_one_that_never_begins_change_nothing() -> None:
    limit = limiter()
    limit.write(8, emergency(7, date_time.encode(NOON), 1000))
    assert numbers(limit, 3000, 1) == []
    assert limit.emergency_profile_active.python is False
    limit.write(9, axdr.array([axdr.u16(7)]))
    limit.write(8, emergency(7, NEVER, 1000))
    assert numbers(limit, 3000, 2) == []
    assert (limit.emergency_profile_active.python, limit.deadline) == (False, None)


def test_no_script_is_nothing_to_do() -> None:
    limit = limiter()
    limit.write(11, axdr.structure(*[axdr.structure(axdr.octets(bytes(6)), axdr.u16(0))] * 2))
    numbers(limit, 6000, 0)
    assert numbers(limit, 6000, 60) == []
    assert limit.over


@pytest.mark.parametrize(
    "number, value, result",
    [
        (4, axdr.u16(1), DataAccessResult.TYPE_UNMATCHED),
        (5, axdr.i32(1), DataAccessResult.TYPE_UNMATCHED),
        (8, emergency(1, bytes.fromhex("07E70DFFFF0C000000000000"), 1), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (8, emergency(1, bytes(11), 1), DataAccessResult.TYPE_UNMATCHED),
        (9, axdr.array([axdr.u16(1)] * 33), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
    ],
)
def test_a_wrong_limit_is_refused(number: int, value: Data, result: int) -> None:
    limit = limiter()
    before = limit.read(number)
    assert refusal(lambda: limit.write(number, value)) == result
    assert limit.read(number) == before


# --- extended data


def extended() -> ExtendedData:
    return ExtendedData("0-0:94.44.128.7", value_active=axdr.u32(6900), value_passive=axdr.u32(6900))


def due(thing: ExtendedData, now: int) -> list[int]:
    calls = list(thing.calls(NOON, now, UTC))
    for call in calls:
        thing.invoke(call.method, call.argument)
    return [call.method for call in calls]


def test_a_passive_value_takes_its_place_when_its_time_comes() -> None:
    """Values and times as GB's published messages write them (RTDS 4.5.0, ECS28a)."""
    thing = extended()
    thing.write(4, axdr.u32(5000))
    thing.write(6, axdr.octets(bytes.fromhex("07EE010FFF090000008000FF")))  # 2030-01-15 09:00
    then = date_time.from_datetime(datetime.fromisoformat("2030-01-15T09:00:00+00:00"))
    assert thing.due(NOON, UTC) == then
    assert due(thing, then - 1) == []
    assert thing.value_active == axdr.u32(6900)
    assert due(thing, then) == [2]
    assert thing.value_active == axdr.u32(5000)
    assert thing.activate_passive_value_time == axdr.octets(NEVER)
    assert thing.due(then, UTC) is None


@pytest.mark.parametrize("time, activated", [(AT_ONCE, [2]), (NEVER, []), (date_time.encode(NOON - 1000 * S), [2])])
def test_at_once_never_and_in_the_past(time: bytes, activated: list[int]) -> None:
    thing = extended()
    thing.write(6, axdr.octets(time))
    assert due(thing, NOON) == activated


@pytest.mark.parametrize("time", ["07EE010FFFFFFFFFFF8000FF", "07EE0D0FFF090000008000FF", "FFFF010FFF090000008000FF"])
def test_a_time_that_names_no_instant_is_refused(time: str) -> None:
    thing = extended()
    assert refusal(lambda: thing.write(6, axdr.octets(bytes.fromhex(time)))) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert thing.activate_passive_value_time == axdr.octets(NEVER)


def test_the_value_may_be_another_objects() -> None:
    given: list[Data] = []
    thing = ExtendedData(
        "0-0:94.44.128.7", value_active=lambda: axdr.u32(1), value_passive=axdr.u32(2), on={"value_active": given.append}
    )
    thing.invoke(2, axdr.i8(0))
    assert given == [axdr.u32(2)]
    assert thing.attribute_access(2) == Access.READ
    assert refusal(lambda: thing.write(4, axdr.u16(2))) == DataAccessResult.TYPE_UNMATCHED
