"""Fuzz targets: what ZigBee octets are read by, from MAC headers to certificates, and the machines behind single clusters."""

from __future__ import annotations

import json
import os
import pkgutil
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random

from protocols import spinel, zigbee
from protocols.core.codec import Frame
from protocols.core.crc import append_kermit
from protocols.core.effects import Effect
from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.zigbee import aps, enhanced, fragments, gateway, mac, nwk
from protocols.zigbee.clusters.key_establishment import KeyEstablishment
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.tunneling import Tunneling
from protocols.zigbee.end_to_end import HEAD_END, Seal, Way
from protocols.zigbee.key_establishment.certificates import SUITE_1, SUITE_2, Authority, public_key, scalar
from protocols.zigbee.key_establishment.exchange import Established, Exchange, Say
from protocols.zigbee.node import Message
from protocols.zigbee.tunneling.client import Client
from protocols.zigbee.tunneling.effects import Peer, Received
from protocols.zigbee.tunneling.server import Server
from protocols.zigbee.zcl import foundation, types
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, Side
from protocols.zigbee.zcl.endpoint import Endpoint, Reply
from tests.fuzz.target import ROOT, joined, parted, pieces, target

SECOND = 10**9
PEER = Peer(0x1234, 1)


def modules() -> list[str]:
    """Every module of ZigBee and Spinel."""
    return [
        module.name for package in (zigbee, spinel) for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]


@cache
def declared() -> list[type[Frame]]:
    """Every frame that they declare."""
    found: dict[type[Frame], None] = {}
    for name in modules():
        module = import_module(name)
        holders = [module, *(each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Cluster))]
        for holder in holders:
            for each in vars(holder).values():
                if isinstance(each, type) and issubclass(each, Frame) and each is not Frame and each.__module__ == name:
                    found[each] = None
    return list(found)


@cache
def vectors() -> tuple[bytes, ...]:
    """PSDUs that others captured or opened, with their FCS; none where their folder is not."""
    path = Path(os.environ.get("METERBENCH_SHARED", ROOT.parent / "shared")) / "vectors" / "zigbee.json"
    if not path.is_file():
        return ()
    held = json.loads(path.read_text(encoding="utf-8"))
    captured = [bytes.fromhex(each["psdu"])[:-2] for each in held["frames"] if "psdu" in each]
    built = [bytes.fromhex(each["psdu_no_fcs"]) for each in held["se_frames_built_here"]]
    return tuple(append_kermit(body) for body in captured + built)


def _again(kind: type[Frame], octets: bytes) -> None:
    """What was parsed can be built, and is then as it was."""
    built = kind.parse(octets).build()
    assert kind.parse(built).build() == built


@cache
def _numbered() -> tuple[bytes, ...]:
    """For each frame some octets that it can be: zeros, or zeros behind the octet that it begins with."""
    found = {}
    for number, kind in enumerate(declared()):
        for octets in (
            bytes((first,))[:size] + bytes(max(0, size - 1)) for first in range(256) for size in range(60 if first else 80)
        ):
            with suppress(RemoteProtocolError):
                kind.parse(octets)
                found[number] = number.to_bytes(2, "big") + octets
                break
    return tuple(found.values())


@target("zigbee-frames", _numbered)
def _frames(octets: bytes) -> None:
    """Every declared frame; the first two octets say which."""
    kinds = declared()
    _again(kinds[int.from_bytes(octets[:2], "big") % len(kinds)], octets[2:])


def _enhanced() -> list[bytes]:
    payload = mac.BeaconPayload(0x8422, 0xDD, 0xFFFFFF, 0)
    return [*vectors(), enhanced.beacon_request(1, 5), enhanced.beacon(2, 0x1A62, 5, 0, 0xCFFF, payload)]


