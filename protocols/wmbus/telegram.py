"""A whole telegram: sealed for the air, and opened (EN 13757-7; OMS volume 2, 5 to 9).

    meter -> gateway   L C M A | 8C CC ACC | 90 ... MAC | 7A ACC STS CF [CFE] | records
    gateway -> meter   L C M A | 90 ... MAC | 5B meter ACC STS CF [CFE] | records

The authentication layer and the configuration field's extension are there in security profile B only. Link-control telegrams
(acknowledgements, requests, resets) carry a transport header without records: they are authenticated in profile B and are in clear
in profile A.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.wmbus import security
from protocols.wmbus.layers import (
    BIDIRECTIONAL,
    LONG,
    SHORT,
    Authentication,
    Extended,
    Layer,
    Transport,
    TransportTo,
)
from protocols.wmbus.link import Address, Telegram

_COUNTER: Final = 4
_ZERO_VECTOR: Final = bytes(security.BLOCK)
_ACCESSIBLE: Final = 0x4000
_BOTH_WAYS: Final = 0x8000


class Profile(Enum):
    """Security profiles of OMS. NONE: nothing is protected."""

    NONE = "none"
    A = "a"
    B = "b"


@dataclass(frozen=True, slots=True)
class Key:
    """What a meter and its gateway share: the profile, and 16 octets unless it is NONE."""

    profile: Profile = Profile.NONE
    octets: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.profile is not Profile.NONE and len(self.octets) != security.BLOCK:
            raise LocalProtocolError(f"a key has {security.BLOCK} octets, not {len(self.octets)}")


@dataclass(frozen=True, slots=True)
class Content:
    """What a telegram says. `meter`: the meter at one end; `counter`: profile B's message counter; `records`: their octets."""

    control: int
    meter: Address
    access: int
    status: int = 0
    records: bytes = b""
    listens: bool = False
    counter: int | None = None


def seal(content: Content, key: Key, sender: Address | None = None) -> bytes:
    """The telegram, C-field first. `sender`: the gateway, None: the meter itself. Raises LocalProtocolError."""
    to_meter = sender is not None
    link = (sender or content.meter).build()
    meter = content.meter.build()
    head = b"" if to_meter else _extended(content)
    if key.profile is Profile.NONE:
        return _link(content, link) + head + _transport(content, to_meter, 0) + content.records
    blocks = _blocks(content.records)
    if key.profile is Profile.A:
        configuration = security.MODE_5 << 8 | blocks << 4 | _BOTH_WAYS | _ACCESSIBLE * content.listens if blocks else 0
        body = security.encrypt(key.octets, security.vector(meter, content.access), content.records) if blocks else b""
        return _link(content, link) + head + _transport(content, to_meter, configuration) + body
    if content.counter is None:
        raise LocalProtocolError("security profile B needs a message counter")
    direction = security.TO_METER if to_meter else security.FROM_METER
    counter, identification = content.counter.to_bytes(_COUNTER, "little"), content.meter.identification
    secret = security.derive(key.octets, counter, identification, direction)
    body = security.encrypt(secret, _ZERO_VECTOR, content.records) if blocks else b""
    transport = _transport(content, to_meter, security.MODE_7 << 8 | blocks << 4) + bytes((security.KDF_A,)) + body
    layer = Authentication(counter, b"")
    covered = bytes((layer.control,)) + counter + transport
    mac = security.mac_of(key.octets, counter, identification, direction, covered, layer.size)
    authentication = bytes((Layer.AUTHENTICATION,)) + Authentication(counter, mac).build()
    return _link(content, link) + head + authentication + transport


