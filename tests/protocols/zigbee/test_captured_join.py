"""A join between a coordinator and a device of other makers, as a sniffer heard it, with our stack in the place of each.

The frames are those of network NET2 in the tests of Nerivec/zigbee-on-host (test/data.ts, "sniffs of actual Zigbee networks"), whose
keys are published with them: the default network key of a home-automation host, and the default link key.
"""

from __future__ import annotations

from random import Random

import pytest

from protocols.core.crc import append_kermit
from protocols.core.effects import Effect
from protocols.zigbee import aps, mac, nwk, security, zdo
from protocols.zigbee.node import (
    ChildRecord,
    Configure,
    DeviceAnnounced,
    DeviceLeft,
    Dropped,
    Joined,
    LinkKeyRecord,
    NetworkState,
    NodeConfig,
    NodeType,
    PartnerKey,
    S,
    Transmit,
    TxStatus,
)
from protocols.zigbee.stack import Stack
from tests.protocols.zigbee.cell import INSTALL_CODE, CountersInMemory

COORDINATOR, DEVICE = 0x804B50FFFE0599F9, 0xA4C1386D9B280FDF
PAN, EXTENDED_PAN, SHORT, CHANNEL = 0x1A64, 0xDDDDDDDDDDDDDDDD, 0xA18F, 15
NETWORK_SECRET = bytes.fromhex("01030507090B0D0F00020406080A0C0D")
LINK_SECRET = b"ZigBeeAlliance09"


def octets(text: str) -> bytes:
    """A frame with its FCS, which the capture has not."""
    return append_kermit(bytes.fromhex(text))


LEAVE = octets("4188ed641affff8fa10912fdff8fa101c3df0f289b6d38c1a428cb820000df0f289b6d38c1a40051cb508ebdc6")
BEACON_REQUEST = octets("030864ffffffff07")
BEACON = octets("0080ba641a0000ffcf0000002284ddddddddddddddddffffff00")
ASSOCIATION_REQUEST = octets("23c874641a0000ffffdf0f289b6d38c1a4018e")
DATA_REQUEST = octets("63c875641a0000df0f289b6d38c1a404")
ASSOCIATION_RESPONSE = octets("63ccbb641adf0f289b6d38c1a4f99905feff504b80028fa100")
NETWORK_KEY = octets(
    "6188bd641a8fa1000008008fa100001ea1216a3006500100f99905feff504b80de473c64b569cac62c72ac2ffd682f57590b"
    "aa2b6f1e0306f824a5a90358b26c8e68e6e8a75aff"
)
ANNOUNCEMENT = octets(
    "418876641affff8fa10802fdff8fa11e1b28cc820000df0f289b6d38c1a40064f9f0b0bbdc55e02482917e903855baba56d579337383aa"
)
NODE_DESCRIPTOR_REQUEST = octets("618880641a00008fa1480200008fa11e2528d6820000df0f289b6d38c1a4005b29ffc373ccdb318c921e6dcba80f")
REQUEST_KEY = octets(
    "618882641a00008fa1480200008fa11e2728d9820000df0f289b6d38c1a4001b039492f4e4ec13a5a35b0878af468e70a8e97dfe61efed10"
)
LINK_KEY = octets(
    "6188cf641a8fa1000008028fa100001eb9287e700600f99905feff504b8000a3093b4f0492e2a147b808b8dd9749a8c9e0b6"
    "f2572f2e7eafa37f1d6592ee3371338fd72a7512f69254612cd0d62c2b500e90c9dcc1559100"
)
VERIFY_KEY = octets(
    "618883641a00008fa1480200008fa11e2828da820000df0f289b6d38c1a40099cdde0f0db679046e6eabc0f5ba56d5d1bf8f61e3d6577d9a8879cb8290b7ec"
)
CONFIRM_KEY = octets(
    "6188d0641a8fa1000008028fa100001eba287f700600f99905feff504b80005ae332c590616c71b6b23cb93f0f04f57320df"
    "e1e988b675b5597053cca8e466e305"
)


