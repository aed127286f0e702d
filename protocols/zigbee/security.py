"""Frame security of NWK and APS: auxiliary header, nonce, the keys and the ones derived from them, install codes.

05-3474 clauses 4.3.1 (NWK), 4.4.1 (APS), 4.5 (auxiliary header), 4.5.3 (key hierarchy), annex B; install codes: base device
behaviour clause 10.1 and SE 1.4 5.4.8.1. Smart energy uses one level, 5: encryption and a 4-octet MIC. The level is
sent as 0 and put back before the check, as all ZigBee PRO devices do. Frame counters belong to the layers that own the
keys' neighbours.
"""

from __future__ import annotations

from functools import cached_property

from protocols.core import aes, crc
from protocols.core.codec import Frame, le, this, when
from protocols.core.errors import LocalProtocolError, RemoteProtocolError

LEVEL = 5
MIC = 4
_AT_LEVEL = tuple(bytes((control & 0xF8 | LEVEL,)) for control in range(256))
"""Security control octets as they are authenticated: on the air their level bits are zero."""

EXTENDED_NONCE = 0x20
KEY_IDENTIFIER = 0x18
DATA_KEY = 0x00
NETWORK_KEY = 0x08
KEY_TRANSPORT_KEY = 0x10
KEY_LOAD_KEY = 0x18

COUNTER_LIMIT = 0xFFFFFFFF
"""A key whose counter has come this far is used up (4.3.1.1)."""

_INSTALL_CODES = (6, 8, 12, 16)


class Auxiliary(Frame):
    """Auxiliary frame header as sent: the level bits of `control` are zero. 05-3474 clause 4.5.1."""

    control: le.u8
    counter: le.u32
    source: int | None = when(this.control & 0x20, le.u64, default=None)
    key_sequence: int | None = when((this.control & 0x18) == 0x08, le.u8, default=None)


class InstallCodeError(LocalProtocolError):
    """An install code as entered has the wrong length or checksum."""


def install_code(entry: str) -> bytes:
    """The octets of an install code with its CRC, from hexadecimal digits; spaces, hyphens and case don't matter.

    Raises InstallCodeError.
    """
    try:
        code = bytes.fromhex(entry.replace("-", " "))
    except ValueError:
        raise InstallCodeError("install code: not pairs of hexadecimal digits") from None
    preconfigured_link_key(code)
    return code


def preconfigured_link_key(code: bytes) -> bytes:
    """The link key of an install code of 6, 8, 12 or 16 octets followed by its CRC. Raises InstallCodeError."""
    if len(code) - 2 not in _INSTALL_CODES:
        raise InstallCodeError(f"install code: {len(code)} octets; 8, 10, 14 or 18 are possible, CRC included")
    if crc.x25(code[:-2]) != int.from_bytes(code[-2:], "little"):
        raise InstallCodeError("install code: the CRC does not fit")
    return aes.mmo(code)


DEFAULT_LINK_KEY = b"ZigBeeAlliance09"
"""The default global trust centre link key, which everybody knows (05-3474 clause 4.6.3.2.2)."""

INSTALL_CODE = "install code"
DEFAULT = "default link"
TRUST_CENTRE = "trust centre link"
CERTIFIED = "key establishment"
APPLICATION = "application"
SWAPPED = "swap-out"
AGREED = (CERTIFIED, APPLICATION)
"""Link keys that certificates stand behind."""


class LinkKey:
    """A key shared with one partner, the keys derived from it, and the counter the partner must exceed.

    `kind` says where it comes from: `INSTALL_CODE`, `DEFAULT`, `TRUST_CENTRE` (asked for after joining), `CERTIFIED` (agreed
    on with certificates), `APPLICATION` (brokered), `SWAPPED` (the hash of the key held with the trust centre before).
    """

    def __init__(self, key: bytes, kind: str, incoming: int = -1) -> None:
        self.key = key
        self.kind = kind
        self.incoming = incoming

    def __repr__(self) -> str:
        return f"LinkKey(<redacted>, {self.kind!r}, incoming={self.incoming})"

    @cached_property
    def transport(self) -> bytes:
        """Key-transport key: protects Transport-Key with the network key."""
        return aes.hmac_mmo(self.key, b"\x00")

    @cached_property
    def load(self) -> bytes:
        """Key-load key: protects Transport-Key with a link key."""
        return aes.hmac_mmo(self.key, b"\x02")

    @cached_property
    def verification(self) -> bytes:
        """The hash that Verify-Key carries."""
        return aes.hmac_mmo(self.key, b"\x03")

    def derived(self, identifier: int) -> bytes:
        """The key an auxiliary header's key identifier asks for. Raises RemoteProtocolError for the network key."""
        if identifier == DATA_KEY:
            return self.key
        if identifier == KEY_TRANSPORT_KEY:
            return self.transport
        if identifier == KEY_LOAD_KEY:
            return self.load
        raise RemoteProtocolError("APS security under the network key")


def successor(link: LinkKey) -> LinkKey:
    """The link key with a trust centre that takes over: the hash of the key held with the one before (SE 1.4 5.4.2.2.3)."""
    return LinkKey(aes.mmo(link.key), SWAPPED)


class NetworkKey:
    """A network key and, for each neighbour that proved to hold it, the counter of the last frame it sent.

    `stored`: the counters in non-volatile memory; `doubted`: neighbours not heard above theirs since
    a restart, and from when on they may be told so (`freshness`).
    """

    __slots__ = ("doubted", "incoming", "key", "stored")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.incoming: dict[int, int] = {}
        self.stored: dict[int, int] = {}
        self.doubted: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"NetworkKey(<redacted>, {len(self.incoming)} neighbours)"


def seal(key: bytes, source: bytes, header: bytes, auxiliary: bytes, payload: bytes) -> bytes:
    """The secured frame: header, auxiliary header, ciphertext, MIC.

    `source` is the sender's EUI-64 as 8 little-endian octets; `auxiliary` as sent, its level bits zero.
    """
    control = _AT_LEVEL[auxiliary[0]]
    authenticated = header + control + auxiliary[1:]
    return header + auxiliary + aes.ccm_seal(key, source + auxiliary[1:5] + control, authenticated, payload)


def unseal(key: bytes, source: bytes, frame: bytes, start: int, end: int) -> bytes:
    """The plain payload of a secured frame whose auxiliary header is `frame[start:end]`.

    Raises RemoteProtocolError when the MIC is missing or wrong.
    """
    if len(frame) - end < MIC:
        raise RemoteProtocolError("no room for the MIC")
    control = _AT_LEVEL[frame[start]]
    nonce = source + frame[start + 1 : start + 5] + control
    return aes.ccm_open(key, nonce, frame[:start] + control + frame[start + 1 : end], frame[end:])