@target("zigbee-mac", _enhanced)
def _mac(octets: bytes) -> None:
    """The FCS is put right."""
    psdu = append_kermit(octets[:-2])
    if enhanced.is_enhanced(psdu):
        frame = enhanced.parse(psdu)
        for read in (enhanced.question, enhanced.answer):
            read(frame)
        return
    header, msdu = mac.split(psdu)
    match header.control & mac.TYPE:
        case mac.BEACON:
            _again(mac.BeaconPayload, mac.Beacon.parse(msdu).payload)
        case mac.COMMAND:
            mac.commands.parse(msdu)
        case mac.DATA:
            nwk.Header.parse_from(msdu, 0)


COMMANDS = nwk.commands, aps.commands, mac.commands


@target(
    "zigbee-commands", lambda: [b"\0" + nwk.Leave(0).build(), b"\1" + aps.SwitchKey(1).build(), b"\2" + mac.DataRequest().build()]
)
def _commands(octets: bytes) -> None:
    """Of NWK, APS and MAC, told apart by their first octet."""
    assert COMMANDS[(octets[:1] or b"\0")[0] % 3].parse(octets[1:]).build()


@target("zigbee-values", lambda: [bytes((each,)) + bytes(20) for each in types.TYPES])
def _values(octets: bytes) -> None:
    """An attribute of any type, arrays and structures too."""
    leaf = foundation.TypedValue()
    value, end = leaf.parse(octets, 0, len(octets))
    out = bytearray()
    leaf.build(value, out)
    assert leaf.parse(bytes(out), 0, len(out))[1] == len(out) <= max(end, 1) * 2


def _fragments() -> list[bytes]:
    blocks = fragments.cut(bytes(300), 60)
    first = b"\1" + bytes((len(blocks),)) + blocks[0]
    return [joined([first, *(b"\0" + bytes((number,)) + block for number, block in enumerate(blocks) if number)])]


@target("zigbee-fragments", _fragments)
def _assembler(octets: bytes) -> None:
    """Blocks of two senders; nothing grows beyond the largest payload."""
    assembler = fragments.Assembler()
    for piece in parted(octets):
        control, number, block = (piece[:1] or b"\0")[0], (piece[1:2] or b"\0")[0], piece[2:]
        key, context = (0x1234 + (control >> 7), 1), (control >> 6 & 1,)
        whole = assembler.start(key, context, number, block) if control & 1 else assembler.add(key, context, number, block)
        assert whole is None or len(whole) <= fragments.MAX_PAYLOAD
        assert len(assembler) <= 16


# --- ZCL


@cache
def clusters() -> list[type[Cluster]]:
    """Every cluster, by its number."""
    declared()
    return sorted(Cluster.__subclasses__(), key=lambda each: each.id)


def _requests() -> list[bytes]:
    reads = [bytes((number,)) + bytes((0x00, 1, 0x00, 0, 0)) for number in range(len(clusters()))]
    general = "0B 00 0C 0000FF 11 00FF 15 0000FF 06 00 0000 25 0100 0A00 010000000000 02 0000 20 03 0A 0000 25 010203040506"
    return [joined(reads), joined([b"\x05\x00\x01" + bytes.fromhex(general)[at:] for at in range(0, 20, 3)])]


@target("zcl-endpoint", _requests)
def _endpoint(octets: bytes) -> None:
    """An endpoint that serves and uses every cluster. The first octet of each frame says which it is for."""
    endpoint = Endpoint(1, 0x0500)
    for cluster in clusters():
        endpoint.serve(cluster)
        endpoint.use(cluster)
    for second, piece in enumerate(parted(octets)):
        cluster = clusters()[(piece[:1] or b"\0")[0] % len(clusters())]
        message = Message(0x1234, 5, 0x0109, cluster.id, 1, 1, piece[1:], True, False)
        for effect in endpoint.handle(message, second * SECOND):
            assert not isinstance(effect, Reply) or foundation.Header.parse_from(effect.payload, 0)


SEAL = Seal(bytes(range(16)))
WAY = Way(HEAD_END, 5, 0x0109, 0x0702, 0xC8, 0xC9)


