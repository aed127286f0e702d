"""Between meter and consumer unit: the isolator that only a hand moves, load switches that fail, neutrals that float."""

from __future__ import annotations

import pytest

from devices.esme.face import FAILED, NOT_SAFE
from devices.runtime.kernel import HOUR, MIN, S
from protocols.dlms import axdr
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.metering import Status as MeterStatus
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.tails import tails
from tools.errors import BadInput

HOME = """
{above}
[[home]]
{feeder}
[[home.device]]
kind = "hub"
event_reports = [{{ log = "fault" }}]
[[home.device]]
kind = "esme"
at = [0.3, 0]
{more}
[[home.device]]
kind = "ihd"
at = [3, 0]
"""


def made(more="", above="", feeder=""):
    home = Told(config.loads(HOME.format(more=more, above=above, feeder=feeder)))
    commission(home)
    return home


def faults(home):
    return [data["event"] for data in home.events("device.event", "home1/esme") if data["log"] == "FAULT"]


def close(meter):
    """An order from afar, and a hand at the meter where the order only arms."""
    meter.switch.reconnect()
    meter.switch.press()


def status(home):
    return home.esme.firmware.han.endpoints[1].server(Metering)[Metering.status]


# --- the isolator ---


@pytest.mark.req("S-046", "S-104")
def test_a_hand_isolates_and_no_message_moves_or_sees_it():
    """Every order there is for the supply leaves the isolator where it is; the load switch's states change, and isolate nothing."""
    home = made("isolator = [{ at_s = 1200, on = false }, { at_s = 3000, on = true }]")
    behind, meter = tails(home.esme), home.esme.firmware.meter
    home.run_until(20 * MIN - S)
    assert (meter.watts > 0, behind.isolated) == (True, False)
    home.run_until(20 * MIN + S)
    assert (meter.watts, behind.isolated) == (0, True)
    writer, register = home.head_end.meter("esme", writes=True), meter.import_wh
    for number in (2, 1, 2):  # reconnect, disconnect, reconnect
        writer.action("0-0:96.3.10", 70, number, axdr.i8(0))
    for script in (0x34, 0x36, 0x33):
        writer.action("0-0:10.0.106", 9, 1, axdr.u16(script))
    for wanted in (0, 1, 2):
        home.esme.firmware.commands.orders._obey(wanted)
    home.esme.buttons.press("b")
    home.run(for_=5 * MIN)
    assert (behind.isolated, behind.isolator, meter.import_wh) == (True, False, register)
    assert home.hub.powered
    assert meter.switch.closed
    assert not any("isol" in line.lower() for name in ("esme", "ihd") for line in home.screen(name))
    home.run_until(50 * MIN + S)
    assert (meter.watts > 0, behind.isolated) == (True, False)


@pytest.mark.req("S-104")
@pytest.mark.parametrize("armed", [False, True])
def test_an_open_load_switch_has_no_gap_and_nothing_shows_it_as_one(armed):
    home = made()
    meter, behind = home.esme.firmware.meter, tails(home.esme)
    meter.switch.disconnect()
    if armed:
        meter.switch.arm()
    home.run(for_=MIN)
    assert (behind.carries, behind.isolated) == (False, False)
    assert home.esme.supply.live  # the meter's side, and with it the terminals, has its voltage
    assert NOT_SAFE in home.screen("esme")
    reader = home.head_end.meter("esme")
    shown = [reader.get("0-0:96.3.10", 70, number).value for number in (2, 3)]
    assert shown == [False, 2 if armed else 0]
    words = [line.lower() for name in ("esme", "ihd") for line in home.screen(name)]
    assert not any(word in line for line in words for word in ("isol", "safe", "dead"))


# --- load switches that fail ---


@pytest.mark.req("S-107")
def test_a_welded_contact_goes_on_feeding_and_says_so():
    home = made('switch = { sticks = "closed", at_s = 600 }')
    home.run_until(11 * MIN)
    meter = home.esme.firmware.meter
    assert faults(home) == []  # nobody has asked it to move
    meter.switch.disconnect()
    home.run(for_=MIN)
    assert meter.watts > 0
    assert faults(home) == [EventId.SUPPLY_DISCONNECT_FAILURE]
    assert not status(home) & MeterStatus.SERVICE_DISCONNECT_OPEN
    reader = home.head_end.meter("esme")
    assert [reader.get("0-0:96.3.10", 70, number).value for number in (2, 3)] == [255, 0]  # as it is, as it was told
    assert {FAILED, NOT_SAFE} <= {line.strip() for line in home.screen("esme")}
    assert EventId.SUPPLY_DISCONNECT_FAILURE in [heard.event for heard in home.hub.firmware.events.heard]
    home.esme.cut(off_for=MIN)
    home.run(for_=3 * MIN)
    assert faults(home) == [EventId.SUPPLY_DISCONNECT_FAILURE]  # once
    tails(home.esme).mend()
    home.run(for_=31 * MIN)
    assert home.esme.firmware.meter.watts == 0
    assert FAILED not in home.screen("esme")


@pytest.mark.req("S-107")
def test_a_contact_that_opens_by_itself_cuts_the_home_off_and_no_order_helps():
    home = made('switch = { sticks = "open", at_s = 600 }')
    home.run_until(11 * MIN)
    meter = home.esme.firmware.meter
    assert (meter.watts, meter.switch.closed) == (0, True)
    assert faults(home) == [EventId.SUPPLY_CONNECT_FAILURE]
    meter.switch.disconnect()
    assert not meter.contact_fails
    close(meter)
    home.run(for_=MIN)
    assert meter.watts == 0
    assert faults(home) == 2 * [EventId.SUPPLY_CONNECT_FAILURE]


