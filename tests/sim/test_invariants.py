"""Each rule of `invariants` can fail: a seeded fault in the firmware, or in what a home is, that it names."""

from __future__ import annotations

import pytest

from devices.esme import supply
from devices.runtime.kernel import HOUR, MIN, S
from devices.runtime.nvm import Counter
from hubfw import outage
from hubfw.supply_watch import SupplyWatch
from protocols.zigbee.clusters.metering import Metering, Status
from protocols.zigbee.freshness import Freshness
from tests.sim import invariants
from tests.sim.invariants import Evidence, breaches
from tests.sim.test_power_cuts import HOME


@pytest.fixture
def seen(build):
    home = build(HOME)
    home.run(for_=10 * MIN)
    return Evidence(home)


def _outage(seen, seconds=200, volts=None):
    home = seen.run
    home.mains.off()
    seen.live(seconds * S)
    home.mains.on(volts)
    seen.live(5 * MIN)


def _named(told):
    return {breach.split(":")[0] for breach in told}


def test_a_home_without_a_fault_breaks_none(seen):
    _outage(seen)
    _outage(seen, 100)
    seen.live(HOUR)
    seen.run.hub.cut(off_for=5 * S)
    seen.live(30 * MIN)
    seen.run.head_end.meter("esme").objects()
    seen.replay()
    assert breaches(seen) == []
    assert len(seen.restored) == 2
    assert sum(len(said) for said in seen.talk.values()) > 4
    assert len(seen.recorded) > 3
    assert len(seen.mirrored) > 60
    assert len(seen.shown) > 30


def test_13_a_counter_that_is_not_reserved_ahead(seen, monkeypatch):
    begin = Counter.__init__

    def forgetful(counter, nvm, key, step):
        begin(counter, nvm, key, step)
        counter._next = max(1, counter._next - step)

    monkeypatch.setattr(Counter, "__init__", forgetful)
    seen.live(5 * MIN)
    seen.run.ihd.cut(off_for=S)
    seen.live(5 * MIN)
    assert "counters" in _named(breaches(seen))


def test_15_counters_heard_that_are_forgotten_in_a_restart(seen, monkeypatch):
    monkeypatch.setattr(Freshness, "give", lambda freshness, stored: None)
    seen.live(5 * MIN)
    seen.run.hub.cut()  # so that nothing new is heard
    seen.run.esme.cut()
    seen.run.ihd.cut(off_for=S)
    seen.run.run(for_=S)
    seen.replay("ihd")
    seen.run.hub.power_on()
    seen.run.run(for_=MIN)
    assert "replays" in _named(breaches(seen))


@pytest.mark.parametrize("attribute, value", [(Metering.reading_snapshot_time, 1 << 30), (Metering.current_summation_delivered, 1)])
def test_19_a_mirror_that_holds_what_was_not_read(seen, attribute, value):
    seen.live(35 * MIN)
    reading = seen.run.hub.firmware.mirrors.of(seen.run.gsme.eui64).gas.reading
    key = next(each for each in reading.values if reading.values[each] == reading.get(Metering, attribute))
    reading.values[key] = value
    seen.live(MIN)
    assert "mirror" in _named(breaches(seen))


def test_20_a_set_that_is_not_complete(seen):
    seen.live(5 * MIN)
    reading = seen.run.hub.firmware.mirrors.of(seen.run.gsme.eui64).gas.reading
    reading.values.popitem()
    seen.live(MIN)
    assert "mirror" in _named(breaches(seen))


def test_21_a_display_that_is_ahead(seen):
    seen.live(40 * MIN)
    seen.shown.append((seen.run.now, seen.newest + S, seen.newest))
    assert _named(breaches(seen)) == {"display"}


def test_22_a_line_that_nobody_entered_and_one_that_is_missing(seen):
    log = seen.run.hub.firmware.log
    del log._devices[seen.run.ihd.eui64]
    assert {"device_log"} <= _named(breaches(seen))


@pytest.mark.parametrize("threshold, seconds", [(150 * S, 170), (300 * S, 250)])
def test_24_another_threshold(seen, threshold, seconds):
    seen.run.hub.firmware.supply_watch.threshold = threshold
    _outage(seen, seconds)
    assert "outages" in _named(breaches(seen))


def test_25_two_notices_for_one(seen, monkeypatch):
    tell = SupplyWatch._tell
    monkeypatch.setattr(SupplyWatch, "_tell", lambda *told: (tell(*told), tell(*told)))
    _outage(seen)
    assert "pairs" in _named(breaches(seen))


def test_26_a_meter_that_does_not_judge(seen, monkeypatch):
    monkeypatch.setattr(supply.Supply, "judge", lambda self: (setattr(self, "lost", False), self._report()))
    monkeypatch.setattr(SupplyWatch, "reported", _believing(SupplyWatch.reported))
    _outage(seen, volts=190.0)
    assert "voltage" in _named(breaches(seen))


def _believing(reported):
    """A hub that does not look at the quality."""
    return lambda watch, eui64, endpoint, status: reported(watch, eui64, endpoint, status & ~Status.POWER_QUALITY)


def test_27_a_long_interruption_that_is_called_a_short_one(seen, monkeypatch):
    monkeypatch.setattr(supply, "LONG", HOUR)
    _outage(seen)
    assert _named(breaches(seen)) == {"interruptions"}


def test_28_a_street_that_talks_at_once():
    assert invariants.spread([S, S + 1, 2 * S, S + 2], 2) == ["3 in second 1"]
    assert invariants.spread([S, S + 1, 2 * S], 2) == []


def test_29_and_30_answers_that_nobody_asked_for(seen):
    seen.run.head_end.meter("esme").objects()
    assert breaches(seen) == []
    said = next(iter(seen.talk.values()))
    said.append(said[-1])
    assert "answers" in _named(breaches(seen))


@pytest.mark.parametrize("given, wrong", [([b"a", b"a", b"b"], "given twice"), ([b"b", b"a"], "out of order"), ([b"a"], "neither")])
def test_31_messages(given, wrong):
    assert invariants.messages([b"a", b"b"], [b"a", b"b"]) == []
    assert any(wrong in told for told in invariants.messages([b"a", b"b"], given))
    assert invariants.messages([b"a", b"b"], [b"a"], undelivered=1) == []


def test_38_a_mirror_that_stays(seen, monkeypatch):
    home = seen.run
    assert invariants.forgotten(home, home.gsme.eui64) != []
    firmware = home.hub.firmware
    firmware.coordinator.unregister(home.gsme.eui64)
    firmware._gone(home.gsme.eui64)
    seen.live(MIN)
    assert invariants.forgotten(home, home.gsme.eui64) == []


def test_40_and_41_a_notice_that_cannot_go_and_a_meter_that_is_gone(seen):
    home = seen.run
    home.net.partition(home.hub.name, "dcc")
    home.mains.off(200 * S)
    seen.live(10 * MIN)
    home.gsme.supply.remove()
    seen.live(HOUR)
    assert {"nothing_waits", "everybody_is_back"} <= _named(breaches(seen))


def test_the_supervisor_waits_for_the_threshold():
    """24 again, for the boundary itself: the rules' table has one way to a last gasp."""
    ways = [key for key, (state, _) in outage.RULES.items() if state is outage.State.OUT and key[0] is not outage.State.OUT]
    assert ways == [(outage.State.DIP, outage.Event.HELD)]