def _sealed() -> list[bytes]:
    read = bytes.fromhex("00 01 00 00 00")
    closed = [SEAL.close(WAY, number, read) for number in (1, 2, 2, 1, 7)]
    return [joined(b"\0" + octets for octets in closed), joined([b"\1" + read, b"\0" + closed[0], b"\1" + read])]


@target("sealed-from-end-to-end", _sealed)
def _opened(octets: bytes) -> None:
    """What others sealed, and, where a piece begins with an odd octet, what is wrong within a seal that is right."""
    last = 0
    for piece in parted(octets):
        ours = bool((piece[:1] or b"\0")[0] & 1)
        with suppress(RemoteProtocolError):
            counter, payload = SEAL.open(WAY, last, SEAL.close(WAY, last + 1, piece[1:]) if ours else piece[1:])
            assert counter > last
            assert SEAL.close(WAY, counter, payload) == piece[1:] or (ours and payload == piece[1:])
            last = min(counter, 0xFFFF_FFF0)
            message = Message(5, 5, WAY.profile, WAY.cluster, WAY.near, WAY.far, payload, True, False)
            endpoint = Endpoint(1, 0x0500)
            endpoint.serve(Metering)
            endpoint.handle(message, 0)


def said(cluster: type[Cluster], side: Side, piece: bytes) -> Frame | None:
    """The command that a piece is: its identifier, and the payload."""
    kind = cluster.commands[side].get((piece[:1] or b"\xff")[0])
    try:
        return None if kind is None else kind.parse(piece[1:])
    except DecodeError:
        return None


def commands(cluster: type[Cluster], side: Side, *frames: Frame) -> bytes:
    """Pieces that are these commands."""
    numbers = {frame: number for number, frame in cluster.commands[side].items()}
    return joined([bytes((numbers[type(frame)],)) + frame.build() for frame in frames])


# --- tunnels


@target(
    "tunnel-server",
    lambda: [commands(
        Tunneling, SERVER, Tunneling.RequestTunnel(6, 0xFFFF, False, 1500), Tunneling.TransferDataClientToServer(0, b"data"),
        Tunneling.GetSupportedTunnelProtocols(0), Tunneling.CloseTunnel(0),
    )],
)  # fmt: skip
def _tunnel_server(octets: bytes) -> None:
    """From three peers, a minute after each other."""
    server = Server()
    for minute, piece in enumerate(parted(octets)):
        now = minute * 60 * SECOND
        server.expire(now)
        frame = said(Tunneling, SERVER, piece)
        if frame is None:
            continue
        for effect in server.receive(frame, Peer(0x1000 + minute % 3, 1), now):
            if isinstance(effect, Received):
                assert len(effect.data) <= server.limit
                server.send(effect.tunnel, b"answer"[: server.tunnels[effect.tunnel].limit], now)
        assert len(server.tunnels) <= server.capacity


@target(
    "tunnel-client",
    lambda: [commands(
        Tunneling, CLIENT, Tunneling.RequestTunnelResponse(3, 0, 1500), Tunneling.TransferDataServerToClient(3, b"data"),
        Tunneling.TransferDataErrorServerToClient(3, 0), Tunneling.RequestTunnelResponse(0xFFFF, 1, 1500),
        Tunneling.TunnelClosureNotification(3),
    )],
)  # fmt: skip
def _tunnel_client(octets: bytes) -> None:
    """It tries again when its time has come."""
    client, now = Client(PEER), 0
    client.open(now)
    for piece in parted(octets):
        now += SECOND
        if len(piece) == 1 and client.deadline is not None:
            now = client.deadline
            client.expire(now)
        frame = said(Tunneling, CLIENT, piece)
        if frame is not None:
            client.receive(frame, now)
        if client.tunnel is not None:
            client.send(b"question"[: client.peer_limit], now)


# --- key establishment

RANDOM = Random(1)
OWN, OTHER = 1, 2
AUTHORITIES = [Authority(suite, 9, scalar(suite.curve, RANDOM.getrandbits)) for suite in (SUITE_1, SUITE_2)]
HELD = {eui64: [each.issue(eui64, RANDOM.getrandbits) for each in AUTHORITIES] for eui64 in (OWN, OTHER)}