def unseal(octets: bytes, key: Key) -> Content:
    """What a telegram says. Raises RemoteProtocolError: malformed, not protected as the key asks, or a wrong key or MAC.

    Whether the counter is new is for the receiver to judge.
    """
    telegram = Telegram.parse(octets)
    rest, listens = bytes((telegram.layer,)) + telegram.content, False
    if rest[0] == Layer.EXTENDED_LINK_SHORT:
        extended, end = Extended.parse_from(rest, 1)
        rest, listens = rest[end:], bool(extended.control & BIDIRECTIONAL)
    authentication = None
    if rest[:1] == bytes((Layer.AUTHENTICATION,)):
        authentication, rest = Authentication.parse(rest[1:])
    header, meter, to_meter, end = _header(telegram, rest)
    mode = security.mode_of(header.configuration)
    blocks = security.blocks_of(header.configuration) if mode else 0
    identity = Address.parse(meter)
    counter = None
    body = rest[end:]
    if key.profile is Profile.NONE and mode:
        raise RemoteProtocolError(f"{identity}: encrypted, and no key is known")
    if key.profile is Profile.A:
        if authentication is not None or (mode != security.MODE_5 and body):
            raise RemoteProtocolError(f"{identity}: security mode {mode} where 5 is agreed")
        if len(body) != blocks * security.BLOCK:
            raise RemoteProtocolError(f"{identity}: {blocks} encrypted blocks in {len(body)} octets, and nothing may be in clear")
        if blocks:
            body = security.decrypt(key.octets, security.vector(meter, header.access), body, blocks)
    if key.profile is Profile.B:
        if authentication is None or mode != security.MODE_7:
            raise RemoteProtocolError(f"{identity}: security mode {mode} where 7 is agreed")
        if body[:1] != bytes((security.KDF_A,)):
            raise RemoteProtocolError(f"{identity}: a key derivation that is not supported")
        direction = security.TO_METER if to_meter else security.FROM_METER
        covered = bytes((authentication.control,)) + authentication.counter + rest
        expected = security.mac_of(
            key.octets, authentication.counter, identity.identification, direction, covered, len(authentication.mac)
        )
        security.check_mac(expected, authentication.mac)
        counter = int.from_bytes(authentication.counter, "little")
        body = body[1:]
        if blocks:
            secret = security.derive(key.octets, authentication.counter, identity.identification, direction)
            body = security.decrypt(secret, _ZERO_VECTOR, body, blocks)
    return Content(telegram.control, identity, header.access, header.status, body, listens, counter)


def _blocks(records: bytes) -> int:
    blocks = -(-(len(records) + 2) // security.BLOCK) if records else 0
    if blocks > security.MOST_BLOCKS:
        raise LocalProtocolError(f"{len(records)} octets of records; {security.MOST_BLOCKS} blocks can be encrypted")
    return blocks


def _link(content: Content, sender: bytes) -> bytes:
    return bytes((content.control,)) + sender


def _extended(content: Content) -> bytes:
    return bytes((Layer.EXTENDED_LINK_SHORT,)) + Extended(BIDIRECTIONAL if content.listens else 0, content.access).build()


def _transport(content: Content, to_meter: bool, configuration: int) -> bytes:
    if not to_meter:
        layer = Layer.RESPONSE_SHORT if content.records else Layer.TRANSPORT_SHORT
        return bytes((layer,)) + Transport(content.access, content.status, configuration).build()
    meter = content.meter
    layer = Layer.COMMAND_LONG if content.records else Layer.TRANSPORT_TO_METER
    named = meter.build()
    header = TransportTo(named[2:6], named[:2], meter.version, meter.type, content.access, content.status, configuration)
    return bytes((layer,)) + header.build()


def _header(telegram: Telegram, rest: bytes) -> tuple[Transport | TransportTo, bytes, bool, int]:
    """Transport header, the meter's M and A fields, whether it is to the meter, and where the header ends."""
    if not rest:
        raise RemoteProtocolError("a telegram without a transport layer")
    layer = rest[0]
    if layer in SHORT:
        header, end = Transport.parse_from(rest, 1)
        return header, telegram.sender, False, end
    if layer in LONG:
        long, end = TransportTo.parse_from(rest, 1)
        return long, long.address, layer in (Layer.COMMAND_LONG, Layer.TRANSPORT_TO_METER), end
    raise RemoteProtocolError(f"CI field {layer:02X} is not supported")
