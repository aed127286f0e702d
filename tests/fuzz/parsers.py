"""Fuzz targets: the parsers, each a function of octets and nothing else."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Final

from protocols import iec62056_21
from protocols.core import ecc, x509
from protocols.core.codec import Frame
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import acse, apdu, axdr, hdlc, initiate, wrapper
from protocols.dlms.cosem import compact_data, compression, date_time, registry
from protocols.dlms.cosem.interface import DECLARED
from protocols.dlms.security import general, signature
from protocols.dlms.security.ciphering import Ciphered, GeneralCiphered
from protocols.gbcs import message, utrn
from protocols.iec62056_21.data_set import parse_block
from tests.fuzz.target import apdus, pieces, requests, target, vectors
from tools.central import messages


@target("axdr", apdus)
def _axdr(octets: bytes) -> None:
    built = axdr.Data.parse(octets).build()
    assert axdr.Data.parse(built).build() == built


@target("apdu", apdus)
def _apdu(octets: bytes) -> None:
    _again(type(apdu.parse(octets)), octets)


def _again(kind: type[Frame], octets: bytes) -> None:
    """What was parsed can be built, and is then as it was (a number that is none is not equal to itself)."""
    built = kind.parse(octets).build()
    assert kind.parse(built).build() == built


SECURED = (Ciphered, GeneralCiphered, general.GeneralCiphering, general.GeneralSigning)


@target("secured-frames", apdus)
def _secured_frames(octets: bytes) -> None:
    _each(octets, *SECURED)


INITIATE = "01000000065F1F0400007E1F04B0", "0800065F1F0400007E1F02000007", "0E010600"


@target("initiate", lambda: [*map(bytes.fromhex, INITIATE), *apdus()])
def _initiate(octets: bytes) -> None:
    _each(octets, initiate.InitiateRequest, initiate.InitiateResponse, initiate.ConfirmedServiceError, acse.AARQ, acse.AARE)


def _each(octets: bytes, *kinds: type[Frame]) -> None:
    for kind in kinds:
        with suppress(RemoteProtocolError):
            _again(kind, octets)


GBCS = "DD000000000000281100000000DF090100000000000003E90890B3D51F300100000800DB1234567890A1000200150100", "DF09010000"


UTRNS: Final = (b"73943333457189043313", b"73947252416745201637", b"73946144332040217315")
"""Published ones (gbcs-parser, RTDS)."""


@target("utrn", lambda: list(UTRNS))
def _utrn(octets: bytes) -> None:
    """What 20 digits say makes them again but for code and check digit, and is authentic under no key that nobody has."""
    told = utrn.parse(octets.decode("latin-1"))
    assert told.value <= utrn.MOST
    assert told.number < utrn.NUMBERS
    utrn.authentic(told, bytes(32), 1, 2, told.number)


@target("gbcs-message", lambda: [*map(bytes.fromhex, GBCS), *apdus()])
def _message(octets: bytes) -> None:
    """A code is read of anything, and of what has a grouping header it is that of the header built again."""
    code = message.message_code(octets)
    _each(octets, message.Authenticated, message.SecurityHeader)
    header = message.grouping(octets)
    assert message.grouping(header.build()) == header
    assert message.message_code(header.build()) == code


@target("types", lambda: [bytes((number % 256,)) + octets for number, octets in enumerate(vectors())])
def _types(octets: bytes) -> None:
    """Any value as any attribute: of the declared type or not, it can be shown."""
    value = axdr.Data.parse(octets[1:])
    classes = list(DECLARED)
    class_id, version = classes[(octets[:1] or b"\0")[0] % len(classes)]
    for number in DECLARED[class_id, version].attributes:
        registry.named(class_id, version, number, value)


def _moments() -> list[bytes]:
    return [date_time.encode(0), bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF"), bytes.fromhex("07E80A0F02173B3B00FFC400")]


@target("date-time", _moments)
def _date_time(octets: bytes) -> None:
    date_time.is_complete(octets)
    for reading in (date_time.instant, date_time.earliest, date_time.latest):
        found = reading(octets)
        assert found is None or date_time.to_datetime(max(found, 0))


def _buffers() -> list[bytes]:
    rows = "0102 0202 090C 07E80505070C0000000000000600000001 0202 00 1F05", "13 0202 06 06 08 00000001 00000002"
    return [*map(bytes.fromhex, rows), *vectors()]


@target("profile-rows", _buffers)
def _profile_rows(octets: bytes) -> None:
    """Null-data and deltas lead somewhere, or are refused."""
    for row in compression.expand(axdr.Data.parse(octets), 0, 900):
        axdr.structure(*row).build()


@target("compact-data", lambda: [bytes.fromhex("07 02041106011109 0501020304020708024142")])
def _compact_data(octets: bytes) -> None:
    """A template, its length before it, and a buffer."""
    size = octets[0] if octets else 0
    template, buffer = octets[1 : 1 + size], octets[1 + size :]
    built = compact_data.contents(compact_data.parse(template, buffer))
    assert compact_data.contents(compact_data.parse(template, built)) == built


# --- framings


@target("wrapper", lambda: [b"\0" + wrapper.wrap(16, 1, octets) for octets in requests()])
def _wrapper(octets: bytes) -> None:
    splitter = wrapper.Splitter()
    for piece in pieces(octets):
        for pdu in splitter.feed(piece):
            assert 0 < len(pdu.apdu) <= wrapper.LARGEST_APDU


@target("datagram", lambda: [wrapper.wrap(16, 1, octets) for octets in requests()])
def _datagram(octets: bytes) -> None:
    pdu = wrapper.unwrap(octets)
    assert wrapper.wrap(*pdu) == octets


def _lines() -> list[bytes]:
    first = partial(hdlc.Frame.unnumbered, hdlc.Kind.UI, hdlc.Address(1), hdlc.Address(16), poll=True)
    frames = [first(information=octets[:120]).build() for octets in requests()]
    return [b"\0" + octets for octets in (*frames, *vectors())]


@target("hdlc-deframer", _lines)
def _hdlc_deframer(octets: bytes) -> None:
    deframer, whole = hdlc.Deframer(), hdlc.Deframer()
    found = [frame for piece in pieces(octets) for frame in deframer.scan(piece)]
    assert found == whole.scan(octets[1:])
    for frame in [*found, *deframer.abandon()]:
        if isinstance(frame, hdlc.Frame):
            assert hdlc.Frame.parse(frame.build()) == frame


MESSAGES = (
    b"/?!\r\n", b"/?12345678!\r\n", b"\x06050\r\n", b"\x06252\r\n", b"/MBE5meter\r\n", b"/MBE5\\2meter\r\n",
    b"\x021-0:1.8.0(0004321*kWh)\r\n!\r\n\x03", b"\x01R1\x021.8.0()\x03\x5a", b"\x01B0\x03\x71", b"\x02C.1(1)(2*V)\x03\x12",
)  # fmt: skip


@target("iec62056-21", lambda: MESSAGES)
def _iec62056_21(octets: bytes) -> None:
    for kind in (iec62056_21.Request, iec62056_21.Identification, iec62056_21.OptionSelect, iec62056_21.Block):
        with suppress(RemoteProtocolError):
            assert kind.parse(octets).build()
    for data_set in parse_block(octets.decode("latin-1")):
        for value in data_set.values:
            assert value.number is None or isinstance(value.number, Decimal)


# --- keys and certificates


PRIVATE = (0xC0FFEE).to_bytes(32, "big")
PUBLIC = ecc.public_key(PRIVATE)


@target("signature", lambda: [bytes(64), b"\xff" * 64, bytes(63), bytes(65), bytes(96)])
def _signature(octets: bytes) -> None:
    try:
        signature.verify(PUBLIC, b"data", octets)
    except RemoteProtocolError:
        return
    raise AssertionError(f"{octets.hex()} is no signature of ours")


@target("public-key", lambda: [PUBLIC, bytes(64), b"\xff" * 64, bytes(96), bytes(63)])
def _public_key(octets: bytes) -> None:
    """A point that is not on the curve makes no secret."""
    ecc.shared_secret(PRIVATE, octets)


def _certificates() -> list[bytes]:
    name = x509.Name("fuzz")
    return [octets for octets in vectors() if octets[:1] == b"\x30"] + [x509.request(PRIVATE, name)]


@target("certificate", _certificates)
def _certificate(octets: bytes) -> None:
    for read in (x509.parse, x509.parse_request):
        with suppress(RemoteProtocolError):
            read(octets)


@target(
    "user-message",
    lambda: [
        messages.build(messages.Request(transaction=1, service="read", device="home1/esme", item="1-0:1.8.0")),
        messages.build(messages.Ticket(transaction=2, premises="home1", leg="HAN", what="esme: silent")),
        b'{"type":"response","transaction":0,"value":"x"}',
    ],
)
def user_message(octets: bytes) -> None:
    read = messages.parse(octets)
    assert messages.parse(messages.build(read)) == read
