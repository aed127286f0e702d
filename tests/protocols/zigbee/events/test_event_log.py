"""Event logs, the table of alarms and the lists of dwellings, by themselves."""

from __future__ import annotations

import pytest

from protocols.zigbee.alarms.table import ROOM as ALARMS
from protocols.zigbee.alarms.table import AlarmTable
from protocols.zigbee.clusters.alarms import Alarms
from protocols.zigbee.clusters.events import Events, LogId
from protocols.zigbee.clusters.mdu_pairing import MduPairing
from protocols.zigbee.events.log import ROOM, EventLog
from protocols.zigbee.mdu_pairing.dwellings import Pairing, answer
from protocols.zigbee.zcl.status import Status

GENERAL, FAULT = LogId.GENERAL, LogId.FAULT
FULL = 0x10


@pytest.fixture
def log():
    log = EventLog()
    for number in range(5):
        log.record(GENERAL, 0x0100 + number % 2, 1000 + number, bytes((number,)))
    log.record(FAULT, 0x0200, 1002)
    return log


def asked(log, which=LogId.ALL, event=0, since=0, until=0, count=0, offset=0, full=FULL):
    parts = log.publish(Events.GetEventLog(which | full, event, since, until, count, offset))
    return [(row.log_id, row.event_id, row.event_time) for part in parts for row in part.log_payload]


FILTERS = {
    "all logs, newest first": ({}, [(3, 0x0100, 1004), (3, 0x0101, 1003), (2, 0x0200, 1002), (3, 0x0100, 1002)]),
    "one log": ({"which": FAULT}, [(2, 0x0200, 1002)]),
    "one event": ({"event": 0x0101}, [(3, 0x0101, 1003), (3, 0x0101, 1001)]),
    "from a time on": ({"since": 1003}, [(3, 0x0100, 1004), (3, 0x0101, 1003)]),
    "until a time": ({"until": 1001}, [(3, 0x0101, 1001), (3, 0x0100, 1000)]),
    "some": ({"count": 1}, [(3, 0x0100, 1004)]),
    "from the second on": ({"which": GENERAL, "offset": 3}, [(3, 0x0101, 1001), (3, 0x0100, 1000)]),
    "nothing": ({"which": LogId.TAMPER}, []),
}


@pytest.mark.parametrize(("filters", "expected"), FILTERS.values(), ids=FILTERS.keys())
def test_what_a_query_gives(log, filters, expected):
    assert asked(log, **filters)[: len(expected) if len(expected) == 4 else None] == expected


def test_parts_are_counted_and_fit_a_frame():
    log = EventLog()
    for number in range(ROOM + 7):
        log.record(GENERAL, number, number, bytes(20))
    parts = log.publish(Events.GetEventLog(GENERAL | FULL, 0, 0, 0, 0, 0))
    assert [(part.command_index, part.total_commands) for part in parts] == [(n, len(parts)) for n in range(len(parts))]
    assert all(part.total_number_of_events == ROOM for part in parts)
    assert all(part.log_payload_control == len(part.log_payload) << 4 for part in parts)
    assert max(len(part.build()) for part in parts) <= 63
    assert sum(len(part.log_payload) for part in parts) == ROOM
    assert parts[0].log_payload[0].event_id == ROOM + 6


def test_minimal_information_has_no_data(log):
    (part,) = log.publish(Events.GetEventLog(GENERAL, 0, 0, 0, 1, 0))
    assert part.log_payload[0].event_data == b""
    (part,) = log.publish(Events.GetEventLog(GENERAL | FULL, 0, 0, 0, 1, 0))
    assert part.log_payload[0].event_data == b"\x04"


@pytest.mark.parametrize(("which", "bits", "left"), [(3, 0x08, [(2, 0x0200, 1002)]), (0, 0x3F, []), (9, None, None)])
def test_emptying(log, which, bits, left):
    before = asked(log)
    response = log.clear(Events.ClearEventLogRequest(which))
    assert (None if response is None else response.cleared_events_logs) == bits
    assert asked(log) == (before if left is None else left)


def test_an_image_holds_the_logs(log):
    assert asked(EventLog(log.image())) == asked(log)


# --- alarms ---


def test_an_alarm_is_raised_once_until_it_is_over_and_reset():
    holds = {(0, 1): True}
    table = AlarmTable(lambda code, cluster: holds[code, cluster])
    assert table.watch(0, 1, 10) == Alarms.Alarm(0, 1)
    assert table.watch(0, 1, 11) is None
    assert table.reset(Alarms.ResetAlarm(0, 1)) is Status.FAILURE
    holds[0, 1] = False
    assert table.reset(Alarms.ResetAlarm(0, 1)) is Status.SUCCESS
    assert table.reset(Alarms.ResetAlarm(0, 1)) is Status.NOT_FOUND
    holds[0, 1] = True
    assert table.watch(0, 1, 12) == Alarms.Alarm(0, 1)
    table.reset_all()
    assert table.watch(0, 1, 13) is None
    assert table.count == 2
    assert AlarmTable(lambda code, cluster: False, table.image()).take() == Alarms.GetAlarmResponse(0, 0, 1, 10)
    assert table.take() == Alarms.GetAlarmResponse(0, 0, 1, 10)
    assert table.reset_log() is Status.SUCCESS
    assert table.take() == Alarms.GetAlarmResponse(Status.NOT_FOUND)


def test_the_oldest_alarm_makes_room():
    on = [True]
    table = AlarmTable(lambda code, cluster: on[0])
    for at in range(ALARMS + 3):
        on[0] = True
        table.watch(0, 1, at)
        on[0] = False
        table.watch(0, 1, at)
    assert table.count == ALARMS
    assert table.take().time_stamp == 3


# --- dwellings ---


def request(device, version=0):
    return MduPairing.PairingRequest(version, device)


def test_a_dwelling_s_list_comes_in_parts_and_in_any_order():
    parts = answer(request(3), 5, [[100, 101], list(range(15))])
    assert [(len(part.eui64s), part.command_index, part.total_number_of_commands) for part in parts] == [
        (6, 0, 3),
        (6, 1, 3),
        (3, 2, 3),
    ]
    pairing = Pairing()
    assert [pairing.received(part) for part in (parts[2], parts[0], parts[0], parts[1])] == [False, False, False, True]
    assert (pairing.version, pairing.devices) == (5, tuple(range(15)))


@pytest.mark.parametrize(("device", "version"), [(99, 0), (3, 5)], ids=["of no dwelling", "up to date"])
def test_who_has_nothing_to_get_waits(device, version):
    assert answer(request(device, version), 5, [[1, 2, 3]]) is Status.WAIT_FOR_DATA


def test_lists_that_do_not_fit_together_are_left_out():
    pairing = Pairing()
    assert not pairing.received(MduPairing.PairingResponse(0, 1, 0, 1, [1]))
    assert not pairing.received(MduPairing.PairingResponse(1, 1, 1, 1, [1]))
    assert not pairing.received(MduPairing.PairingResponse(1, 3, 0, 1, [1]))
    assert not pairing.received(MduPairing.PairingResponse(1, 2, 0, 2, [1]))
    assert not pairing.received(MduPairing.PairingResponse(2, 2, 1, 2, [2]))
    assert pairing.devices == ()
