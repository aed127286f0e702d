"""Groups, and long payloads in windows of several blocks."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from protocols.core.errors import LocalProtocolError
from protocols.zigbee import aps, mac
from protocols.zigbee.delivery import BETWEEN_BLOCKS
from protocols.zigbee.fragments import LARGEST_WINDOW, Assembler
from protocols.zigbee.groups import ENTRIES, Groups
from protocols.zigbee.node import Delivered, Message, NodeConfig, NodeType, Persist, S
from protocols.zigbee.stack import Stack
from tests.protocols.zigbee.cell import DISPLAY, GAS, HUB, INSTALL_CODE, METER, Cell, CountersInMemory, Station

GROUP = 0x1234
PAYLOAD = bytes(at % 251 for at in range(1503))


# --- groups ------------------------------------------------------------------------------------------------------


def test_a_frame_for_a_group_reaches_each_endpoint_in_it(home: dict[str, Station], cell: Cell) -> None:
    hub, meter, display, gas = home.values()
    for station, endpoints in ((meter, (1, 7)), (display, (3,)), (gas, (1,))):
        for endpoint in endpoints:
            station.do(station.stack.add_group(GROUP, endpoint))
    display.do(display.stack.add_group(GROUP + 1, 9))
    handle, effects = hub.stack.send_to_group(GROUP, 0x0109, 0x0702, 1, b"to the group", cell.kernel.now)
    hub.do(effects)
    cell.run(2)
    assert hub.told(Delivered) == [Delivered(handle)]
    assert not hub.told(Message)
    assert [(message.destination_endpoint, message.payload, message.broadcast) for message in meter.told(Message)] == [
        (1, b"to the group", True), (7, b"to the group", True),
    ]  # fmt: skip
    assert [message.destination_endpoint for message in display.told(Message)] == [3]
    assert not gas.told(Message)  # it sleeps, and such a frame is not held
    meter.do(meter.stack.remove_group(7, GROUP))
    display.do(display.stack.remove_group(3))
    hub.do(hub.stack.send_to_group(GROUP, 0x0109, 0x0702, 1, b"again", cell.kernel.now)[1])
    cell.run(2)
    assert [message.destination_endpoint for message in meter.told(Message)] == [1, 7, 1]
    assert len(display.told(Message)) == 1


def test_groups_outlive_a_power_cut(home: dict[str, Station], cell: Cell) -> None:
    hub, meter = home["hub"], home["meter"]
    meter.do(meter.stack.add_group(GROUP, 1))
    cell.restart(meter, [effect.state for effect in meter.told(Persist)][-1])
    hub.do(hub.stack.send_to_group(GROUP, 0x0109, 0x0702, 1, b"still in it", cell.kernel.now)[1])
    cell.run(2)
    assert [message.payload for message in meter.told(Message)] == [b"still in it"]


def test_the_group_table_is_of_fixed_size() -> None:
    groups = Groups()
    for number in range(ENTRIES):
        groups.add(GROUP, number + 1)
    groups.add(GROUP, 1)
    for group, endpoint in ((GROUP, 200), (0, 1), (0xFFF8, 1), (GROUP, 0), (GROUP, 255)):
        with pytest.raises(LocalProtocolError):
            groups.add(group, endpoint)
    groups.remove(1)
    groups.add(GROUP, 200)
    assert groups.members(GROUP) == [*range(2, ENTRIES + 1), 200]


def test_a_long_payload_is_not_for_groups(home: dict[str, Station], cell: Cell) -> None:
    with pytest.raises(LocalProtocolError):
        home["hub"].stack.send_to_group(GROUP, 0x0109, 0x0702, 1, bytes(200), cell.kernel.now)


# --- windows -----------------------------------------------------------------------------------------------------


def windowed(cell: Cell, window: int, *kinds: NodeType) -> list[Station]:
    """A hub and devices that send and acknowledge so many blocks at once."""
    config = NodeConfig(HUB, NodeType.COORDINATOR, channels=(11,), link_status_period=None, aps_window=window)
    hub = cell.station("hub", config)
    hub.do(hub.stack.form(cell.kernel.now))
    joiner = replace(config, install_code=INSTALL_CODE)
    places = zip((METER, DISPLAY, GAS), kinds, strict=False)
    return [hub, *(cell.admit(hub, cell.station(kind.value, replace(joiner, eui64=eui64, type=kind))) for eui64, kind in places)]


def frames(cell: Cell, since: int, source: Station) -> list[tuple[int, int]]:
    """Of each data frame of a station since then, when it began and its length."""
    short = source.stack.short.to_bytes(2, "little")
    return [
        (frame.start, len(frame.psdu))
        for frame in cell.on_air[since:]
        if frame.psdu[0] & mac.TYPE == mac.DATA and frame.psdu[7:9] == short
    ]


@pytest.mark.parametrize("window", [1, 3, 8])
@pytest.mark.parametrize("kind", [NodeType.ROUTER, NodeType.SLEEPY_END_DEVICE])
def test_a_window_has_one_acknowledgement(cell: Cell, window: int, kind: NodeType) -> None:
    hub, device = windowed(cell, window, kind)
    for sender, receiver in ((hub, device), (device, hub)):
        since = len(cell.on_air)
        handle = sender.send(receiver.stack.short, PAYLOAD, link_key=True)
        receiver.do(receiver.stack.stay_awake(cell.kernel.now + 20 * S, cell.kernel.now))
        cell.run(30)
        assert [message.payload for message in receiver.told(Message)] == [PAYLOAD]
        assert sender.told(Delivered) == [Delivered(handle)]
        blocks = len(frames(cell, since, sender))
        assert len(frames(cell, since, receiver)) == -(-blocks // window)


def test_blocks_of_a_window_keep_their_distance(cell: Cell) -> None:
    hub, meter = windowed(cell, 4, NodeType.ROUTER)
    since = len(cell.on_air)
    hub.send(meter.stack.short, PAYLOAD)
    cell.run(20)
    starts = [start for start, _ in frames(cell, since, hub)]
    close = [later - earlier for earlier, later in pairwise(starts) if later - earlier < 0.9 * BETWEEN_BLOCKS]
    assert len(close) == -(-len(starts) // 4) - 1  # only where one window follows the acknowledgement of another


def test_what_is_lost_of_a_window_is_sent_again_and_no_more(cell: Cell) -> None:
    hub, meter = windowed(cell, 8, NodeType.ROUTER)
    cell.air.loss = 0.3
    for radio in cell.air.radios.values():
        radio.links.clear()
    for _ in range(5):
        hub.send(meter.stack.short, PAYLOAD, link_key=True)
        cell.run(60)
    assert {message.payload for message in meter.told(Message)} == {PAYLOAD}
    assert len(meter.told(Message)) >= len(hub.told(Delivered)) >= 3


def test_acknowledgements_name_what_is_missing() -> None:
    assembler = Assembler()
    key, context = (7, 1), ()
    assembler.start(key, context, 6, b"0")
    assert assembler.received(key, 0, 4) is None
    assembler.add(key, context, 2, b"2")
    assembler.add(key, context, 3, b"3")
    assert assembler.received(key, 3, 4) == 0b1111_1101
    assembler.add(key, context, 1, b"1")
    assert assembler.received(key, 1, 4) == 0xFF
    assembler.add(key, context, 5, b"5")
    assert assembler.received(key, 5, 4) == 0b1111_1110
    assert assembler.add(key, context, 4, b"4") == b"012345"


@pytest.mark.parametrize("window", [0, LARGEST_WINDOW + 1])
def test_a_window_that_the_acknowledgement_has_no_bits_for_is_refused(cell: Cell, window: int) -> None:
    with pytest.raises(LocalProtocolError, match="window"):
        Stack(NodeConfig(HUB, NodeType.COORDINATOR, aps_window=window), cell.kernel.rng("x"), CountersInMemory())


def test_a_tunnel_frame_reads_as_it_is_written() -> None:
    tunnel = aps.Tunnel(METER, b"\x21\x05sealed")
    assert aps.commands.parse(tunnel.build()) == tunnel
