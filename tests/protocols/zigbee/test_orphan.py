"""Orphan scan: a child whose parent is lost asks for it on its channel, before it looks for any other (3.6.1.4.3)."""

from __future__ import annotations

import pytest

from protocols.zigbee import mac
from protocols.zigbee.node import Delivered, Joined, JoinFailed, ParentLost, Persist
from tests.protocols.zigbee.cell import GAS, HUB, Cell, Station


@pytest.fixture
def cell() -> Cell:
    return Cell()


@pytest.fixture
def home(cell: Cell) -> dict[str, Station]:
    stations = cell.home()
    for station in stations.values():
        station.effects.clear()
    return stations


def mac_commands(cell: Cell) -> list[int]:
    """The MAC commands on the air other than data requests."""
    heard = (mac.split(frame.psdu) for frame in cell.on_air)
    return [msdu[0] for header, msdu in heard if header.control & mac.TYPE == mac.COMMAND and msdu[0] != 4]


def state_of(cell: Cell, name: str) -> dict[str, object]:
    return [effect.state for effect in cell.told_ever[name] if isinstance(effect, Persist)][-1]


def lose(cell: Cell, hub: Station, child: Station) -> None:
    """The parent falls silent until its child has noticed."""
    hub.radio.reset()
    for _ in range(8):
        child.do(child.stack.poll(cell.kernel.now))
        cell.run(1)
    assert child.told(ParentLost) == [ParentLost()]
    cell.on_air.clear()


@pytest.mark.parametrize("name", ["gas", "display"])
def test_a_parent_that_is_back_and_knows_its_child_is_found_without_a_rejoin(
    home: dict[str, Station], cell: Cell, name: str
) -> None:
    hub, child, state = home["hub"], home[name], state_of(cell, "hub")
    short = child.stack.short
    lose(cell, hub, child)
    cell.restart(hub, state)
    child.do(child.stack.rejoin(cell.kernel.now))
    cell.run(1.5)
    assert [joined.short for joined in child.told(Joined)] == [short]
    assert mac_commands(cell) == [6, 8], "no beacon request, no association"
    handle = child.send(0, b"again", link_key=True)
    cell.run(1)
    assert child.told(Delivered) == [Delivered(handle)]


def test_a_parent_that_is_away_is_looked_for_and_then_any_other(home: dict[str, Station], cell: Cell) -> None:
    hub, meter, gas = home["hub"], home["meter"], home["gas"]
    lose(cell, hub, gas)
    gas.do(gas.stack.rejoin(cell.kernel.now))
    cell.run(5)
    assert mac_commands(cell)[:2] == [6, 7]
    assert len(gas.told(Joined)) == 1, "by the meter"
    assert meter.stack.eui64_of(gas.stack.short) == GAS


def test_a_parent_that_forgot_says_nothing(home: dict[str, Station], cell: Cell) -> None:
    hub, gas, state = home["hub"], home["gas"], state_of(cell, "hub")
    lose(cell, hub, gas)
    cell.restart(hub, {**state, "children": [row for row in state["children"] if GAS not in row.values()]})
    gas.do(gas.stack.rejoin(cell.kernel.now))
    cell.run(5)
    assert mac_commands(cell)[:2] == [6, 7]
    assert len(gas.told(Joined)) == 1


def test_a_realignment_counts_only_with_the_network_key_behind_it(home: dict[str, Station], cell: Cell) -> None:
    """Anybody can say that it is the parent: who cannot grant a time-out under the network key is not believed."""
    hub, gas = home["hub"], home["gas"]
    home["meter"].radio.reset()
    lose(cell, hub, gas)
    told = mac.CoordinatorRealignment(0x6666, 0x0000, 11, 0x4242)
    short = gas.stack.short
    gas.do(gas.stack.receive(mac.realignment(1, HUB, GAS, told), cell.kernel.now))
    assert gas.stack.short == short, "nobody asked"
    gas.do(gas.stack.rejoin(cell.kernel.now))
    stranger = mac.realignment(1, HUB + 99, GAS, told)
    gas.do(gas.stack.receive(stranger, cell.kernel.now))
    gas.do(gas.stack.receive(mac.realignment(1, HUB, GAS, mac.CoordinatorRealignment(1, 0, 11, 0xFFFD)), cell.kernel.now))
    assert not any(isinstance(effect, Joined) for effect in gas.effects)
    gas.do(gas.stack.receive(mac.realignment(1, HUB, GAS, told), cell.kernel.now))
    cell.run(5)
    assert not gas.told(Joined)
    assert len(gas.told(JoinFailed)) == 1
    assert gas.stack.short == short, "as it was"


def test_the_commands_as_the_standard_draws_them() -> None:
    """IEEE 802.15.4-2006 figures 60 and 62, clauses 7.3.6 and 7.3.8."""
    orphan = mac.orphan_notification(0x21, 0x0102030405060708)
    assert orphan[:-2] == bytes.fromhex("43c8 21 ffff ffff 0807060504030201 06")
    told = mac.CoordinatorRealignment(0x1AAA, 0x0000, 15, 0x1234)
    answer = mac.realignment(0x22, 0x1111111111111111, 0x0102030405060708, told)
    assert answer[:-2] == bytes.fromhex("23cc 22 ffff 0807060504030201 aa1a 1111111111111111 08 aa1a 0000 0f 3412")
    assert mac.commands.parse(mac.split(answer)[1]) == told
