"""Fuzz targets: wireless M-Bus, from the chips of a frame to the records in it, and the two machines that speak of them."""

from __future__ import annotations

import pkgutil
from contextlib import suppress
from datetime import datetime
from itertools import count

from protocols import wmbus
from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.wmbus import framing, layers, link, records
from protocols.wmbus.coding import C2, MODES, T2, Direction
from protocols.wmbus.framing import Format
from protocols.wmbus.gateway import Gateway, Reported, TransmitAt
from protocols.wmbus.link import Address, Control, DeviceType
from protocols.wmbus.meter import Asked, Command, Meter, Transmit
from protocols.wmbus.records import Coding, Quantity, Record
from protocols.wmbus.telegram import Content, Key, Profile, seal, unseal
from tests.fuzz.target import joined, parted, target

SECOND = 10**9
METER = Address("MBT", 12345678, 1, DeviceType.GAS)
OTHER = Address("MBT", 87654321, 1, DeviceType.GATEWAY)
KEYS = (Key(), Key(Profile.A, bytes(range(16))), Key(Profile.B, bytes(range(16))))
DATA = (
    Record.of(Quantity.VOLUME, 28_504_270, Coding.BCD8, -3),
    records.point_in_time(datetime(2026, 1, 14, 12, 30)),
    Record.of(Quantity.ERROR_FLAGS, 0, Coding.I16),
    Record.of(Quantity.VALVE, 1, Coding.I8),
)
OMS = (  # OMS 2 annex N: profile A in frame format A, profile B without length and checksums; records of both
    "2E44931578563412330333637A2A0020255923C95AAA26D1B2E7493BC2AD013EC4A6F6D3529B520EDFF0EA6DEFC955B29D6D69EBF3EC8A",
    "4493157856341233038C2075900F002C25B30A000021924D4F2FB66E017A75002007109058475F4BC91DF878B80A1B0F98B629024AAC727942BFC549"
    "233C0140829B93",
    "0C1427048502046D32371F1502FD170000",
)


def modules() -> list[str]:
    """Every module of wireless M-Bus."""
    return [module.name for module in pkgutil.walk_packages(wmbus.__path__, f"{wmbus.__name__}.")]


def telegrams() -> list[bytes]:
    """One of each kind and profile, C-field first."""
    data = records.build(list(DATA))
    made = [bytes.fromhex(OMS[1])]
    for key in KEYS:
        for control, sender in ((Control.SND_NR, None), (Control.SND_UD, OTHER), (Control.REQ_UD2, OTHER), (Control.ACK, None)):
            said = data if control in (Control.SND_NR, Control.SND_UD) else b""
            made.append(seal(Content(control, METER, 1, 0, said, counter=7 if key.profile is Profile.B else None), key, sender))
    return made


def frames() -> list[bytes]:
    """Frames behind an octet that says in which format they are."""
    return [b"\0" + bytes.fromhex(OMS[0])] + [
        bytes((at,)) + framing.build(each, form) for at, form in enumerate(Format) for each in telegrams()
    ]


@target("wmbus-frame", frames)
def _frame(octets: bytes) -> None:
    """A frame with its checksums; whatever is taken for one is built again as it was."""
    form = list(Format)[(octets[:1] or b"\0")[0] % len(Format)]
    telegram = framing.parse(octets[1:], form)
    assert framing.parse(framing.build(telegram, form), form) == telegram


WAYS = tuple(way for mode in MODES.values() for way in (mode.from_meter, mode.to_meter))


def heard() -> list[bytes]:
    """Frames as the radio hears them, behind an octet that says in which mode and direction."""
    return [bytes((at,)) + way.encode(framing.build(each)) for at, way in enumerate(WAYS) for each in telegrams()]


@target("wmbus-chips", heard)
def _chips(octets: bytes) -> None:
    """What the radio hears, in each mode and direction."""
    way = WAYS[(octets[:1] or b"\0")[0] % len(WAYS)]
    found = way.decode(octets[1:])
    assert way.decode(way.encode(found)) == found


@target("wmbus-telegram", telegrams)
def _telegram(octets: bytes) -> None:
    """Each layer by itself, and all of them under each key."""
    for kind in (link.Telegram, layers.Extended, layers.ExtendedTo, layers.Transport, layers.TransportTo):
        with suppress(RemoteProtocolError):
            assert kind.parse(kind.parse(octets).build()) == kind.parse(octets)
    with suppress(RemoteProtocolError):
        layers.Authentication.parse(octets)
    with suppress(RemoteProtocolError):
        assert Address.parse(octets).build() == octets
    for key in KEYS:
        with suppress(RemoteProtocolError):
            unseal(octets, key)


LISTS = bytes.fromhex(OMS[2]), records.build(list(DATA)), bytes.fromhex("2F2F2F0F0102"), bytes.fromhex("0D78054142434445")


@target("wmbus-records", lambda: LISTS)
def _records(octets: bytes) -> None:
    """Records are read, looked at, and built as they were read."""
    found = records.parse(octets)
    for each in found:
        _ = each.quantity, each.number, each.when
    assert records.parse(records.build(found)) == found


@target("wmbus-meter", lambda: [joined([each]) for each in telegrams()] + [joined(telegrams())])
def _meter(octets: bytes) -> None:
    """Frames to a meter of each profile and mode, each in its window: what it does is answered as a firmware does."""
    for key, mode in ((KEYS[0], T2), (KEYS[1], C2), (KEYS[2], T2)):
        meter = Meter(METER, key, mode, count=count(1).__next__)
        meter.report(list(DATA), 0)
        for at, piece in enumerate(parted(octets), 1):
            _answer(meter, meter.feed(_air(mode.to_meter, piece), at * SECOND), at * SECOND)
            meter.expire((at + 1) * SECOND)


def _answer(meter: Meter, effects: list[Effect], now: int) -> None:
    for effect in effects:
        match effect:
            case Command():
                meter.reply(now, done=bool(effect.records))
            case Asked():
                meter.reply(now, list(DATA))
            case Transmit(chips=chips):
                assert chips


@target("wmbus-gateway", lambda: [joined([each]) for each in telegrams()] + [joined(telegrams())])
def _gateway(octets: bytes) -> None:
    """Frames to a hub that has a command and a question for its meter."""
    for key, mode in ((KEYS[0], C2), (KEYS[1], T2), (KEYS[2], C2)):
        gateway = Gateway(OTHER, mode, count=count(1).__next__)
        gateway.introduce(METER, key)
        gateway.command(METER, [Record.of(Quantity.CONTROL, 0, Coding.I8)])
        gateway.ask(METER)
        for at, piece in enumerate(parted(octets), 1):
            for effect in gateway.feed(_air(mode.from_meter, piece), at * SECOND):
                match effect:
                    case TransmitAt(when=when):
                        assert when >= at * SECOND
                    case Reported(records=found):
                        records.build(list(found))
            gateway.expire((at + 1) * SECOND)


def _air(way: Direction, piece: bytes) -> bytes:
    """A frame on the air with good checksums, where the piece fits into one."""
    try:
        return way.encode(framing.build(piece))
    except LocalProtocolError:
        return piece