def _certificates() -> list[bytes]:
    return [bytes((number,)) + held.certificate for each in HELD.values() for number, held in enumerate(each)]


@target("zigbee-certificate", _certificates)
def _certificate(octets: bytes) -> None:
    """The first octet says of which suite."""
    suite = (SUITE_1, SUITE_2)[(octets[:1] or b"\0")[0] & 1]
    suite.parse(octets[1:])
    public_key(suite, octets[1:], AUTHORITIES[suite is SUITE_2].public_key)


@cache
def _good_exchange() -> tuple[bytes, bytes, bytes]:
    """What the initiator says, and what the responder says; their key."""
    ends = {OWN: Exchange(OWN, HELD[OWN], Random(1).getrandbits), OTHER: Exchange(OTHER, HELD[OTHER], Random(2).getrandbits)}
    lines: dict[int, list[Frame]] = {OWN: [], OTHER: []}
    key = b""
    waiting = [(OWN, effect) for effect in ends[OWN].start(OTHER, SUITE_1.bit, 0)]
    while waiting:
        speaker, effect = waiting.pop(0)
        if isinstance(effect, Say):
            lines[speaker].append(effect.command)
            waiting += [(effect.partner, each) for each in ends[effect.partner].receive(effect.command, speaker, 0)]
        elif isinstance(effect, Established):
            key = effect.key
    return commands(KeyEstablishment, SERVER, *lines[OWN]), commands(KeyEstablishment, CLIENT, *lines[OTHER]), key


def _exchanges() -> list[bytes]:
    asked, answered, _ = _good_exchange()
    return [b"\0" + asked, b"\1" + answered]


@target("key-establishment", _exchanges)
def _key_establishment(octets: bytes) -> None:
    """One end of it, asked or asking; an empty piece is a time-out. No key but that of the good exchange is ever agreed on."""
    asking = bool((octets[:1] or b"\0")[0] & 1)
    end, now = Exchange(OWN if asking else OTHER, HELD[OWN if asking else OTHER], Random(1 if asking else 2).getrandbits), 0
    effects: list[Effect] = end.start(OTHER, SUITE_1.bit, 0) if asking else []
    for piece in parted(octets[1:]):
        now += SECOND
        if not piece and end.deadline is not None:
            now = end.deadline
            effects = end.expire(now)
        for side in (SERVER, CLIENT):
            frame = said(KeyEstablishment, side, piece)
            if frame is not None:
                effects = end.receive(frame, OTHER if asking else OWN, now)
                keys = [effect.key for effect in effects if isinstance(effect, Established)]
                assert keys in ([], [_good_exchange()[2]])


PACKET = gateway.Packet(0x00DB123456789001, 0x0109, 0x0702, 1, 1, b"\x00\x01\x00\x00\x00")


def _packets() -> list[bytes]:
    messages = (
        gateway.Login(1, b"12345678"), gateway.SendAPSMessage(2, PACKET), gateway.Acknowledge(3), gateway.GetApplication(4),
        gateway.SetApplication(5, b"dlms"), gateway.Result(6, gateway.Status.SUCCESS, b"gateway"),
        gateway.NotifyAPSMessage(7, PACKET),
    )  # fmt: skip
    return [b"\x05" + b"".join(gateway.framed(message) for message in messages)]


@target("zigbee-gateway", _packets)
def _gateway(octets: bytes) -> None:
    """The same however it is cut; each message is one of the two directions, or refused."""
    whole, cut = gateway.Splitter(), gateway.Splitter()
    found = whole.feed(octets[1:])
    assert [message for piece in pieces(octets) for message in cut.feed(piece)] == found
    for message in found:
        for direction in (gateway.from_head_end, gateway.from_hub):
            with suppress(DecodeError):
                assert direction.parse(message).build() == message
