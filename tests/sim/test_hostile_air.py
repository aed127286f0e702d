"""Frames that are forged, replayed, cut up or out of place, in a whole home: each is refused, and nothing else suffers."""

from __future__ import annotations

from struct import pack

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee import aps, mac, nwk, security
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.delivery import TRANSFER_LIFE
from protocols.zigbee.node import Message
from tests.sim.intruder import EUI64, SHORT, Intruder, Listener

HUB = 0
NEW_KEY = bytes(range(1, 17))
DEVICES = ("hub", "esme", "gsme", "ihd", "ppmid")
READ = bytes.fromhex("00 07 00 0000")
"""Read Attributes of Basic: ZCL version."""


@pytest.fixture
def live(home):
    """The home of the bench file after a while; at the end of each test everything in it still works."""
    home.run(for_=5 * MIN)
    yield home
    at = home.now
    home.run(for_=40 * MIN)
    assert home.screen("ihd")[1].endswith("kW")
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    assert [time for time in home.times("mirror.complete") if time > at]


def stack_of(home, name):
    return home.board(name).firmware.han.stack


def short_of(home, name):
    return stack_of(home, name).short


def keys(home):
    return {name: stack_of(home, name).labelled_keys() for name in DEVICES}


def reasons(home, name, since):
    board = home.board(name)
    return [data["reason"] for now, who, kind, data in home.told if kind == "han.dropped" and who == board.name and now >= since]


# --- F9: answers that nobody asked for ---------------------------------------------------------------------------


def test_f9_unsolicited_rejoin_and_association_responses_change_no_address(live):
    intruder, before = Intruder(live), {name: short_of(live, name) for name in DEVICES}
    stored = {name: live.board(name).nvm.get("han/network")["short"] for name in DEVICES}
    for name in ("esme", "ihd", "ppmid"):
        response = nwk.RejoinResponse(0x2222, 0).build()
        for claims in ({}, {"source": HUB}, {"secured": False, "source_eui64": live.hub.eui64, "source": HUB}):
            intruder.send(response, before[name], kind=nwk.COMMAND, **claims)
        pan = intruder.network.pan_id
        psdu = mac.association_response(1, pan, live.board(name).eui64, live.hub.eui64, 0x2222, 0)
        intruder.radio.transmit(999, psdu)
        live.run(for_=S)
    assert {name: short_of(live, name) for name in DEVICES} == before
    assert {name: live.board(name).nvm.get("han/network")["short"] for name in DEVICES} == stored


# --- F13: keys from anybody --------------------------------------------------------------------------------------


def forged(home, name):
    """Every command that brings a key or acts on one, addressed to a device, in the hub's name."""
    device, hub = home.board(name).eui64, home.hub.eui64
    return (
        aps.NetworkKeyDescriptor(NEW_KEY, 5, device, hub),
        aps.ApplicationKeyDescriptor(NEW_KEY, home.ihd.eui64 ^ 1, 1),
        aps.TrustCentreKeyDescriptor(NEW_KEY, device, hub),
        aps.SwitchKey(5),
        aps.RemoveDevice(device),
        aps.ConfirmKey(0, aps.TRUST_CENTRE_LINK, device),
    )


@pytest.mark.parametrize("claims", [{}, {"source": HUB}, {"secured": False}])
def test_f13_keys_in_the_clear_are_ignored(live, claims):
    intruder, before = Intruder(live), keys(live)
    for name in ("esme", "ihd", "ppmid"):
        for command in forged(live, name):
            intruder.command(command, short_of(live, name), **claims)
    assert keys(live) == before
    assert live.events("han.left") == []


def test_f13_keys_under_the_wrong_key_are_ignored(live):
    intruder, before, at = Intruder(live), keys(live), live.now
    for name in ("esme", "ihd", "ppmid"):
        for command in forged(live, name):
            for identifier in (security.DATA_KEY, security.KEY_TRANSPORT_KEY, security.KEY_LOAD_KEY):
                intruder.command(command, short_of(live, name), identifier=identifier, key=NEW_KEY, sender=live.hub.eui64)
        assert set(reasons(live, name, at)) == {"the MIC does not fit"}
    assert keys(live) == before


def test_f13_keys_of_a_partner_that_is_not_the_trust_centre_are_ignored(live):
    """The meter shares a key with the display. With it the meter could say anything, but is not believed as to keys."""
    intruder, before, at = Intruder(live), keys(live), live.now
    label = f"{security.APPLICATION} key {live.esme.eui64:016X}"
    key = dict(stack_of(live, "ihd").labelled_keys())[label]
    for step, command in enumerate(forged(live, "ihd")[:3]):
        intruder.command(
            command, short_of(live, "ihd"), identifier=(security.KEY_TRANSPORT_KEY, security.KEY_LOAD_KEY)[step > 0],
            key=key, sender=live.esme.eui64, counter=(1 << 20) + step,
        )  # fmt: skip
    assert set(reasons(live, "ihd", at)) == {"a key command not from the trust centre or under the wrong key"}
    assert keys(live) == before
    counter = live.esme.nvm.counter(f"han/counter/aps.{live.ihd.eui64:016x}")
    while counter.next() < (1 << 20) + 9:  # as if the meter had said so itself
        pass


