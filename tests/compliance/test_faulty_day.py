"""What must hold at every moment of a day on which everything goes wrong, and two hours after it stopped."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee import nwk
from tests.compliance.faulty_day import CALM, CUTS, FLASH_CUTS, LOSSES, LOW
from tools.headend.notices import FirstBreath, LastGasp

LIMIT = 180 * S


def test_everything_that_was_to_go_wrong_did(day):
    assert all(count > 50 for count in day.run.only.air.faults.count)
    assert day.run.net.faults.count[0] > 0
    for name in ("hub", "gsme", "ihd", "ppmid"):
        cuts = sum(each[0] == name for each in (*CUTS, *FLASH_CUTS))
        offs = [event for event in day.run.events("power", day.board(name).name) if event["state"] == "off"]
        assert len(offs) >= cuts
    assert day.minutes[-1].now >= CALM + 2 * HOUR


# --- frames: no counter, no nonce, no key twice or in the open ---


@pytest.mark.req("S-083", part=True)
def test_every_frame_is_built_as_it_is_read_and_opens_with_the_keys_that_devices_hold(day):
    assert day.capture.opened_nwk > 20_000
    assert day.capture.opened_aps > 10_000
    assert day.capture.closed == []


@pytest.mark.req("S-011")
def test_devices_speak_smart_energy_and_nothing_else(day):
    """Profile identifier 0x0109 for applications, 0x0000 for the ZigBee device objects; clusters of the Smart Energy standard."""
    assert day.capture.profiles == {0x0109, 0x0000}
    smart_energy = {0x0700, 0x0701, 0x0702, 0x0703, 0x0704, 0x0705, 0x0709}
    general = {0x0000, 0x000A, 0x0019, 0x0025, 0x0800}
    assert {0x0700, 0x0702, 0x0704} <= day.capture.clusters <= smart_energy | general


def test_no_key_meets_the_same_nonce_twice(day):
    """Across power cuts in the middle of writing the counter, too."""
    assert day.capture.reused == []


def test_nothing_but_keys_and_rejoining_passes_without_the_network_key(day):
    """A device whose rejoin under the network key finds no answer asks without it, and is sent the key under its link key."""
    asked, answered = nwk.RejoinRequest(0).build(), nwk.RejoinResponse(0, 0).build()
    rejoin = {f"NWK command {command[0]:#04x}" for command in (asked, answered)}
    assert day.capture.unsecured <= {"CommandHeader"} | rejoin


def test_no_key_or_install_code_is_in_any_frame_or_event(day):
    assert len(day.capture.held) > 6
    assert day.leaks == []


# --- outage notices ---


@pytest.mark.req("S-002", "S-003", "S-004", part=True)
def test_each_loss_beyond_the_limit_and_no_other_has_one_pair_of_notices(day):
    """The notices are as many as the losses, in pairs, each within the loss it tells of and its return."""
    outages = [(at, length) for at, length in LOSSES if length > LIMIT]
    assert day.run.notices() == ["LastGasp", "FirstBreath"] * len(outages)
    start = day.run.kernel.start_ns
    pairs = zip(day.run.head_end.notices(LastGasp), day.run.head_end.notices(FirstBreath), strict=True)
    for (at, length), (gasp, breath) in zip(outages, pairs, strict=True):
        assert at + LIMIT < gasp.received - start < at + LIMIT + 60 * S
        assert abs(gasp.lost - start - at) < S
        assert at + length <= breath.received - start < at + length + 2 * MIN
        assert breath.lost == gasp.lost
        assert abs(breath.seconds - length // S) <= 1


@pytest.mark.req("S-081", part=True)
def test_low_voltage_without_a_loss_tells_nothing(day):
    start = day.run.kernel.start_ns
    assert not [notice for notice in day.run.head_end.received if LOW[0] <= notice.received - start <= LOW[1] + 5 * MIN]


# --- the gas mirror ---


@pytest.mark.req("S-098", "S-142", part=True)
def test_the_mirror_holds_what_the_meter_once_read_and_nothing_else(day):
    seen = [minute for minute in day.minutes if minute.mirror is not None]
    assert len(seen) > 500
    for minute in seen:
        assert day.readings[minute.mirror] == minute.litres
        assert minute.mirror <= day.run.kernel.start_ns + minute.now


def test_the_mirror_is_never_partly_new(day):
    assert len(day.sets) == 1
    litres = [minute.litres for minute in day.minutes if minute.litres is not None]
    assert litres == sorted(litres)
    assert len(set(litres)) > 5


def test_the_display_is_never_ahead_of_the_mirror(day):
    """Nor far behind it, while both have power."""
    known = 0
    for minute in day.minutes:
        known = minute.mirror or known
        assert minute.display is None or minute.display <= known
    calm = [minute for minute in day.minutes if minute.now > CALM + HOUR]
    assert len(calm) >= 59
    assert all(minute.display is not None and minute.mirror - minute.display <= 31 * MIN for minute in calm)
    assert sum(minute.display != minute.mirror for minute in calm) <= 12  # it asks every five minutes


# --- meters ---


def test_registers_never_fall(day):
    kwh = [minute.kwh for minute in day.minutes if minute.kwh is not None]
    assert len(kwh) > 550
    assert kwh == sorted(kwh)
    for reads in (day.electricity, day.gas):
        values = [answer.value for _, answer in reads.answers]
        assert values == sorted(values)
        assert values[0] < values[-1]


@pytest.mark.req("S-043", part=True)
def test_every_scheduled_read_is_answered_or_reported_as_failed(day):
    for reads in (day.electricity, day.gas):
        assert 58 <= len(reads.answers) + len(reads.failures) <= 60
        assert len(reads.answers) >= 40
        calm = [at for at, _ in reads.failures if at - day.run.kernel.start_ns > CALM + 20 * MIN]
        assert calm == []


def test_half_hours_are_logged_once_and_gaps_are_seen(day):
    rows = day.run.head_end.meter("esme").profile("0-0:99.1.0").rows(since=day.run.start)
    stamps = [row[0] for row in rows]
    assert stamps == sorted(set(stamps))
    assert len(stamps) >= 18  # two of the losses lay across the end of a half hour at the most
    values = [row[-1].value for row in rows]
    assert values == sorted(values)


# --- after the faults ---


def test_within_two_hours_everybody_is_back(day):
    run = day.run
    assert run.commissioned
    assert all(device.joined for device in run.hub.firmware.log)
    now = run.kernel.utc
    for name in ("hub", "esme", "gsme"):
        assert run.board(name).rtc.valid
        assert abs(run.board(name).rtc.read() - now) <= 10 * S
    assert run.esme.firmware.clock_reliable
    assert now - run.hub.firmware.mirrors.of(run.gsme.eui64).gas.reading.at < 31 * MIN
    assert run.screen("ihd")[1].endswith("kW")
    assert run.screen("ppmid")[1].endswith("supply ON")


def test_nothing_is_left_waiting(day):
    run = day.run
    run.run(for_=8 * S)
    assert run.hub.firmware.notifier.waiting == 0
    assert run.kernel.next_due() is not None
    for board in run.only.boards.values():
        if board.name.endswith("hht"):
            continue
        assert not board.radio.held
        assert not board.radio._queue
