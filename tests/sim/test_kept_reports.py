"""Who is to hear what of a meter, in which rhythm, and what is bound: kept over every power cut, whole or not at all."""

from __future__ import annotations

from contextlib import suppress

import pytest

from devices.parts.han import NoAnswer
from devices.runtime.kernel import MIN, S
from protocols.zigbee import zdo
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.zcl.foundation import ConfigureReporting, ConfigureReportingResponse, Intervals, ReportingRecord

ALONE = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'
TOTAL, STATUS = Metering.current_summation_delivered, Metering.status


@pytest.fixture
def alone(build):
    """A hub and its meter."""
    home = build(ALONE)
    home.run(for_=MIN)
    return home


def wish(*attributes, every=60):
    return ConfigureReporting([
        ReportingRecord(0, each.id, Intervals(each.type, 5, every, 1_000_000 if each.type.analog else None)) for each in attributes
    ])  # fmt: skip


def ask(home, command):
    """The hub asks the meter, which may lose its power over it."""
    hub = home.hub.firmware.han
    address = hub.stack.address_of(home.esme.eui64)

    async def asking():
        with suppress(NoAnswer):
            await hub.ask(address, 1, Metering, command, ConfigureReportingResponse)

    home.kernel.spawn(asking(), who="test")
    home.run(for_=10 * S)


def bind(home, cluster, request=zdo.BIND):
    hub, meter = home.hub.firmware.han, home.esme
    frame = zdo.BindRequest(1, meter.eui64, 1, cluster, 3, None, home.hub.eui64, 1)
    hub.stack._zdo.ask(hub.stack.address_of(meter.eui64), request, frame)
    hub.apply(hub.stack._done())
    home.run(for_=S)


def configured(home):
    """The attributes that are reported, and the clusters that are bound."""
    han = home.esme.firmware.han
    reported = {key[2] for key in han.endpoints[1].reporting.entries}
    return reported, {zdo.Binding.parse(octets).cluster for octets in han.stack._zdo.bindings.plain()}


def heard(home, seconds):
    """How often the hub hears the total in a time."""
    times = []
    client = home.hub.firmware.esi.endpoint.client(Metering)
    before = client.reported
    client.on_report(lambda values, request: times.append(TOTAL in values) or before(values, request))
    home.run(for_=seconds * S)
    client.on_report(before)
    return sum(times)


def test_reports_and_bindings_go_on_after_a_power_cut(alone):
    ask(alone, wish(TOTAL, STATUS))
    bind(alone, Metering.id)
    before = configured(alone)
    assert before == ({TOTAL.id, STATUS.id}, {Metering.id})
    for board in (alone.esme, alone.hub):
        board.cut(off_for=20 * S)
    alone.run(for_=MIN)
    assert configured(alone) == before
    assert 4 <= heard(alone, 300) <= 6
    ask(alone, wish(TOTAL, every=0xFFFF))
    bind(alone, Metering.id, zdo.UNBIND)
    alone.esme.cut(off_for=20 * S)
    alone.run(for_=MIN)
    assert configured(alone) == ({STATUS.id}, set())
    assert heard(alone, 300) == 0


@pytest.mark.parametrize("operations", [0, 1, 7, 30, 80, 200])
def test_a_power_cut_in_the_middle_leaves_the_old_or_the_new(alone, operations):
    ask(alone, wish(TOTAL))
    bind(alone, 1)
    old = configured(alone)
    alone.esme.cut_at_flash_operation(operations, off_for=20 * S)
    ask(alone, wish(TOTAL, STATUS))
    bind(alone, 2)
    alone.esme.flash.cut_after(None)
    alone.run(for_=MIN)
    reported, bound = configured(alone)
    assert reported in (old[0], {TOTAL.id, STATUS.id})
    assert bound in (old[1], {1, 2})
    assert heard(alone, 300) >= 4


def test_a_meter_that_is_sent_away_forgets_what_it_was_to_report(alone):
    ask(alone, wish(TOTAL))
    bind(alone, Metering.id)
    han = alone.hub.firmware.han
    han.apply(han.stack.expel(alone.esme.eui64, han.now))
    alone.run(for_=5 * S)
    assert configured(alone) == (set(), set())
    assert not list(alone.esme.nvm.keys("han/reporting/"))
