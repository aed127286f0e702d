"""Fuzz targets: the machines and both ends of an association, in dialogues.

Checks that noise never passes (FCS, MAC) are put right here, so that what stands behind them is reached.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from itertools import count
from random import Random
from typing import Final

from devices import esme
from devices.runtime.journal import Happening
from devices.runtime.kernel import MIN, MS, S
from protocols import iec62056_21
from protocols.core.effects import Effect, Send
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import access, axdr, cosem, general_block, hdlc, wrapper
from protocols.dlms.client import Client, Procedure, item
from protocols.dlms.cosem import Access, Column, Unit, date_time
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.security import general
from protocols.dlms.security.context import Kind, Protection, SecurityContext, is_ciphered
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Suite
from protocols.dlms.server import LogicalDevice, Server, Session, open_profile
from tests.compliance import bad_requests
from tests.fuzz.parsers import MESSAGES, PRIVATE, PUBLIC
from tests.fuzz.target import LARGEST, ROOT, dialogues, joined, parted, pieces, requests, target, vectors
from tools.bench.commissioning import commission
from tools.bench.config import load
from tools.bench.run import Run

PASSWORD: Final = b"12345678"
STATIONS: Final = hdlc.Address(1), hdlc.Address(16)
LLC: Final = b"\xe6\xe6\x00"
NEGOTIATE: Final = "007E1F", "FFFFFF"
"""Conformance of the published AARQ, and all there is."""


def _bodies() -> list[bytes]:
    """Visits as control octets and information, which `_hdlc_server` makes frames of."""
    return [joined([b"\x93", b"\x10" + LLC + octets[:120], b"\x31", b"\x53"]) for octets in requests()]


@target("hdlc-server", _bodies)
def _hdlc_server(octets: bytes) -> None:
    server = meter()
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


def meter() -> Server:
    """A meter that has some of everything."""
    clock = cosem.Clock("0-0:1.0.0", time=lambda: date_time.encode(0), on={"time": lambda value: None})
    energy = cosem.Register("1-0:1.8.0", value=lambda: axdr.u32(5009), scaler_unit=(0, Unit.WATT_HOUR))
    text = DataClass("0-0:96.13.0", value=axdr.octets(b"old"), access={"value": Access.READ_WRITE})
    profile = cosem.ProfileGeneric("1-0:99.1.0", columns=(Column(clock), Column(energy)), profile_entries=48)
    for number in range(8):
        profile.append((axdr.octets(date_time.encode(number * 1_800_000_000_000)), axdr.u32(number)))
    switch = cosem.DisconnectControl("0-0:96.3.10", on={"remote_disconnect": lambda argument: None})
    device = LogicalDevice(b"MBE0000000000001", [clock, energy, text, profile, switch], open_profile(PASSWORD))
    return Server({1: device})


def _sessions() -> list[bytes]:
    lls = [bytes.fromhex(bad_requests.AARQ_LLS.format(0x200).replace(NEGOTIATE[0], more)) for more in NEGOTIATE]
    lines = [[bytes.fromhex(request) for request, _ in dialogue] for dialogue in dialogues()]
    lines += [[octets] for octets in vectors() if octets[:1] in b"\xc0\xc1\xc3\xd9\xe0"]
    return [joined([first, *line])[:LARGEST] for line in lines for first in lls]


@target("session", _sessions)
def _session(octets: bytes) -> None:
    server = meter()
    session = server.session(1, 1, 512)
    assert session is not None
    for number, request in enumerate(parted(octets)):
        for answer in session.receive(request, number):
            assert 0 < len(answer) <= 512


def _blocks() -> list[bytes]:
    """Transfers cut small, and what one with gaps is like."""
    cut = [general_block.unconfirmed((octets,), 40) for octets in requests()]
    lines = (*cut, *(one[::-1] for one in cut), *(one[1:] for one in cut))
    return [joined([block.build() for block in line[:9]]) for line in lines]


@target("general-block-transfer", _blocks)
def _general_block_transfer(octets: bytes) -> None:
    """An end that is asked, and answers what is whole."""
    transfer = general_block.Transfer(64, 3)
    for block in parted(octets):
        whole, answers = transfer.receive(general_block.GeneralBlock.parse(block))
        if whole is not None:
            answers = transfer.send((whole,))
        assert len(answers) <= 63
        assert all(len(answer.build()) <= 64 for answer in answers)


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
        lambda: client.access([access.get("1-0:1.8.0", 3, 2), access.set("0-0:96.13.0", 1, 2, axdr.octets(bytes(700)))]),
        client.event,
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
            if "APDU" not in str(error):  # the server agreed on APDUs too small for what is wanted
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


@target("general", vectors)
def _general(octets: bytes) -> None:
    keys = {"signing": PRIVATE, "agreement": PRIVATE, "peer_signing": {THEIRS: PUBLIC}, "peer_agreement": {THEIRS: PUBLIC}}
    general.open_general(octets, _secure(OURS, **keys))


# --- a meter that lives


class Live:
    """The electricity meter of the lab, and its client 40, whose association is there without asking."""

    BENCH: Final = ROOT / "fixtures" / "benches" / "dlms-lab.toml"
    CLIENT: Final = 40
    LIFE: Final = 300
    """Inputs that one meter sees: it forgets nothing, and may come to know other keys than we do."""

    def __init__(self) -> None:
        self.run = Run(load(self.BENCH))
        commission(self.run)
        self.run.run_until(65 * MIN)
        board = self.run.homes["home1"]["esme"]
        assert isinstance(board.firmware, esme.Firmware)
        self.board, self.server, self.inputs = board, board.firmware.server, count(1)
        lab = self.run.declared.access.lab
        assert lab is not None
        keys = {
            KeyId.UNICAST_ENCRYPTION: lab.unicast, KeyId.BROADCAST_ENCRYPTION: lab.broadcast,
            KeyId.AUTHENTICATION: lab.authentication, KeyId.MASTER: lab.master,
        }  # fmt: skip
        numbers = count(1)
        own = SecurityMaterial(lab.client_title, KeySet(keys), lambda: next(numbers), rng=Random(7))
        self.layer = SecurityContext(own, board.eui64.to_bytes(8, "big"), client=True)

    @classmethod
    def one(cls) -> Live:
        """One that has not seen too much."""
        global _live
        if _live is None or next(_live.inputs) > cls.LIFE:
            _live = cls()
        return _live


_live: Live | None = None
WAYS: Final = (Protection(), Protection(Kind.GLO, True, True), Protection(Kind.GENERAL_GLO, True, True))


def _meter_visits() -> list[bytes]:
    lines = [[bytes.fromhex(request) for request, _ in dialogue] for dialogue in dialogues()]
    lines += [[octets] for octets in vectors() if octets[:1] in b"\xc0\xc1\xc3\xd9\xe0"]
    seeds = [joined(bytes((way,)) + octets for octets in line) for line in lines for way in range(len(WAYS))]
    return [octets for octets in seeds if len(octets) <= LARGEST]


@target("meter", _meter_visits)
def _meter(octets: bytes) -> None:
    """Requests of a client that has proven itself, plain and ciphered. The first octet of each says how it comes."""
    live = Live.one()
    session = live.server.session(Live.CLIENT, 1, 1024)
    assert session is not None
    for said in parted(octets):
        way, request = WAYS[(said[:1] or b"\0")[0] % len(WAYS)], said[1:]
        if request and not is_ciphered(request):
            request = live.layer.seal(request, way)
        for answer in session.receive(request, live.run.now):
            assert 0 < len(answer) <= 1024
    session.close()
    live.run.run(for_=S)


def _port_visits() -> list[bytes]:
    snrm = hdlc.Frame.unnumbered(hdlc.Kind.SNRM, *STATIONS, poll=True).build()
    first = partial(hdlc.Frame.numbered, hdlc.Kind.I, *STATIONS, receive=0, send=0, poll=True)
    asked = (first(information=LLC + octets[:120]) for octets in requests())
    return [b"\0" + octets for octets in (*(snrm + frame.build() for frame in asked), *MESSAGES, b"".join(MESSAGES))]


@target("optical-port", _port_visits)
def _optical_port(octets: bytes) -> None:
    """Any octets at any speed into the port where HDLC and the sign-on meet."""
    _through("home1/esme.optical#0", octets)


@target("wan", lambda: [b"\0" + b"".join(wrapper.wrap(16, sap, octets) for sap in (1, 2, 3)) for octets in requests()])
def _wan(octets: bytes) -> None:
    """Any octets into the hub's address."""
    _through("home1/hub.wan#0", octets)


