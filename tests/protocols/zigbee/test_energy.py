"""Energy scans: Mgmt_NWK_Update (05-3474 clauses 2.4.3.3.9 and 2.4.4.3.9), and a coordinator that keeps off loud channels."""

from __future__ import annotations

import pytest

from protocols.zigbee import zdo
from protocols.zigbee.energy import SUPERFRAME
from protocols.zigbee.node import Joined, Measure, NodeConfig, NodeType, S, ZdoResponse
from tests.protocols.zigbee.cell import DISPLAY, GAS, HUB, METER, Cell, Station


@pytest.fixture
def hub(cell: Cell) -> Station:
    return cell.hub()


@pytest.fixture
def meter(cell: Cell, hub: Station) -> Station:
    return cell.admit(hub, cell.device("meter", METER, NodeType.ROUTER))


def ask(cell: Cell, who: Station, destination: int, channels: list[int], exponent: int = 0) -> None:
    who.do(who.stack.energy(destination, channels, exponent, cell.kernel.now)[1])


def request(cell: Cell, who: Station, destination: int, **fields: int) -> list[zdo.NetworkUpdateNotify]:
    """Send a Mgmt_NWK_Update_req, and the answers."""
    payload = zdo.NetworkUpdateRequest(9, **fields).build()
    who.do(who.stack.send(destination, zdo.PROFILE, zdo.NETWORK_UPDATE, 0, 0, payload, link_key=False, now=cell.kernel.now)[1])
    cell.run(12)
    return answers(who)


def answers(who: Station) -> list[zdo.NetworkUpdateNotify]:
    return [each.response for each in who.told(ZdoResponse) if isinstance(each.response, zdo.NetworkUpdateNotify)]


def test_a_router_tells_how_loud_channels_are(cell: Cell, hub: Station, meter: Station) -> None:
    """Somebody talks on channel 20 all the time; nobody on 25."""
    other = Station(cell, "other", NodeConfig(GAS, NodeType.COORDINATOR, channels=(20,)))
    other.do(other.stack.form(cell.kernel.now))
    for step in range(400):
        cell.kernel.at(cell.kernel.now + step * 10_000_000, lambda: other.do(other.stack.announce(cell.kernel.now)), who="test")
    ask(cell, hub, meter.stack.short, [20, 25], 3)
    cell.run(4)
    (answer,) = answers(hub)
    assert (answer.status, answer.channels, answer.count) == (zdo.SUCCESS, 1 << 20 | 1 << 25, 2)
    assert answer.levels == bytes((cell.air.link(other.radio, meter.radio).lqi, 0))
    assert answer.transmissions > 0
    assert answer.failures == 0
    hub.send(meter.stack.short, b"back on its channel")
    cell.run(1)
    assert meter.stack.joined
    assert meter.radio.tuned is cell.air.channel(0, 11)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_it_scans_as_often_as_asked_and_tells_each_time(cell: Cell, hub: Station, meter: Station, count: int) -> None:
    told = request(cell, hub, meter.stack.short, channels=1 << 14 | 1 << 15, duration=1, count=count)
    assert [(answer.status, answer.channels, answer.levels) for answer in told] == [(0, 1 << 14 | 1 << 15, bytes(2))] * count


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"channels": 1 << 15, "duration": 0, "count": 0}, zdo.INVALID_REQUEST_TYPE),
        ({"channels": 1 << 15, "duration": 0, "count": 6}, zdo.INVALID_REQUEST_TYPE),
        ({"channels": 1 << 3, "duration": 0, "count": 1}, zdo.INVALID_REQUEST_TYPE),
        ({"channels": 1 << 15, "duration": 6}, zdo.NOT_SUPPORTED),
    ],
)
def test_what_cannot_be_scanned_is_refused(cell: Cell, hub: Station, meter: Station, fields: dict[str, int], status: int) -> None:
    (answer,) = request(cell, hub, meter.stack.short, **fields)
    assert (answer.status, answer.levels) == (status, b"")


def test_only_the_trust_centre_takes_a_device_off_its_channel(cell: Cell, hub: Station, meter: Station) -> None:
    display = cell.admit(hub, cell.device("display", DISPLAY, NodeType.END_DEVICE))
    for asked in (meter, hub):
        (answer,) = request(cell, display, asked.stack.short, channels=1 << 15, duration=0, count=1)
        assert answer.status == zdo.NOT_AUTHORIZED
        display.effects.clear()
    assert not cell.told_ever["meter"].count(Measure(15, 2 * SUPERFRAME))


def test_a_second_scan_meanwhile_and_one_by_a_sleeper_are_refused(cell: Cell, hub: Station, meter: Station) -> None:
    meter.radio.measure = lambda channel, duration: cell.kernel.after(3 * S, meter.radio.on_energy, 5, who="test")
    ask(cell, hub, meter.stack.short, [15])
    cell.run(1)
    assert [each.status for each in request(cell, hub, meter.stack.short, channels=1 << 15, duration=0, count=1)] == [
        zdo.INVALID_REQUEST_TYPE, zdo.SUCCESS,
    ]  # fmt: skip
    hub.effects.clear()
    gas = cell.admit(hub, cell.device("gas", GAS, NodeType.SLEEPY_END_DEVICE))
    ask(cell, hub, gas.stack.short, [15])
    cell.run(1)
    gas.do(gas.stack.stay_awake(cell.kernel.now + 5 * S, cell.kernel.now))
    cell.run(5)
    assert [answer.status for answer in answers(hub)] == [zdo.NOT_SUPPORTED]


@pytest.mark.parametrize("says_so", [True, False])
def test_a_radio_that_cannot_tell_and_one_that_says_nothing(cell: Cell, hub: Station, meter: Station, says_so: bool) -> None:
    def measure(*, channel: int, duration: int, page: int = 0) -> None:
        if says_so:
            cell.kernel.after(duration, meter.radio.on_energy, None, who="test")

    meter.radio.measure = measure
    (answer,) = request(cell, hub, meter.stack.short, channels=1 << 15 | 1 << 20, duration=0, count=1)
    assert (answer.status, answer.channels, answer.levels) == (zdo.NOT_SUPPORTED, 0, b"")
    assert meter.stack.joined


def test_an_answer_nobody_asked_for(cell: Cell, hub: Station) -> None:
    assert hub.stack.measured(200, cell.kernel.now) == []


def test_a_coordinator_keeps_off_loud_channels_though_nobody_has_a_network_there(cell: Cell) -> None:
    """A radio that says no beacon makes channel 11 loud, a network is on 15: of the two others the first is taken."""
    talker = cell.device("talker", METER, NodeType.ROUTER)
    talker.radio.configure(channel=11, pan_id=1, short=2, eui64=METER, rx_on_when_idle=False)
    for step in range(4000):
        at = cell.kernel.now + step * 10_000_000
        cell.kernel.at(at, talker.radio.transmit, step, bytes.fromhex("410801ffffffff0200686f0000"), who="test")
    neighbour = Station(cell, "neighbour", NodeConfig(GAS, NodeType.COORDINATOR, channels=(15,)))
    neighbour.do(neighbour.stack.form(cell.kernel.now))
    late = Station(cell, "late", NodeConfig(HUB, NodeType.COORDINATOR, channels=(11, 15, 20, 25), survey=True))
    late.do(late.stack.form(cell.kernel.now))
    cell.run(40)
    assert [joined.channel for joined in late.told(Joined)] == [20]
