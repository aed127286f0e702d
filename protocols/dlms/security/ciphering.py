"""Service-specific ciphered APDUs, suite 0, authenticated and encrypted (Green Book 9.2.7; IEC 62056-5-3 5.7.2).

The tag of glo-get-request and its kin (C8..CF) or ded-get-request and its kin (D0..D7), a length, and the secured unit.
Not here: who may send what, replay of counters (the association's business), general-ciphering, other suites.
"""

from __future__ import annotations

import msgspec

from protocols.core.aes import TAG, gcm_open, gcm_seal
from protocols.core.codec import Frame, axdr_length, be, prefixed, rest
from protocols.core.errors import RemoteProtocolError

AUTHENTICATED_ENCRYPTED = 0x30
"""Security control: suite 0, global unicast key, no compression."""


class Secured(Frame):
    """What the length counts: security control, invocation counter, ciphertext and 12-octet tag."""

    control: be.u8
    counter: be.u32
    contents: bytes = rest()


class Ciphered(Frame):
    """A ciphered APDU of any service; `tag` says which."""

    tag: be.u8
    secured: Secured = prefixed(axdr_length, Secured)


class Keys(msgspec.Struct, frozen=True):
    """The global unicast encryption key and the authentication key, 16 octets each. Not shown by repr."""

    encryption: bytes
    authentication: bytes

    def __repr__(self) -> str:
        return "Keys(redacted)"


def cipher(tag: int, apdu: bytes, keys: Keys, title: bytes, counter: int) -> bytes:
    """The ciphered APDU. `title` is the sender's system title, 8 octets; `counter` must never repeat under one key."""
    iv = title + counter.to_bytes(4, "big")
    contents = gcm_seal(keys.encryption, iv, b"\x30" + keys.authentication, apdu)
    return Ciphered(tag, Secured(AUTHENTICATED_ENCRYPTED, counter, contents)).build()


def decipher(data: bytes, keys: Keys, title: bytes) -> tuple[bytes, int]:
    """The plain APDU and the counter it came under, from the sender with that title.

    Raises RemoteProtocolError when it is malformed, not authenticated and encrypted, or does not verify.
    """
    secured = Ciphered.parse(data).secured
    if secured.control != AUTHENTICATED_ENCRYPTED:
        raise RemoteProtocolError(f"security control {secured.control:02X} is not accepted")
    if len(secured.contents) <= TAG:
        raise RemoteProtocolError("a ciphered APDU without contents")
    iv = title + secured.counter.to_bytes(4, "big")
    return gcm_open(keys.encryption, iv, b"\x30" + keys.authentication, secured.contents), secured.counter
