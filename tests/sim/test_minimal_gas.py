"""The least that a gas meter can be, in a living home: counter, data logger, radio and valve; the mirror does the rest."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from hubfw.translation_logs import HALF_HOURS
from hubfw.translation_objects import PENDING
from hubfw.translation_orders import VALVE
from hubfw.translation_samples import SAMPLES
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, ControlState
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.events import Events
from protocols.zigbee.clusters.key_establishment import KeyEstablishment
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import Functional, PriceCommand, Scheme
from protocols.zigbee.zcl.cluster import SERVER
from tools.bench import config
from tools.bench.commissioning import commission
from tools.errors import BadInput

HOME = """
start = 2026-01-14T00:00:00Z
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 10
minimal = {minimal}
[[home.device]]
kind = "ihd"
at = [2, 2]
"""
WAKE = 11 * MIN


@pytest.fixture(scope="module")
def homes():
    from tests.sim.told import Told

    made = {}
    for minimal in ("true", "false"):
        made[minimal] = home = Told(config.loads(HOME.format(minimal=minimal)))
        commission(home)
        home.run_until(HOUR)
    return made


@pytest.fixture(scope="module")
def home(homes):
    return homes["true"]


@pytest.fixture(scope="module")
def proxy(home):
    return home.head_end.meter("gsme", writes=True)


@pytest.mark.req("S-099")
def test_it_serves_nothing_but_metering_and_what_it_is(home):
    endpoint = home.gsme.firmware.han.endpoints[1]
    assert {cluster for cluster, side in endpoint.instances if side is SERVER} <= {Basic.id, Metering.id, KeyEstablishment.id}
    assert (Events.id, SERVER) not in endpoint.instances
    orders = {Metering.ChangeSupply, Metering.GetSampledData, Metering.GetSnapshot, Metering.StartSampling}
    assert orders <= endpoint.server(Metering).handlers.keys()


@pytest.mark.req("S-099")
def test_its_mirror_shows_what_it_counts_to_displays_and_head_end(home, proxy):
    litres = home.gsme.firmware.register.reading.litres
    assert litres > home.gsme.firmware.config.start_litres
    assert proxy.get("7-0:3.0.0", 4, 2).value == litres
    assert proxy.get("0-0:96.6.6", 4, 2).value > 0
    assert any(f"{litres / 1000:.3f} m3" in line for line in home.screen("ihd"))
    for missing in ("7-0:129.0.1", "7-0:128.12.1", "7-0:3.0.1"):
        with pytest.raises(AccessError) as refused:
            proxy.get(missing, 4, 2)
        assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE
    for method, thing in (("get", ("0-0:19.10.0", 112, 2)), ("set", ("0-0:94.44.2.10", 9000, 2, axdr.i32(1)))):
        with pytest.raises(AccessError) as refused:
            getattr(proxy, method)(*thing)
        assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE


def test_what_it_has_not_is_not_ordered_either(proxy):
    orders = (
        lambda: proxy.set("0-0:94.44.34.11", 1, 2, axdr.octets(b"1")), lambda: proxy.action("0-0:19.10.0", 112, 2, axdr.i32(1)),
        lambda: proxy.action("0-0:19.40.0", 115, 1, axdr.octets(b"7" * 20)), lambda: proxy.action("0-1:19.0.0", 111, 1, axdr.i8(0)),
        lambda: proxy.action("7-0:99.98.8", 7, 2, axdr.i8(0)),
    )  # fmt: skip
    for order in orders:
        with pytest.raises(AccessError) as refused:
            order()
        assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE
    assert proxy.get(PENDING, 1, 2).value == []


@pytest.mark.req("S-099")
def test_the_head_end_works_its_valve_and_has_its_logs(home, proxy):
    for method, state in ((1, ControlState.DISCONNECTED), (2, ControlState.READY_FOR_RECONNECTION)):
        proxy.action(VALVE, 70, method, axdr.i8(0))
        home.run(for_=WAKE)
        assert ControlState(proxy.get(VALVE, 70, 3).value) is state
    home.gsme.buttons.press("valve")
    home.run(for_=WAKE)
    assert ControlState(proxy.get(VALVE, 70, 3).value) is ControlState.CONNECTED
    proxy.set(SAMPLES, 7, 4, axdr.u32(300))
    proxy.action(HALF_HOURS, 7, 2, axdr.i8(0))
    home.run(for_=HOUR)
    proxy.action(SAMPLES, 7, 2, axdr.i8(0))
    home.run(for_=WAKE)
    assert len(proxy.profile(HALF_HOURS).rows()) >= 2
    assert len(proxy.profile(SAMPLES).rows()) >= 9


def test_its_mirror_tells_it_by_scheme_a_and_the_whole_meter_by_scheme_b(homes):
    """One word of flags, of which each is acted on, or five: what stands in another word the counter never hears of."""
    left, sets = {}, {}
    for minimal, home in homes.items():
        mirrors, meter = home.hub.firmware.mirrors, home.gsme.eui64
        mirrors.notify(Functional.PUSH_STATIC_METERING, meter)
        mirrors.notify(PriceCommand.PUBLISH_CO2_VALUE, meter)
        before = len(home.times("mirror.complete"))
        home.run(for_=WAKE)
        left[mirrors.of(meter).scheme] = mirrors.of(meter).notifications.words[:2]
        sets[minimal] = len(home.times("mirror.complete")) - before
    assert left == {Scheme.A: [0, PriceCommand.PUBLISH_CO2_VALUE], Scheme.B: [0, 0]}
    assert all(count >= 2 for count in sets.values())  # that of the wake, and the one it was asked to push


def test_it_lives_longer_on_its_battery_than_the_whole_meter(homes):
    spent = {}
    for minimal, home in homes.items():
        home.run_until(max(each.now for each in homes.values()))
        before = home.gsme.firmware.radio_time.total
        home.run(for_=2 * HOUR)
        spent[minimal] = (home.gsme.firmware.radio_time.total - before) / S
    assert 0 < spent["true"] < spent["false"] / 2


def test_it_is_what_it_was_after_power_cuts(home):
    litres = home.gsme.firmware.register.reading.litres
    home.gsme.cut(off_for=MIN)
    home.run(for_=2 * WAKE)
    assert home.gsme.firmware.register.reading.litres >= litres
    assert home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading.at > home.kernel.utc - WAKE


@pytest.mark.parametrize("more", ["end_to_end = true", 'band = "sub-ghz"', 'version = "2.0"'])
def test_it_has_nothing_that_a_counter_has_not(more):
    with pytest.raises(BadInput, match="minimal"):
        config.loads(HOME.format(minimal=f"true\n{more}"))
