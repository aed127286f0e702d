"""Parent announcements: whose a child is after routers were away (05-3474-21 clauses 2.4.3.1.12 and 2.4.4.2.22)."""

from __future__ import annotations

from struct import pack

import pytest

from protocols.zigbee import aps, zdo
from protocols.zigbee.node import Delivered, Joined
from tests.protocols.zigbee.cell import DISPLAY, GAS, METER, Cell, Station
from tests.protocols.zigbee.test_bad_air import Insider
from tests.protocols.zigbee.test_orphan import lose, state_of

LATEST = 21
"""Seconds after a restart by which everything is settled."""


@pytest.fixture
def cell() -> Cell:
    return Cell()


@pytest.fixture
def home(cell: Cell) -> dict[str, Station]:
    return cell.home()


def moved(home: dict[str, Station], cell: Cell) -> dict[str, object]:
    """The gas meter has found another parent, the electricity meter, while the hub was off. What the hub had stored."""
    hub, gas, state = home["hub"], home["gas"], state_of(cell, "hub")
    lose(cell, hub, gas)
    gas.do(gas.stack.rejoin(cell.kernel.now))
    cell.run(5)
    assert gas.stack.parent == home["meter"].stack.short
    assert home["meter"].stack.children == [GAS]
    return state


def test_a_child_that_went_to_another_parent_meanwhile_is_struck_off(home: dict[str, Station], cell: Cell) -> None:
    state, hub, gas = moved(home, cell), home["hub"], home["gas"]
    cell.restart(hub, state)
    assert hub.stack.children == [METER, DISPLAY, GAS]
    cell.run(9)
    assert GAS in hub.stack.children, "nothing is said in the first ten seconds"
    cell.run(LATEST - 9)
    assert hub.stack.children == [METER, DISPLAY], "who listens all the time is announced, too, and nobody else's"
    assert home["meter"].stack.children == [GAS]
    assert GAS not in [child["eui64"] for child in state_of(cell, "hub")["children"]], "and it is stored"
    handle = hub.send(gas.stack.short, b"by way of the meter", link_key=True)
    for _ in range(5):
        gas.do(gas.stack.poll(cell.kernel.now))
        cell.run(1)
    assert Delivered(handle) in hub.told(Delivered)


def test_a_parent_that_has_not_heard_from_a_child_believes_who_announces_it(home: dict[str, Station], cell: Cell) -> None:
    """The meter was restarted, too, and believes as the hub does that the gas meter is its child; the gas meter is the hub's again."""
    state, hub, meter, gas = moved(home, cell), home["hub"], home["meter"], home["gas"]
    stale = state_of(cell, "meter")
    meter.radio.reset()
    cell.restart(hub, state)
    gas.do(gas.stack.rejoin(cell.kernel.now))
    cell.run(5)
    assert gas.told(Joined)[-1].resumed
    assert gas.stack.parent == 0
    cell.restart(meter, stale)
    assert meter.stack.children == [GAS]
    cell.run(LATEST)
    assert (meter.stack.children, GAS in hub.stack.children) == ([], True)


def test_a_child_that_was_heard_is_not_taken_away_by_an_answer(home: dict[str, Station], cell: Cell) -> None:
    """Somebody with the network key claims a child that polls us."""
    hub, gas, state = home["hub"], home["gas"], state_of(cell, "hub")
    cell.restart(hub, state)
    insider = Insider(hub, hub)
    gas.do(gas.stack.poll(cell.kernel.now))
    cell.run(LATEST)
    for sequence in range(256):
        hub.do(insider.send(answer(sequence, sequence, GAS)))
    assert GAS in hub.stack.children


def test_an_answer_that_nobody_asked_for_is_ignored(home: dict[str, Station], cell: Cell) -> None:
    hub = home["hub"]
    cell.restart(hub, state_of(cell, "hub"))
    insider = Insider(hub, hub)
    for sequence in range(256):
        hub.do(insider.send(answer(sequence, sequence, GAS)))
    assert GAS in hub.stack.children
    assert hub.stack.drops["zdo", "an answer to no announcement"] == 256


@pytest.mark.parametrize("heard", [True, False])
def test_a_strangers_announcement_takes_no_child_that_was_heard(home: dict[str, Station], cell: Cell, heard: bool) -> None:
    hub, gas = home["hub"], home["gas"]
    cell.restart(hub, state_of(cell, "hub"))
    if heard:
        gas.do(gas.stack.poll(cell.kernel.now))
        cell.run(1)
    insider = Insider(hub, hub)
    hub.do(
        insider.send(frame(zdo.PARENT_ANNOUNCE, 1, zdo.ParentAnnounce(7, 2, [GAS, 0x1234]).build()), destination=0xFFFC, hop=0xFFFF)
    )
    assert (GAS in hub.stack.children) is heard


@pytest.mark.parametrize("octets", ["", "07", "0701", "07ff0102030405060708", "0702 0102030405060708 0102"])
def test_an_announcement_that_is_cut_changes_nothing(home: dict[str, Station], cell: Cell, octets: str) -> None:
    hub = home["hub"]
    insider, before = Insider(hub, hub), hub.stack.children
    hub.do(insider.send(frame(zdo.PARENT_ANNOUNCE, 1, bytes.fromhex(octets)), destination=0xFFFC, hop=0xFFFF))
    hub.do(insider.send(frame(zdo.RESPONSE | zdo.PARENT_ANNOUNCE, 2, bytes.fromhex(octets))))
    assert hub.stack.children == before


def test_without_children_nothing_is_said(home: dict[str, Station], cell: Cell) -> None:
    meter, state = home["meter"], state_of(cell, "meter")
    cell.restart(meter, state)
    cell.on_air.clear()
    cell.run(LATEST)
    assert cell.on_air == []


def frame(cluster: int, counter: int, payload: bytes) -> bytes:
    """An APS data frame to endpoint 0."""
    return pack("<BBHHBB", aps.DATA, 0, cluster, zdo.PROFILE, 0, counter) + payload


def answer(sequence: int, counter: int, *children: int) -> bytes:
    told = zdo.ParentAnnounceResponse(sequence, zdo.SUCCESS, len(children), list(children)).build()
    return frame(zdo.RESPONSE | zdo.PARENT_ANNOUNCE, counter, told)


def test_a_router_that_has_left_meanwhile_announces_nobody(home: dict[str, Station], cell: Cell) -> None:
    moved(home, cell)
    meter = home["meter"]
    cell.restart(meter, state_of(cell, "meter"))
    assert meter.stack.children == [GAS]
    meter.do(meter.stack.leave(cell.kernel.now))
    cell.run(1)
    cell.on_air.clear()
    cell.run(LATEST)
    assert [frame for frame in cell.on_air if len(frame.psdu) > 40] == []