@pytest.mark.req("S-107")
def test_a_contact_wears_out():
    home = made("switch = { life = 5 }")
    meter = home.esme.firmware.meter
    for _ in range(2):
        meter.switch.disconnect()
        assert meter.watts == 0
        close(meter)
        assert meter.watts > 0
    meter.switch.disconnect()
    close(meter)
    assert (tails(home.esme).operations, meter.watts) == (5, 0)
    home.run(for_=MIN)
    assert faults(home) == [EventId.SUPPLY_CONNECT_FAILURE]


STREET = '[[home]]\nname = "h{n}"\n{more}[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'


@pytest.mark.req("S-107")
def test_a_population_fails_as_the_seed_has_it():
    def dark(seed):
        street = "".join(STREET.format(n=n, more="") for n in range(4))
        home = Told(config.loads(f'seed = {seed}\n[[switch_failure]]\nshare = 0.5\nsticks = "open"\nwithin_h = 0.005\n' + street))
        home.run_until(20 * S)
        return [name for name in home.homes if not tails(home.board(f"{name}/esme")).carries], home.times("contact.stuck")

    names, times = dark(1)
    assert len(names) == 2
    assert len(set(times)) == 2
    assert dark(1) == (names, times)
    assert dark(2) != (names, times)


# --- a neutral that floats ---

NEUTRAL = '[[neutral]]\nfeeder = "a"\nat_h = 0.25\nfor_s = 600\n'


@pytest.mark.req("S-047")
def test_a_meter_finds_a_floating_neutral_and_opens_its_contactor():
    home = made("neutral_detection = true", NEUTRAL, 'feeder = "a"')
    meter, mains = home.esme.firmware.meter, home.only.mains
    home.run_until(15 * MIN + 10 * S)
    assert mains.volts > 276 or 0 < mains.volts < 184
    assert (meter.switch.closed, meter.watts) == (False, 0)
    assert faults(home)[0] in (EventId.LOW_VOLTAGE_L1, EventId.HIGH_VOLTAGE_L1)
    assert [data["by"] for data in home.events("neutral.detected")] == ["meter"]
    assert home.hub.powered
    assert faults(home)[0] in [heard.event for heard in home.hub.firmware.events.heard]
    home.run_until(26 * MIN)
    assert mains.volts == 230
    home.esme.buttons.press("b")
    home.run(for_=S)
    assert not meter.switch.closed  # not yet
    home.run_until(31 * MIN)
    home.esme.buttons.press("b")
    home.run(for_=S)
    assert meter.switch.closed


@pytest.mark.req("S-047", part=True)
def test_a_meter_on_the_wire_finds_it_too():
    wired = 'neutral_detection = true\ninterface = "wired"'
    home = Told(config.loads(HOME.format(more=wired, above=NEUTRAL, feeder='feeder = "a"')))
    home.run_until(15 * MIN + 10 * S)
    assert [data["by"] for data in home.events("neutral.detected")] == ["meter"]
    assert not home.esme.firmware.meter.switch.closed


def test_what_was_off_before_is_not_armed_by_it():
    home = made("neutral_detection = true", NEUTRAL, 'feeder = "a"')
    home.esme.firmware.meter.switch.disconnect()
    home.run_until(35 * MIN)
    assert [data["by"] for data in home.events("neutral.detected")] == ["meter"]
    home.esme.buttons.press("b")
    home.run(for_=S)
    assert not home.esme.firmware.meter.switch.closed


@pytest.mark.req("S-047")
def test_one_detector_at_the_substation_opens_the_feeder_for_all_its_homes_and_no_other():
    street = "".join(STREET.format(n=n, more=f'feeder = "{"a" if n < 2 else "b"}"\n') for n in range(3))
    home = Told(config.loads(NEUTRAL + 'detector = "substation"\n' + street))
    home.run_until(15 * MIN + S)
    volts = [each.mains.volts for each in home.homes.values()]
    assert volts[0] != volts[1]
    assert volts[2] == 230
    home.run_until(15 * MIN + 3 * S)
    assert [each.mains.live for each in home.homes.values()] == [False, False, True]
    assert home.events("neutral.detected", "feeder a") == [{"by": "substation"}]
    home.run_until(25 * MIN + S)
    assert [each.mains.volts for each in home.homes.values()] == [230, 230, 230]


def test_without_a_detector_the_home_bears_it_and_the_meter_tells_its_voltage():
    home = made("", NEUTRAL, 'feeder = "a"')
    home.run_until(15 * MIN + 10 * S)
    assert home.esme.firmware.meter.switch.closed
    assert status(home) & MeterStatus.POWER_QUALITY
    home.run_until(15 * MIN + HOUR)
    assert home.events("neutral.detected") == []


@pytest.mark.parametrize("text, words", [
    (HOME.format(more='switch = { sticks = "shut" }', above="", feeder=""), '"shut" is none of closed, open'),
    (HOME.format(more="switch = {}", above="", feeder=""), "say one of both"),
    (HOME.format(more="", above=NEUTRAL, feeder='feeder = "b"'), 'no home is on a feeder "a"'),
])  # fmt: skip
def test_a_bench_that_cannot_be_is_refused(text, words):
    with pytest.raises(BadInput, match=words):
        config.loads(text)