def _through(endpoint: str, octets: bytes) -> None:
    live = Live.one()
    live.run.inputs.feed(endpoint, Happening.OPEN)
    for piece in pieces(octets):
        live.run.inputs.feed(endpoint, Happening.DATA, piece)
        live.run.run(for_=100 * MS)
    live.run.inputs.feed(endpoint, Happening.CLOSE)
    live.run.run(for_=S)


# --- IEC 62056-21


@target("tariff-device", lambda: [joined(MESSAGES), *(joined([MESSAGES[0], message]) for message in MESSAGES)])
def _tariff_device(octets: bytes) -> None:
    device = iec62056_21.TariffDevice(iec62056_21.Identification.parse(MESSAGES[5]), Registers(), password="00000000")
    _converse(device, octets)


@target("hand-held-unit", lambda: [bytes((purpose,)) + joined(MESSAGES[4:]) for purpose in range(3)])
def _hand_held_unit(octets: bytes) -> None:
    purposes = list(iec62056_21.Purpose)
    unit = iec62056_21.HandHeldUnit(purposes[(octets[:1] or b"\0")[0] % len(purposes)])
    unit.sign_on(0)
    _converse(unit, octets[1:])


class Registers:
    """A device with one register."""

    def readout(self) -> list[iec62056_21.DataSet]:
        return [iec62056_21.DataSet.of("1-0:1.8.0", 4321, "kWh")]

    def read(self, address: str) -> tuple[iec62056_21.Value, ...]:
        return self.readout()[0].values

    def write(self, address: str, values: tuple[iec62056_21.Value, ...]) -> None:
        return


def _converse(machine: iec62056_21.TariffDevice | iec62056_21.HandHeldUnit, octets: bytes) -> None:
    """What is due is let happen before each piece."""
    now = 0
    for piece in parted(octets):
        for _ in range(3):
            if machine.deadline is not None:
                now = max(now, machine.deadline)
                machine.expire(now)
        machine.feed(piece, now)
        now += MS
