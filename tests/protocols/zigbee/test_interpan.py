"""Messages outside any network: octets as other makers' stacks build them, who is heard, and what arrives broken."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.core import crc
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.interpan import InterPan, NetworksFound
from protocols.zigbee.node import Delivered, Dropped, Joined, Message, NodeConfig, NodeType, Persist, Undelivered
from tests.protocols.zigbee.cell import GAS, HUB, INSTALL_CODE, METER, Cell, Station

TERMINAL = 0x00DB0000000000AA
KEY = bytes(range(16))
CLUSTER = 0x0800
PAYLOAD = bytes.fromhex("00 01 00 00 00")


class Field:
    """A hub that takes inter-PAN for one cluster, and a terminal on its channel and on no network."""

    def __init__(self, cell: Cell, hub: Station) -> None:
        self.cell, self.hub = cell, hub
        hub.stack.inter_pan.allowed = frozenset({CLUSTER})
        self.terminal = cell.device("terminal", TERMINAL, NodeType.END_DEVICE)
        self.terminal.stack.inter_pan.allowed = frozenset({CLUSTER})
        self.terminal.do(self.terminal.stack.inter_pan.tune(11, cell.kernel.now))
        self.pan = next(frame.psdu for frame in cell.on_air if frame.psdu[0] == 0x61)[3:5]

    def ask(self, **how: bool) -> None:
        pan = int.from_bytes(self.pan, "little")
        handle, effects = self.terminal.stack.inter_pan.send(
            0 if how.get("short") else HUB, pan, CLUSTER, PAYLOAD, self.cell.kernel.now, **how
        )
        self.terminal.do(effects)
        self.cell.run(1)
        assert Delivered(handle) in self.terminal.effects

    @property
    def heard(self) -> list[InterPan]:
        return self.hub.told(InterPan)


@pytest.fixture
def field(home: dict[str, Station], cell: Cell) -> Field:
    return Field(cell, home["hub"])


def test_the_octets_are_those_of_other_stacks(field: Field) -> None:
    """Frame control CC21, addresses and stubs as emberAfInterpan and zigbee-herdsman put them together."""
    field.ask()
    frame = field.cell.on_air[-2].psdu
    assert frame[:2] == bytes.fromhex("21CC")
    assert frame[3:-2] == (
        field.pan + HUB.to_bytes(8, "little") + b"\xff\xff" + TERMINAL.to_bytes(8, "little")
        + bytes.fromhex("0B00 03 0008 0901") + PAYLOAD
    )  # fmt: skip


@pytest.mark.parametrize("short", [False, True])
def test_a_message_arrives_and_is_answered(field: Field, short: bool) -> None:
    field.ask(short=short)
    assert field.heard == [InterPan(TERMINAL, 0xFFFF, 0x0109, CLUSTER, PAYLOAD, secured=False, broadcast=False)]
    _, effects = field.hub.stack.inter_pan.send(TERMINAL, 0xFFFF, CLUSTER, b"answer", field.cell.kernel.now)
    field.hub.do(effects)
    field.cell.run(1)
    (answer,) = field.terminal.told(InterPan)
    assert (answer.source, answer.payload) == (HUB, b"answer")


def test_a_broadcast_reaches_who_takes_it(field: Field, home: dict[str, Station]) -> None:
    home["meter"].stack.inter_pan.allowed = frozenset({CLUSTER})
    _, effects = field.terminal.stack.inter_pan.send(None, 0xFFFF, CLUSTER, PAYLOAD, field.cell.kernel.now)
    field.terminal.do(effects)
    field.cell.run(1)
    assert [heard.broadcast for heard in field.heard + home["meter"].told(InterPan)] == [True, True]
    assert home["display"].told(InterPan) == []


def test_who_allows_nothing_hears_nothing(field: Field) -> None:
    field.hub.stack.inter_pan.allowed = frozenset()
    field.ask()
    assert field.heard == []
    assert field.hub.told(Dropped)[-1].reason == "inter-PAN to a cluster that takes none"


def test_under_a_key_of_both(field: Field) -> None:
    with pytest.raises(LocalProtocolError, match="no inter-PAN key"):
        field.ask(secured=True)
    field.hub.stack.inter_pan.agree(TERMINAL, KEY)
    field.terminal.stack.inter_pan.agree(HUB, KEY)
    field.ask(secured=True)
    assert [(heard.payload, heard.secured) for heard in field.heard] == [(PAYLOAD, True)]
    psdu = field.cell.on_air[-2].psdu
    assert PAYLOAD not in psdu
    reasons = []
    for octets in (psdu, crc.append_kermit(psdu[:-3] + bytes((psdu[-3] ^ 1,)))):
        field.hub.do(field.hub.stack.receive(octets, field.cell.kernel.now))
        reasons.append(field.hub.told(Dropped)[-1].reason)
    later = bytearray(psdu[:-2])
    later[-len(PAYLOAD) - 4 - 8 - 4] += 1  # a counter not used yet
    field.hub.do(field.hub.stack.receive(crc.append_kermit(bytes(later)), field.cell.kernel.now))
    assert [*reasons, field.hub.told(Dropped)[-1].reason] == [
        "replayed frame counter", "replayed frame counter", "the MIC does not fit",
    ]  # fmt: skip
    assert len(field.heard) == 1


def test_a_key_is_for_inter_pan_only(field: Field, home: dict[str, Station]) -> None:
    field.hub.stack.inter_pan.agree(TERMINAL, KEY)
    assert (f"inter-PAN key {TERMINAL:016X}", KEY) in [*field.hub.stack.labelled_keys()]
    assert not field.hub.stack.has_link_key(TERMINAL)
    for partner in range(20):
        field.hub.stack.inter_pan.agree(partner, KEY)
    assert len(field.hub.stack.inter_pan.keys) == 4


def test_nobody_there(field: Field) -> None:
    handle, effects = field.terminal.stack.inter_pan.send(METER + 99, 0xFFFF, CLUSTER, b"", field.cell.kernel.now)
    field.terminal.do(effects)
    field.cell.run(1)
    assert [told.handle for told in field.terminal.told(Undelivered)] == [handle]


def test_networks_around_are_listed_without_joining(cell: Cell) -> None:
    hub = cell.hub()
    terminal = cell.device("terminal", TERMINAL, NodeType.END_DEVICE)
    terminal.do(terminal.stack.inter_pan.discover(cell.kernel.now))
    cell.run(3)
    ((found,),) = [told.networks for told in terminal.told(NetworksFound)]
    assert (found.extended_pan_id, found.channel, found.permits) == (HUB, 11, False)
    assert not terminal.stack.joined
    with pytest.raises(LocalProtocolError, match="on a network"):
        hub.stack.inter_pan.discover(cell.kernel.now)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=st.binary(max_size=90), control=st.sampled_from([0xCC01, 0xC801, 0xCC21]), stub=st.booleans())
def test_whatever_arrives_from_an_eui64_does_no_harm(field: Field, octets: bytes, control: int, stub: bool) -> None:
    address = HUB.to_bytes(8, "little") if control & 0x0400 else b"\xff\xff"
    body = pack("<HB", control, 1) + field.pan + address + b"\xff\xff" + bytes(8) + (b"\x0b\x00" if stub else b"") + octets
    effects = field.hub.stack.receive(crc.append_kermit(body), field.cell.kernel.now)
    assert not any(isinstance(effect, Message) for effect in effects)


def test_a_coordinator_looks_around_before_it_forms_its_network(cell: Cell) -> None:
    first = cell.hub()
    neighbour = Station(cell, "neighbour", NodeConfig(METER, NodeType.COORDINATOR, channels=(15,), pan_id=0x1234))
    neighbour.do(neighbour.stack.form(cell.kernel.now))
    config = NodeConfig(TERMINAL, NodeType.COORDINATOR, channels=(11, 15, 20), survey=True, pan_id=0x1234)
    late = Station(cell, "late", config)
    late.do(late.stack.form(cell.kernel.now))
    assert late.told(Joined) == late.told(Persist) == []
    cell.run(35)
    (joined,) = late.told(Joined)
    assert joined.channel == 20
    assert joined.pan_id not in (0x1234, first.told(Joined)[0].pan_id)
    assert late.told(Persist)
    late.stack.trust_centre.add(GAS, INSTALL_CODE)
    late.do(late.stack.permit(60, cell.kernel.now))
    gas = Station(cell, "gas", NodeConfig(GAS, NodeType.SLEEPY_END_DEVICE, install_code=INSTALL_CODE, channels=(11, 15, 20)))
    gas.do(gas.stack.join(cell.kernel.now))
    cell.run(5)
    assert gas.told(Joined)[0].channel == 20
