"""What can be fuzzed: each parser and machine that octets of others reach, as a function of octets, with octets to begin with.

Whatever the octets are, a target returns or raises RemoteProtocolError; anything else that escapes is a mistake of ours.
Checks that noise never passes (FCS, MAC) are put right here, so that what stands behind them is reached.
tests/fuzz/test_targets.py gives every target octets from Hypothesis, tests/fuzz/run.py lets atheris look for new ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from protocols.core import ecc
from protocols.core.codec import Frame
from protocols.core.effects import Effect, Send
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import acse, apdu, axdr, cosem, hdlc, initiate, wrapper
from protocols.dlms.client import Client, Procedure, item
from protocols.dlms.cosem import Access, Column, Unit, date_time
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.security import general, signature
from protocols.dlms.security.ciphering import Ciphered, GeneralCiphered
from protocols.dlms.security.context import Kind, Protection, SecurityContext
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Suite
from protocols.dlms.server import LogicalDevice, Server, Session, open_profile
from tests.compliance import bad_requests

LARGEST: Final = 4096
"""Octets of one input."""
PASSWORD: Final = b"12345678"
ROOT: Final = Path(__file__).resolve().parents[2]


class Target(NamedTuple):
    """One function to be fuzzed: `run(octets)`. `seeds()`: octets that get far."""

    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]


TARGETS: Final[dict[str, Target]] = {}


def target(name: str, seeds: Callable[[], Iterable[bytes]]) -> Callable[[Callable[[bytes], object]], Callable[[bytes], object]]:
    def enter(run: Callable[[bytes], object]) -> Callable[[bytes], object]:
        TARGETS[name] = Target(run, seeds)
        return run

    return enter


# --- what to begin with


@cache
def vectors() -> tuple[bytes, ...]:
    """Every run of octets in the published vectors; none where their folder is not."""
    folder = Path(os.environ.get("METERBENCH_SHARED", ROOT.parent / "shared")) / "vectors"
    path = folder / "dlms.json"
    return tuple(dict.fromkeys(_octets(json.loads(path.read_text(encoding="utf-8"))))) if path.is_file() else ()


def _octets(value: object) -> Iterator[bytes]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _octets(item)
    elif isinstance(value, str) and len(value) >= 8:
        try:
            octets = bytes.fromhex(value)
        except ValueError:
            return
        yield octets[:LARGEST]


def requests() -> list[bytes]:
    """The bad requests that fit, and the good ones between them."""
    found = [bytes.fromhex(request) for dialogue in _dialogues() for request, _ in dialogue]
    return [octets for octets in found if len(octets) <= 512]


def _dialogues() -> list[bad_requests.Dialogue]:
    alone = [dialogue for _, dialogue in bad_requests.ALONE.values()]
    return [*bad_requests.ASSOCIATED.values(), *bad_requests.SMALL.values(), *alone]


def _apdus() -> list[bytes]:
    return [*vectors(), *requests()]


def joined(apdus: Iterable[bytes]) -> bytes:
    """Several APDUs as one input."""
    return b"".join(len(octets).to_bytes(2, "big") + octets for octets in apdus)


def parted(octets: bytes) -> Iterator[bytes]:
    """The APDUs of an input, whatever it is: length fields that say too much say what is left."""
    while octets:
        size = int.from_bytes(octets[:2], "big") & 0x0FFF
        yield octets[2 : 2 + size]
        octets = octets[2 + size :]


def pieces(octets: bytes) -> Iterator[bytes]:
    """An input cut as its first octet says."""
    size = octets[0] or len(octets) if octets else 1
    for start in range(1, len(octets), size):
        yield octets[start : start + size]


# --- parsers


@target("axdr", _apdus)
def _axdr(octets: bytes) -> None:
    built = axdr.Data.parse(octets).build()
    assert axdr.Data.parse(built).build() == built


@target("apdu", _apdus)
def _apdu(octets: bytes) -> None:
    _again(type(apdu.parse(octets)), octets)


def _again(kind: type[Frame], octets: bytes) -> None:
    """What was parsed can be built, and is then as it was (a number that is none is not equal to itself)."""
    built = kind.parse(octets).build()
    assert kind.parse(built).build() == built


SECURED: Final[tuple[type[Frame], ...]] = (Ciphered, GeneralCiphered, general.GeneralCiphering, general.GeneralSigning)


@target("secured-frames", _apdus)
def _secured_frames(octets: bytes) -> None:
    for kind in SECURED:
        with suppress(RemoteProtocolError):
            _again(kind, octets)


def _moments() -> list[bytes]:
    return [date_time.encode(0), bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF"), bytes.fromhex("07E80A0F02173B3B00FFC400")]


@target("date-time", _moments)
def _date_time(octets: bytes) -> None:
    date_time.is_complete(octets)
    for reading in (date_time.instant, date_time.earliest, date_time.latest):
        found = reading(octets)
        assert found is None or date_time.to_datetime(max(found, 0))


# --- framings


@target("wrapper", lambda: [b"\0" + wrapper.wrap(16, 1, octets) for octets in requests()])
def _wrapper(octets: bytes) -> None:
    splitter = wrapper.Splitter()
    for piece in pieces(octets):
        for pdu in splitter.feed(piece):
            assert 0 < len(pdu.apdu) <= wrapper.LARGEST_APDU


STATIONS: Final = hdlc.Address(1), hdlc.Address(16)
LLC: Final = b"\xe6\xe6\x00"


def _frames() -> list[bytes]:
    """Visits of a client, each as one line of octets."""
    snrm = hdlc.Frame.unnumbered(hdlc.Kind.SNRM, *STATIONS, poll=True).build()
    disc = hdlc.Frame.unnumbered(hdlc.Kind.DISC, *STATIONS, poll=True).build()
    visits = []
    for octets in requests():
        first = hdlc.Frame.numbered(hdlc.Kind.I, *STATIONS, receive=0, send=0, poll=True, information=LLC + octets[:120])
        rr = hdlc.Frame.numbered(hdlc.Kind.RR, *STATIONS, receive=1, poll=True)
        visits.append(b"\0" + snrm + first.build() + rr.build() + disc)
    return [*visits, *(b"\0" + octets for octets in vectors())]


@target("hdlc-deframer", _frames)
def _hdlc_deframer(octets: bytes) -> None:
    deframer, whole = hdlc.Deframer(), hdlc.Deframer()
    found = [frame for piece in pieces(octets) for frame in deframer.scan(piece)]
    assert found == whole.scan(octets[1:])
    for frame in [*found, *deframer.abandon()]:
        if isinstance(frame, hdlc.Frame):
            assert hdlc.Frame.parse(frame.build()) == frame


def _bodies() -> list[bytes]:
    """Visits as control octets and information, which `_hdlc_server` makes frames of."""
    return [joined([b"\x93", b"\x10" + LLC + octets[:120], b"\x31", b"\x53"]) for octets in requests()]


@target("hdlc-server", _bodies)
def _hdlc_server(octets: bytes) -> None:
    _, server = material()
    sessions: dict[tuple[int, int], Session] = {}
    link = hdlc.ServerLink((1,))
    now = 0

    def apply(effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case hdlc.Connected(client=client, server=own):
                    session = server.session(client, own, LARGEST)
                    assert session is not None
                    sessions[client, own] = session
                case hdlc.Disconnected(client=client, server=own):
                    sessions.pop((client, own))
                case hdlc.Apdu(client=client, server=own, data=data):
                    for answer in sessions[client, own].receive(data, now):
                        apply(link.reply(client, own, answer, now))
                case Send(data=data):
                    assert hdlc.Frame.parse(data).source == STATIONS[0]

    for body in parted(octets):
        now += 1_000_000
        control, information = body[:1] or b"\0", body[1:2000]
        frame = hdlc.Frame(*STATIONS, control[0], information, segmented=bool(len(information) & 1))
        apply(link.feed(frame.build(), now))
        if link.deadline is not None and len(body) == 3:
            now = link.deadline
            apply(link.expire(now))


@target("hdlc-client", lambda: [joined([b"\x73", b"\x30\xe6\xe7\x00" + octets[:120], b"\x51"]) for octets in vectors()])
def _hdlc_client(octets: bytes) -> None:
    link = hdlc.ClientLink(16, 1)
    now, asked = 0, False
    effects = link.connect(now)
    for body in parted(octets):
        now += 1_000_000
        control, information = body[:1] or b"\0", body[1:2000]
        frame = hdlc.Frame(STATIONS[1], STATIONS[0], control[0], information, segmented=bool(len(information) & 1))
        effects = link.feed(frame.build(), now)
        if any(isinstance(effect, hdlc.Failed | hdlc.Disconnected) for effect in effects):
            return
        if not asked and any(isinstance(effect, hdlc.Connected) for effect in effects):
            asked = True
            link.request(b"\xc0\x01\xc1" + bytes(300), now)


# --- both ends of an association


def material() -> tuple[LogicalDevice, Server]:
    """A meter that has some of everything."""
    clock = cosem.Clock("0-0:1.0.0", time=lambda: date_time.encode(0), on={"time": lambda value: None})
    energy = cosem.Register("1-0:1.8.0", value=lambda: axdr.u32(5009), scaler_unit=(0, Unit.WATT_HOUR))
    text = DataClass("0-0:96.13.0", value=axdr.octets(b"old"), access={"value": Access.READ_WRITE})
    profile = cosem.ProfileGeneric("1-0:99.1.0", columns=(Column(clock), Column(energy)), profile_entries=48)
    for number in range(8):
        profile.append((axdr.octets(date_time.encode(number * 1_800_000_000_000)), axdr.u32(number)))
    switch = cosem.DisconnectControl("0-0:96.3.10", on={"remote_disconnect": lambda argument: None})
    device = LogicalDevice(b"MBE0000000000001", [clock, energy, text, profile, switch], open_profile(PASSWORD))
    return device, Server({1: device})


def _sessions() -> list[bytes]:
    lls = bytes.fromhex(bad_requests.AARQ_LLS.format(0x200))
    lines = [[bytes.fromhex(request) for request, _ in dialogue] for dialogue in _dialogues()]
    return [joined([lls, *line])[:LARGEST] for line in lines]


@target("session", _sessions)
def _session(octets: bytes) -> None:
    _, server = material()
    session = server.session(1, 1, 512)
    assert session is not None
    for number, request in enumerate(parted(octets)):
        for answer in session.receive(request, number):
            assert 0 < len(answer) <= 512


def _answers() -> list[bytes]:
    aare = bytes.fromhex("6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F0400007E1F02000007")
    return [joined([aare, octets]) for octets in vectors() if len(octets) < 1000]


@target("client", _answers)
def _client(octets: bytes) -> None:
    """A server that answers anything to a client that asks for everything."""
    client = Client(1, 1, PASSWORD)
    answers = parted(octets)
    wishes: list[Callable[[], Procedure[object]]] = [
        client.associate,
        lambda: client.get("1-0:1.8.0", 3, 2),
        lambda: client.get_list([item("1-0:1.8.0", 3, 2), item("0-0:1.0.0", 8, 2)]),
        lambda: client.set("0-0:96.13.0", 1, 2, axdr.octets(bytes(700))),
        lambda: client.action("0-0:96.3.10", 70, 1),
        client.release,
    ]
    for wish in wishes:
        try:
            procedure = wish()
            next(procedure)
            for answer in answers:
                procedure.send(answer)
        except (StopIteration, RemoteProtocolError):
            continue
        except LocalProtocolError as error:
            if "alone fills an APDU" not in str(error):  # the server agreed on APDUs too small for what is wanted
                raise


# --- security

OURS, THEIRS = b"MBE\0\0\0\0\1", b"HDE\0\0\0\0\2"
"""System titles."""
KEYS: Final = {KeyId.UNICAST_ENCRYPTION: bytes(range(16)), KeyId.AUTHENTICATION: bytes(range(0xD0, 0xE0)), KeyId.MASTER: bytes(16)}


def _secure(title: bytes, **keys: object) -> SecurityMaterial:
    numbers = iter(range(1, 1 << 32))
    return SecurityMaterial(title, KeySet(KEYS, **keys), lambda: next(numbers), suite=Suite.S0)  # type: ignore[arg-type]


@cache
def _sealed() -> tuple[bytes, ...]:
    """Requests under every way of ciphering with keys of the meter."""
    ways = [Protection(kind, True, True) for kind in (Kind.GLO, Kind.GENERAL_GLO)]
    context = SecurityContext(_secure(THEIRS), OURS, client=True)
    return tuple(context.seal(octets, way) for octets in requests() if octets[:1] in (b"\xc0", b"\xc1", b"\xc3") for way in ways)


@target("ciphered", lambda: [*_sealed(), *vectors()])
def _ciphered(octets: bytes) -> None:
    """Nothing passes that was changed: what is let through is what was sealed."""
    context = SecurityContext(_secure(OURS), THEIRS)
    plain, protection = context.open(octets)
    if protection.kind is Kind.PLAIN:
        assert plain == octets
    elif protection.authenticated:
        assert plain in requests()
        assert context.material.counters.known


@target("authentic", requests)
def _authentic(octets: bytes) -> None:
    """Anything at all, sealed by who has the keys."""
    there, here = SecurityContext(_secure(THEIRS), OURS, client=True), SecurityContext(_secure(OURS), THEIRS)
    if not octets or octets[0] in (0xDB, 0xDC) or 0x21 <= octets[0] <= 0x30 or (octets[0] >= 0xC8 and octets[0] < 0xD8):
        return
    plain, _ = here.open(there.seal(octets, Protection(Kind.GENERAL_GLO, True, True)))
    assert plain == octets


@cache
def _pair() -> tuple[bytes, bytes]:
    """A private key and the public key of it, on P-256."""
    private = (0xC0FFEE).to_bytes(32, "big")
    return private, ecc.public_key(private)


@target("general", vectors)
def _general(octets: bytes) -> None:
    private, public = _pair()
    peers = {"signing": private, "agreement": private, "peer_signing": {THEIRS: public}, "peer_agreement": {THEIRS: public}}
    general.open_general(octets, _secure(OURS, **peers))


@target("signature", lambda: [bytes(64), b"\xff" * 64, bytes(63), bytes(65), bytes(96)])
def _signature(octets: bytes) -> None:
    try:
        signature.verify(_pair()[1], b"data", octets)
    except RemoteProtocolError:
        return
    raise AssertionError(f"{octets.hex()} is no signature of ours")


@target("public-key", lambda: [_pair()[1], bytes(64), b"\xff" * 64, bytes(96), bytes(63)])
def _public_key(octets: bytes) -> None:
    """A point that is not on the curve makes no secret."""
    ecc.shared_secret(_pair()[0], octets)


@target("initiate", lambda: [bytes.fromhex("01000000065F1F0400007E1F04B0"), bytes.fromhex("0800065F1F0400007E1F02000007")])
def _initiate(octets: bytes) -> None:
    for kind in (initiate.InitiateRequest, initiate.InitiateResponse, initiate.ConfirmedServiceError, acse.AARQ, acse.AARE):
        with suppress(RemoteProtocolError):
            _again(kind, octets)
