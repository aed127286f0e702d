"""A home with panels on its roof: what goes out is counted out and never in; a meter of generation is one like any other."""

from __future__ import annotations

import pytest

from devices.parts.metrology import STANDBY
from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.profile import Channel
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

HOME = """
seed = 7
start = 2026-06-10T10:00:00Z
[[home]]
[home.generation]
peak_w = 3600
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
name = "panels"
at = [0.2, 0]
measures = "generation"
[[home.device]]
kind = "esme"
at = [0.6, 0]
[[home.device]]
kind = "ihd"
at = [3, 0]
"""
IMPORT, EXPORT = "1-0:1.8.0", "1-0:2.8.0"


def fresh():
    home = Told(config.loads(HOME))
    commission(home)
    return home


@pytest.fixture(scope="module")
def sunny():
    home = fresh()
    home.run_until(2 * HOUR + 30 * S)
    return home


def zigbee(home, name):
    """(delivered, received, demand) as the meter's endpoint has them."""
    server = home.board(name).firmware.han.endpoints[1].server(Metering)
    return (
        server[Metering.current_summation_delivered],
        server[Metering.current_summation_received],
        server[Metering.instantaneous_demand],
    )


@pytest.mark.req("S-061")
def test_what_goes_out_never_reaches_an_import_register(sunny):
    """Minute by minute: one direction's register moves, or the other's, as the net of what is drawn and delivered has it."""
    meter, mains = sunny.esme.firmware.meter, sunny.only.mains
    out = into = 0
    for _ in range(90):
        before, levels = (meter.import_wh, meter.export_wh), set()
        for _ in range(6):
            levels.add(meter.watts)
            assert meter.watts == meter.metrology._wanted + mains.drawn - mains.generated
            sunny.run(for_=10 * S)
        levels.add(meter.watts)
        imported, exported = meter.import_wh - before[0], meter.export_wh - before[1]
        if max(levels) <= 0:
            assert imported == 0
            out += exported
        if min(levels) >= 0:
            assert exported == 0
            into += imported
    assert out > 500
    reader = sunny.head_end.meter("esme")
    assert reader.register(EXPORT).value == pytest.approx(meter.export_wh, abs=30)
    assert reader.register(IMPORT).value == pytest.approx(meter.import_wh, abs=30)
    rows = reader.profile("0-0:99.1.1").rows(since=sunny.start)
    exports = [int(row[2].value) for row in rows]
    assert exports == sorted(exports)
    assert exports[-1] - exports[0] > 500
    imports = [int(row[2].value) for row in reader.profile("0-0:99.1.0").rows(since=sunny.start)]
    assert imports[-1] - imports[0] < 100 < exports[-1] - exports[0]
    history = sunny.esme.firmware.commands._history
    totals = {
        channel: [history.profile(channel).total(sunny.hub.rtc.read() // S - EPOCH - ago * 1800) for ago in (3, 1)]
        for channel in (Channel.DELIVERED, Channel.RECEIVED)
    }
    assert totals[Channel.RECEIVED][1] - totals[Channel.RECEIVED][0] > 300
    assert totals[Channel.DELIVERED][1] - totals[Channel.DELIVERED][0] < 100
    delivered, received, demand = zigbee(sunny, "esme")
    assert (delivered, received) == (meter.import_wh, meter.export_wh)
    assert demand == meter.watts


def test_where_more_is_used_than_delivered_the_import_register_moves_alone(sunny):
    meter = sunny.esme.firmware.meter
    sunny.only.mains.draw("kettle", 9_000)
    before = meter.import_wh, meter.export_wh
    sunny.run(for_=10 * MIN)
    assert meter.import_wh - before[0] > 800
    assert meter.export_wh == before[1]
    sunny.only.mains.draw("kettle", 0)


@pytest.mark.req("S-042")
def test_a_meter_of_generation_is_on_the_network_like_any_other(sunny):
    """It joined, has its SAP, is read over DLMS and Smart Energy, keeps its log; displays take the home's meter, though it is
    further away."""
    panels, reader = sunny.board("panels").firmware.meter, sunny.head_end.meter("panels")
    assert sunny.hub.firmware.log.get(sunny.board("panels").eui64).joined
    assert len(sunny.hub.firmware.saps.meters()) == 2
    assert reader.names() != sunny.head_end.meter("esme").names()
    assert reader.clock() is not None
    assert reader.register(EXPORT).value == pytest.approx(panels.export_wh, abs=30)
    assert reader.register(IMPORT).value == panels.import_wh == 0
    exports = [int(row[2].value) for row in reader.profile("0-0:99.1.1").rows(since=sunny.start)]
    assert exports[-1] - exports[0] > 2_000
    delivered, received, demand = zigbee(sunny, "panels")
    assert (delivered, received) == (0, panels.export_wh)
    assert demand == -sunny.only.mains.generated < 0
    assert sunny.ihd.firmware.electricity.meter.eui64 == sunny.esme.eui64
    assert sunny.screen("panels")[1].split()[0] == "EXPORT"


def test_faces_tell_which_way_it_flows(sunny):
    meter = sunny.esme.firmware.meter
    sunny.until(lambda: meter.watts < -100, within=2 * HOUR)
    flowing = meter.watts
    sunny.run(for_=12 * S)
    assert sunny.screen("esme")[1].startswith("EXPORT")
    if meter.watts == flowing:
        assert sunny.screen("ihd")[1].split() == ["EXPORTING", f"{-flowing / 1000:.3f}", "kW"]


def test_on_an_island_nothing_is_delivered_and_registers_outlive_the_power():
    home = fresh()
    home.run_until(30 * MIN)
    meter, panels, mains = home.esme.firmware.meter, home.board("panels").firmware.meter, home.only.mains
    assert mains.generated > 0
    meter.switch.disconnect()
    assert (mains.generated, meter.watts, panels.watts) == (0, 0, STANDBY)
    meter.switch.reconnect()
    meter.switch.press()
    assert mains.generated > 0
    shown = meter.export_wh, panels.export_wh
    mains.off(10 * MIN)
    home.run(for_=5 * MIN)
    assert mains.generated == 0
    home.run(for_=6 * MIN)
    again = home.esme.firmware.meter.export_wh, home.board("panels").firmware.meter.export_wh
    assert all(now >= then for now, then in zip(again, shown, strict=True))


METER = '[[home.device]]\nkind = "esme"\nname = "{name}"\nat = [{at}, 1]\n{more}\n'


@pytest.mark.req("S-116")
@pytest.mark.parametrize("count", [1, 2, 5])
def test_so_many_electricity_meters_generation_among_them_share_a_hub(build, count):
    """Each is known to hub and head end by itself, tells its own registers, and its supply is its own."""
    names = [f"esme{number}" for number in range(count)]
    meters = [METER.format(name=name, at=at, more="") for at, name in enumerate(names[:1] + names[2:])]
    if count > 1:
        meters.insert(0, METER.format(name=names[1], at=9, more='measures = "generation"'))
    text = "start = 2026-06-10T10:00:00Z\n[[home]]\n" + "[home.generation]\npeak_w = 2000\n" * (count > 1)
    home = build(text + '[[home.device]]\nkind = "hub"\n' + "".join(meters))
    home.run(for_=40 * MIN)
    assert len(home.hub.firmware.saps.meters()) == count
    for name in names:
        meter, reader = home.board(name).firmware.meter, home.head_end.meter(name)
        assert reader.register(IMPORT).value == pytest.approx(meter.import_wh, abs=30)
        assert reader.register(EXPORT).value == pytest.approx(meter.export_wh, abs=30)
    if count > 1:
        generation = home.board(names[1]).firmware.meter
        assert generation.export_wh > 2_468_000 > generation.import_wh
        generation.switch.disconnect()
        assert [home.board(name).firmware.meter.switch.closed for name in names] == [name != names[1] for name in names]


@pytest.mark.parametrize("text, words", [
    (HOME.replace("[home.generation]\npeak_w = 3600\n", ""), 'measures generation, and there is none'),
    (HOME.replace('kind = "esme"\nat', 'kind = "esme"\nmeasures = "generation"\nat'), "a electricity meter"),
    (HOME.replace("peak_w", "peak_kw"), 'no field "peak_kw"'),
])  # fmt: skip
def test_a_bench_that_cannot_be_is_refused(text, words):
    from tools.errors import BadInput

    with pytest.raises(BadInput, match=words.replace("a electricity", "an electricity")):
        config.loads(text)
