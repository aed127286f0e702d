"""Fuzz targets: whole ZigBee nodes, off a network and on it, and a home that lives."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Final

from devices.parts.han import Han
from devices.runtime.kernel import MS, S
from protocols.core.crc import append_kermit
from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError
from protocols.zigbee import aps, mac, nwk, security
from protocols.zigbee.node import Joined, NodeConfig, NodeType, Persist, Transmit, TxStatus
from protocols.zigbee.stack import Stack
from protocols.zigbee.zcl.cluster import CLIENT, SERVER
from protocols.zigbee.zcl.security import SMART_ENERGY, needs_link_key
from tests.fuzz.target import ROOT, joined, parted, target
from tests.fuzz.zigbee import clusters, vectors
from tests.protocols.zigbee.cell import DISPLAY, GAS, HUB, INSTALL_CODE, METER, Cell, CountersInMemory
from tools.bench.commissioning import commission
from tools.bench.config import load
from tools.bench.run import Run

PAN, SHORT = 0x1A62, 0x1001
BEACON = mac.beacon(1, PAN, 0, 0xCFFF, mac.BeaconPayload(0x8422, 0xDD, 0xFFFFFF, 0))
ASSOCIATED = mac.association_response(2, PAN, METER, HUB, SHORT, 0)
KINDS = NodeType.ROUTER, NodeType.END_DEVICE, NodeType.SLEEPY_END_DEVICE


class Seat:
    """A node whose frames are all acknowledged, and whose time passes."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.now = stack, 0
        self.told: list[Effect] = []

    def do(self, effects: list[Effect]) -> None:
        self.told += effects
        for effect in effects:
            if isinstance(effect, Transmit):
                assert len(effect.psdu) <= mac.MAX_PSDU
                self.do(self.stack.confirm(effect.handle, TxStatus.ACKED, False, self.now))

    def hear(self, psdu: bytes) -> None:
        self.now += MS
        self.do(self.stack.receive(psdu, self.now))

    def wait(self, ns: int) -> None:
        end = self.now + ns
        for _ in range(50):
            if self.stack.deadline is None or self.stack.deadline > end:
                break
            self.now = max(self.now, self.stack.deadline)
            self.do(self.stack.expire(self.now))
        self.now = end


def _captured() -> list[bytes]:
    return [bytes((way,)) + joined(vectors()) for way in range(3)] + [b"\2" + joined([BEACON, ASSOCIATED])]