class Seat:
    """A stack of ours without a radio; every frame it sends is acknowledged."""

    def __init__(self, config: NodeConfig) -> None:
        self.stack = Stack(config, Random(1), CountersInMemory())
        self.now = 0
        self.effects: list[Effect] = []

    def do(self, effects: list[Effect]) -> None:
        self.effects += effects
        for effect in effects:
            if isinstance(effect, Transmit):
                self.do(self.stack.confirm(effect.handle, TxStatus.ACKED, False, self.now))

    def wait(self, seconds: float) -> None:
        end = self.now + int(seconds * S)
        while self.stack.deadline is not None and self.stack.deadline <= end:
            self.now = self.stack.deadline
            self.do(self.stack.expire(self.now))
        self.now = end

    def hear(self, psdu: bytes) -> list[Effect]:
        """What comes of a frame."""
        self.effects.clear()
        self.do(self.stack.receive(psdu, self.now))
        return list(self.effects)

    def told(self, kind: type[Effect]) -> list[Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def sent(self) -> list[bytes]:
        return [effect.psdu for effect in self.effects if isinstance(effect, Transmit)]


def unnumbered(psdu: bytes) -> bytes:
    """A frame without its MAC sequence number and FCS."""
    return psdu[:2] + psdu[3:-2]


def opened(psdu: bytes, sender: int) -> tuple[nwk.Header, bytes]:
    """A frame secured under the captured network key: its NWK header and payload."""
    _, at = mac.Header.parse_from(psdu, 0)
    frame = psdu[at:-2]
    header, at = nwk.Header.parse_from(frame, 0)
    _, end = security.Auxiliary.parse_from(frame, at)
    return header, security.unseal(NETWORK_SECRET, sender.to_bytes(8, "little"), frame, at, end)


def command(psdu: bytes, sender: int) -> object:
    """The APS command of a frame, opened under the default link key where it is secured."""
    _, frame = opened(psdu, sender)
    payload = frame[2:]
    if frame[0] & aps.SECURITY:
        auxiliary, end = security.Auxiliary.parse_from(frame, 2)
        key = security.LinkKey(LINK_SECRET, "").derived(auxiliary.control & security.KEY_IDENTIFIER)
        payload = security.unseal(key, sender.to_bytes(8, "little"), frame, 2, end)
    return aps.commands.parse(payload)


# --- our stack in the place of the device


@pytest.fixture
def device() -> Seat:
    """As the captured device was: a mains-powered router that takes the default link key."""
    config = NodeConfig(
        DEVICE, NodeType.ROUTER, install_code=INSTALL_CODE, channels=(CHANNEL,), default_link_key=True, foreign=True,
        link_status_period=None,
    )  # fmt: skip
    return Seat(config)


def join(device: Seat) -> None:
    device.do(device.stack.join(device.now))
    device.hear(BEACON)
    device.wait(0.7)
    device.hear(ASSOCIATION_RESPONSE)
    device.hear(NETWORK_KEY)


def test_our_stack_asks_as_the_device_did(device: Seat) -> None:
    device.do(device.stack.join(device.now))
    assert [unnumbered(psdu) for psdu in device.sent()] == [unnumbered(BEACON_REQUEST)]
    device.hear(BEACON)
    device.wait(0.2)
    assert [unnumbered(psdu) for psdu in device.sent()] == [unnumbered(ASSOCIATION_REQUEST)]
    device.effects.clear()
    device.wait(0.5)
    assert [unnumbered(psdu) for psdu in device.sent()] == [unnumbered(DATA_REQUEST)]


def test_our_stack_joins_with_what_the_coordinator_said(device: Seat) -> None:
    join(device)
    assert device.told(Joined) == [Joined(SHORT, PAN, EXTENDED_PAN, CHANNEL)]
    assert (device.stack.short, device.stack.trust_centre_eui64) == (SHORT, COORDINATOR)
    held = device.stack.labelled_keys()
    assert ("network key 0", NETWORK_SECRET) in held
    assert LINK_SECRET in dict(held).values()
    assert not device.told(Dropped)


def test_our_stack_announces_itself_as_the_device_did(device: Seat) -> None:
    join(device)
    announcements = []
    for psdu in device.sent():
        header, payload = opened(psdu, DEVICE)
        if header.destination == nwk.Header.parse_from(ANNOUNCEMENT[9:], 0)[0].destination:
            announcements.append((header, payload))
    ((header, payload),) = announcements
    their_header, theirs = opened(ANNOUNCEMENT, DEVICE)
    assert (header.destination, header.source) == (their_header.destination, SHORT)
    assert payload[:7] == theirs[:7]  # as far as the APS counter
    assert payload[9:] == theirs[9:]  # behind the ZDO sequence number


def test_our_stack_gets_its_link_key_as_the_device_did(device: Seat) -> None:
    join(device)
    device.effects.clear()
    device.do(device.stack.request_partner_key(COORDINATOR, device.now))
    (request,) = device.sent()
    assert command(request, DEVICE) == command(REQUEST_KEY, DEVICE) == aps.RequestKey(aps.REQUEST_TRUST_CENTRE)
    device.hear(LINK_KEY)
    (verify,) = device.sent()
    assert command(verify, DEVICE) == command(VERIFY_KEY, DEVICE)
    device.hear(CONFIRM_KEY)
    assert device.told(PartnerKey) == [PartnerKey(COORDINATOR)]
    assert not device.told(Dropped)


def test_the_capture_said_again_is_refused(device: Seat) -> None:
    join(device)
    device.do(device.stack.request_partner_key(COORDINATOR, device.now))
    device.hear(LINK_KEY)
    device.hear(CONFIRM_KEY)
    before = device.stack.labelled_keys()
    for psdu in (ASSOCIATION_RESPONSE, NETWORK_KEY, LINK_KEY, CONFIRM_KEY):
        effects = device.hear(psdu)
        assert all(isinstance(effect, Dropped) for effect in effects), effects
    assert device.stack.labelled_keys() == before
    assert device.stack.short == SHORT


# --- our stack in the place of the coordinator


def coordinator(*, known: bool) -> Seat:
    """The captured coordinator after a restart; it knows the device's address, or not yet."""
    config = NodeConfig(COORDINATOR, NodeType.COORDINATOR, channels=(CHANNEL,), link_status_period=None)
    children = [ChildRecord(DEVICE, SHORT, 0x8E, 8)] if known else []
    keys = [LinkKeyRecord(DEVICE, LINK_SECRET, security.DEFAULT, -1)]
    state = NetworkState(
        CHANNEL, PAN, EXTENDED_PAN, 0, 0, 0, 0, COORDINATOR, 0, {"0": NETWORK_SECRET}, keys, children=children
    )  # fmt: skip
    seat = Seat(config)
    seat.do(seat.stack.resume(state.plain(), 0))
    assert [(each.pan_id, each.short) for each in seat.effects if isinstance(each, Configure)][-1] == (PAN, 0)
    return seat


def test_our_coordinator_shows_the_network_that_theirs_showed() -> None:
    ours = coordinator(known=False)
    ours.stack.trust_centre.add(DEVICE, INSTALL_CODE)
    ours.do(ours.stack.permit(60, 0))
    ours.hear(BEACON_REQUEST)
    ours.wait(1)
    (beacon,) = ours.sent()
    header, msdu = mac.split(beacon)
    their_header, their_msdu = mac.split(BEACON)
    assert (header.control, header.source_pan, header.source) == (their_header.control, PAN, 0)
    said, theirs = mac.Beacon.parse(msdu), mac.Beacon.parse(their_msdu)
    assert said.superframe == theirs.superframe
    assert said.payload == theirs.payload


def test_our_coordinator_gives_the_device_an_address_and_the_key() -> None:
    ours = coordinator(known=False)
    ours.stack.trust_centre.add(DEVICE, INSTALL_CODE)
    ours.do(ours.stack.permit(60, 0))
    ours.hear(ASSOCIATION_REQUEST)
    sent = ours.sent()
    ours.hear(DATA_REQUEST)
    header, msdu = mac.split((sent + ours.sent())[0])
    their_header, _ = mac.split(ASSOCIATION_RESPONSE)
    assert (header.control, header.destination_eui64, header.source_eui64) == (their_header.control, DEVICE, COORDINATOR)
    answer = mac.commands.parse(msdu)
    assert isinstance(answer, mac.AssociationResponse)
    assert answer.status == 0


def test_our_coordinator_opens_all_that_the_device_said() -> None:
    ours = coordinator(known=True)
    assert DeviceAnnounced(DEVICE, SHORT, 0x8E) in ours.hear(ANNOUNCEMENT)
    ours.hear(NODE_DESCRIPTOR_REQUEST)
    answers = [opened(psdu, COORDINATOR)[1] for psdu in ours.sent()]
    (described,) = [answer for answer in answers if answer[0] & aps.TYPE == aps.DATA]
    header, at = aps.DataHeader.parse_from(described, 0)
    assert header.cluster == zdo.NODE_DESCRIPTOR | zdo.RESPONSE
    assert described[at + 1] == 0
    ours.hear(REQUEST_KEY)
    ours.hear(VERIFY_KEY)
    reasons = {reason for layer, reason in ours.stack.drops if layer in ("malformed", "nwk")}
    assert not reasons, "both are opened; a smart energy trust centre gives no such key"
    for psdu in (ANNOUNCEMENT, NODE_DESCRIPTOR_REQUEST, REQUEST_KEY, VERIFY_KEY):
        assert [effect for effect in ours.hear(psdu) if not isinstance(effect, Dropped)] == []
    assert ours.stack.drops["nwk", "replayed frame counter"] == 4


def test_our_coordinator_believes_the_device_that_it_leaves() -> None:
    ours = coordinator(known=True)
    assert DeviceLeft(DEVICE, SHORT) in ours.hear(LEAVE)