def test_f13_no_octet_of_a_key_is_ever_sent_in_clear(build):
    """Joining, key establishment, partner keys, a new network key, a device that comes back: every frame of it."""
    listeners, held = [], set()

    def note(home):
        held.update(key for name in DEVICES for key in dict(stack_of(home, name).labelled_keys()).values())

    home = build("home", before=lambda run: listeners.append(Listener(run)))
    home.run(for_=10 * MIN)
    note(home)
    home.hub.firmware.coordinator.replace_network_key()
    home.run(for_=HOUR)
    note(home)
    home.ihd.firmware.han.stack._network.keys.clear()
    home.ihd.firmware.han.stack._network.keys[9] = security.NetworkKey(bytes(16))
    home.ihd.firmware.han.stack._network.active_key = 9
    home.ihd.firmware.spawn(home.ihd.firmware.han.rejoin())
    home.run(for_=10 * MIN)
    note(home)
    air = b"".join(listeners[0].psdus)
    assert len(listeners[0].psdus) > 1000
    assert len(held) >= 12
    pieces = [piece for key in held for whole in (key, key[::-1]) for piece in (whole[:8], whole[8:])]
    assert not any(piece in air for piece in pieces)
    assert home.screen("ihd")[1].endswith("kW")


# --- F15, F16: application frames --------------------------------------------------------------------------------


def test_f15_a_frame_under_the_install_codes_key_is_not_acknowledged(live):
    intruder, listener, at = Intruder(live), Listener(live), live.now
    heard = []
    live.hub.firmware.han.on(Message, lambda message: heard.append(message.payload))
    key = security.preconfigured_link_key(live.only.identities["ihd"].install_code)
    header = pack("<BBHHBB", aps.SECURITY | aps.ACK_REQUEST, 1, Metering.id, 0x0109, 1, 0xA5)
    for sender, code in ((live.ihd.eui64, key), (live.esme.eui64, key)):
        auxiliary = security.Auxiliary(security.DATA_KEY | security.EXTENDED_NONCE, 1 << 30, sender).build()
        sealed = security.seal(code, sender.to_bytes(8, "little"), header, auxiliary, b"\x00\x01\x00\x00\x00")
        intruder.send(sealed, HUB)
    assert reasons(live, "hub", at) == ["the MIC does not fit"] * 2
    assert listener.between(HUB, SHORT) == []
    assert heard == []


def test_f16_a_repeated_frame_is_acknowledged_again_and_not_acted_on_again(live):
    live.hub.firmware.han.heeds = None  # who is not in the hub's log is sent away when it speaks
    intruder, listener = Intruder(live), Listener(live)
    heard = []
    live.hub.firmware.han.on(Message, lambda message: heard.append((message.source, message.payload)))
    for _ in range(3):
        intruder.data(READ, HUB, 0x42, cluster=Basic.id)
    assert heard == [(SHORT, READ)]
    assert len(listener.between(HUB, SHORT)) == 3 + 1  # acknowledgements, and one answer
    intruder.data(READ, HUB, 0x43, cluster=Basic.id)
    assert len(heard) == 2


# --- F17: fragments ----------------------------------------------------------------------------------------------

FIRST, LATER = aps.FIRST_FRAGMENT, aps.LATER_FRAGMENT


@pytest.mark.parametrize(
    ("fragments", "refused"),
    [
        ([(LATER, 1, 0)], "a fragment without the first one"),
        ([(FIRST, 0, 0)], "0 fragments"),
        ([(FIRST, 255, 0)], "255 fragments"),
        ([(FIRST, 3, 0), (FIRST, 2, 0)], "a first fragment that contradicts the one before"),
        ([(FIRST, 3, 0), (LATER, 7, 0)], "fragment 7 of 3"),
        ([(FIRST, 3, 0), (LATER, 1, Metering.id)], "a fragment of something else"),
    ],
)
def test_f17_bad_fragments_are_refused_beside_a_good_transfer(live, fragments, refused):
    intruder, at = Intruder(live), live.now
    heard = []
    live.hub.firmware.han.on(Message, lambda message: heard.append(message.source))
    for kind, number, cluster in fragments:
        intruder.data(b"part", HUB, 5, cluster=cluster, extension=bytes((kind, number)))
    assert refused in reasons(live, "hub", at)
    assert SHORT not in heard
    assert len(live.head_end.meter("esme").objects()) > 20  # hundreds of octets, in fragments of its own
    live.run(for_=TRANSFER_LIFE + S)
    assert len(live.hub.firmware.han.stack._delivery._assembler) == 0


def test_f17_transfers_that_never_end_are_given_up_and_two_senders_do_not_mix(live):
    one, other = Intruder(live), Intruder(live, EUI64 + 1, SHORT + 1)
    assembler = live.hub.firmware.han.stack._delivery._assembler
    heard = []
    live.hub.firmware.han.on(Message, lambda message: heard.append((message.source, message.payload)))
    for counter in range(20):  # a sender may have two at once, no more
        one.data(b"endless", HUB, counter, extension=bytes((FIRST, 9)))
    assert len(assembler) <= 2
    for sender, octets in ((other, b"A"),):
        sender.data(octets * 4, HUB, 0, extension=bytes((FIRST, 2)))
    one.data(b"overlap", HUB, 0, extension=bytes((LATER, 1)))
    one.data(b"OVERLAP", HUB, 0, extension=bytes((LATER, 1)))
    other.data(b"B" * 4, HUB, 0, extension=bytes((LATER, 1)))
    assert (SHORT + 1, b"AAAABBBB") in heard
    assert [source for source, _ in heard if source == SHORT] == []
    live.run(for_=TRANSFER_LIFE + S)
    assert len(assembler) == 0
    one.data(b"x", HUB, 99, extension=bytes((FIRST, 1)))
    assert (SHORT, b"x") in heard


def test_f17_no_more_than_4096_octets_are_put_together(live):
    intruder, at = Intruder(live), live.now
    for block in range(96):
        intruder.data(bytes(75), HUB, 7, extension=bytes((LATER, block) if block else (FIRST, 96)))
    assert "fragments of more than 4096 octets" in reasons(live, "hub", at)