@target("stack-outside", _captured)
def _outside(octets: bytes) -> None:
    """A node that looks for a network, asks for an address, or awaits the key: strangers' frames bring it nowhere."""
    way = (octets[:1] or b"\0")[0]
    config = NodeConfig(METER, KINDS[way // 3 % 3], install_code=INSTALL_CODE, channels=(15,), link_status_period=None)
    seat = Seat(Stack(config, Random(1), CountersInMemory()))
    seat.do(seat.stack.join(0))
    for psdu in (BEACON, ASSOCIATED)[: way % 3]:
        seat.hear(psdu)
        seat.wait(200 * MS)
    for piece in parted(octets[1:]):
        seat.hear(append_kermit(piece[:-2]))
        if len(piece) < 3:
            seat.wait(S)
    assert not any(isinstance(effect, Joined) for effect in seat.told)


# --- on a network

NAMES: Final = {"hub": HUB, "meter": METER, "display": DISPLAY, "gas": GAS}


class Network:
    """A home of stacks, as it was when all had joined: what each has stored, and every key."""

    def __init__(self) -> None:
        stations = Cell().home()
        self.configs = {name: station.config for name, station in stations.items()}
        self.states = {name: station.told(Persist)[-1].state for name, station in stations.items()}
        self.shorts = {name: station.stack.short for name, station in stations.items()}
        self.pan = stations["hub"].stack._network.pan_id
        hub = dict(stations["hub"].stack.labelled_keys())
        self.network_key = hub["network key 0"]
        self.link_keys = {name: hub[f"install code key {eui64:016X}"] for name, eui64 in NAMES.items() if name != "hub"}

    def seat(self, name: str) -> Seat:
        """A node of it after a restart."""
        seat = Seat(Stack(self.configs[name], Random(1), CountersInMemory()))
        seat.do(seat.stack.resume(self.states[name], 0))
        return seat

    def nwk(self, sender: str, receiver: str, control: int, counter: int, payload: bytes, *, everybody: bool = False) -> bytes:
        """A secured NWK frame as a PSDU."""
        to = 0xFFFF if everybody else self.shorts[receiver]
        header = nwk.Header(nwk.VERSION_PRO | nwk.SECURITY | control & 3, to, self.shorts[sender], 30, counter & 0xFF).build()
        source = NAMES[sender].to_bytes(8, "little")
        secured = security.seal(
            self.network_key, source, header, security.Auxiliary(0x28, counter, NAMES[sender], 0).build(), payload
        )
        hop = mac.Header(
            0x8841 if everybody else 0x8861, counter & 0xFF, destination_pan=self.pan, destination=to, source=self.shorts[sender]
        )
        return mac.frame(hop, secured)

    def aps(self, sender: str, receiver: str, counter: int, header: bytes, identifier: int, payload: bytes) -> bytes:
        """An APS frame under the link key of hub and device, as the payload of a NWK frame."""
        device = receiver if sender == "hub" else sender
        link = security.LinkKey(self.link_keys[device], "")
        auxiliary = security.Auxiliary(identifier | security.EXTENDED_NONCE, counter, NAMES[sender]).build()
        return security.seal(link.derived(identifier), NAMES[sender].to_bytes(8, "little"), header, auxiliary, payload)


@cache
def network() -> Network:
    return Network()


PAIRS: Final = ("hub", "meter"), ("meter", "hub"), ("hub", "gas"), ("gas", "hub"), ("display", "hub")
IDENTIFIERS: Final = security.DATA_KEY, security.KEY_TRANSPORT_KEY, security.KEY_LOAD_KEY


def _inside() -> list[bytes]:
    data = aps.DataHeader(0x40, 1, None, 0x0702, SMART_ENERGY, 1, 5).build() + bytes.fromhex("00010000 00")
    asked = [aps.DataHeader(0x00, 0, None, cluster, 0, 0, 7).build() + bytes(12) for cluster in range(0x40)]
    nwk_commands = [nwk.Leave(0x40), nwk.RejoinRequest(0x8E), nwk.EndDeviceTimeoutRequest(8, 0)]
    pieces = [b"\1\0" + data, *(b"\1\0" + each for each in asked), *(b"\1\1" + each.build() for each in nwk_commands)]
    under_link_key = [b"\2\0\x08" + bytes.fromhex("6001020709010105") + bytes.fromhex("00010000 00")]
    key_commands = [aps.SwitchKey(0), aps.RemoveDevice(GAS), aps.RequestKey(2, DISPLAY), aps.ConfirmKey(0, 4, METER)]
    under_link_key += [b"\2" + bytes((way, 2)) + b"\x21\x05" + each.build() for way in range(3) for each in key_commands]
    captured = [b"\0" + psdu for psdu in vectors()]
    return [bytes((pair,)) + joined(part) for pair in range(len(PAIRS)) for part in (pieces, under_link_key, captured)]


@target("stack-inside", _inside)
def _node(octets: bytes) -> None:
    """A node that hears what one of its network says who has all keys. The first octet of each piece says how far it is secured:
    not at all (0), by the network key (1), and by a link key, too (2: which, and how long its APS header is, come next)."""
    home = network()
    sender, receiver = PAIRS[(octets[:1] or b"\0")[0] % len(PAIRS)]
    seat = home.seat(receiver)
    for number, piece in enumerate(parted(octets[1:])):
        counter, way, said = 1_000_000 + number, (piece[:1] or b"\0")[0], piece[1:100]
        if way % 3 == 0:
            seat.hear(append_kermit(said[:-2]))
        elif way % 3 == 1:
            seat.hear(home.nwk(sender, receiver, (said[:1] or b"\0")[0], counter, said[1:80], everybody=bool(way & 4)))
        else:
            which, size = (said + b"\0\0")[:2]
            header, payload = said[2 : 2 + size % 16], said[2 + size % 16 : 60]
            apdu = home.aps(sender, receiver, counter, header, IDENTIFIERS[which % 3], payload)
            seat.hear(home.nwk(sender, receiver, nwk.DATA, counter, apdu))
        if way & 0x80:
            seat.wait(2 * S)
    seat.wait(S)


# --- a home that lives


class Live:
    """The home of the shipped bench file, commissioned."""

    LIFE: Final = 200
    """Inputs that one home sees."""

    def __init__(self) -> None:
        self.run = Run(load(ROOT / "fixtures" / "benches" / "home.toml"))
        commission(self.run)
        self.left = self.LIFE

    def say(self, sender: str, receiver: str, cluster: int, payload: bytes) -> None:
        """From one device's stack to another, under the keys that they share."""
        han = self.run.board(sender).firmware.han
        assert isinstance(han, Han)
        to = han.stack.address_of(self.run.board(receiver).eui64)
        if to is None:
            return
        for endpoint in (1, *(number for number in self.run.board(receiver).firmware.han.endpoints if number != 1))[:2]:
            try:
                _, effects = han.stack.send(
                    to, SMART_ENERGY, cluster, 1, endpoint, payload, link_key=needs_link_key(cluster), now=self.run.kernel.now
                )
            except LocalProtocolError:
                return
            han.apply(effects)


_live: Live | None = None
SPEAKERS: Final = ("ppmid", "esme"), ("ppmid", "hub"), ("esme", "ppmid"), ("hub", "gsme"), ("gsme", "hub"), ("hub", "esme")


def _talk() -> list[bytes]:
    """Every command of every cluster with an empty payload or twenty zeros, to its side, by each pair."""
    lines = []
    for pair in range(len(SPEAKERS)):
        for number, cluster in enumerate(clusters()):
            pieces = [
                bytes((number, 0x01 | side << 3, 1, command)) + bytes(size)
                for side in (SERVER, CLIENT)
                for command in cluster.commands[side]
                for size in (0, 20)
            ]
            lines.append(bytes((pair,)) + joined(pieces))
    return [line[:4096] for line in lines if len(line) > 1]


@target("home", _talk)
def _home(octets: bytes) -> None:
    """Any ZCL frames between devices that have joined: every firmware lives on."""
    global _live
    if _live is None or _live.left == 0:
        _live = Live()
    _live.left -= 1
    sender, receiver = SPEAKERS[(octets[:1] or b"\0")[0] % len(SPEAKERS)]
    for piece in parted(octets[1:]):
        cluster = clusters()[(piece[:1] or b"\0")[0] % len(clusters())]
        _live.say(sender, receiver, cluster.id, piece[1:200])
        _live.run.run(for_=100 * MS)
    _live.run.run(for_=S)
