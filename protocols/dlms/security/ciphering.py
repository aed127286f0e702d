"""Ciphered APDUs, service-specific and general (Green Book 9.2.7.2; IEC 62056-5-3 5.7.2).

Service-specific: the tag of glo-get-request and its kin or of ded-get-request and its kin, a length, the secured unit. General:
general-glo-ciphering or general-ded-ciphering, the sender's system title, a length, the secured unit. The secured unit is a
security control, an invocation counter, and the APDU: authenticated, encrypted, or both.
Not here: who may send what, replay of counters (`context`), general-ciphering and general-signing (`general`).
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final

import msgspec

from protocols.core.aes import TAG, gcm_open, gcm_seal
from protocols.core.codec import Frame, axdr_length, be, prefixed, rest
from protocols.core.errors import RemoteProtocolError

GENERAL_GLO: Final = 0xDB
GENERAL_DED: Final = 0xDC


class Control(IntFlag):
    """Security control; bits 0 to 3 are the number of the suite."""

    AUTHENTICATED = 0x10
    ENCRYPTED = 0x20
    BROADCAST = 0x40
    """Key set: the global broadcast encryption key instead of the unicast one."""
    COMPRESSED = 0x80


SUITE: Final = 0x0F
AUTHENTICATED_ENCRYPTED: Final = 0x30
"""Security control: suite 0, global unicast key, no compression."""
_AUTHENTICATED: Final = int(Control.AUTHENTICATED)
_ENCRYPTED: Final = int(Control.ENCRYPTED)


class Secured(Frame):
    """What the length counts: security control, invocation counter, and the APDU with its 12-octet tag, if it has one."""

    control: be.u8
    counter: be.u32
    contents: bytes = rest()


class Ciphered(Frame):
    """A ciphered APDU of any service; `tag` says which."""

    tag: be.u8
    secured: Secured = prefixed(axdr_length, Secured)


class GeneralCiphered(Frame):
    """general-glo-ciphering and general-ded-ciphering. `title`: the sender's; empty where both ends know it."""

    tag: be.u8
    title: bytes = prefixed(axdr_length)
    secured: Secured = prefixed(axdr_length, Secured)


class Keys(msgspec.Struct, frozen=True):
    """A block cipher key and the authentication key, 16 or 32 octets each; the latter may be empty. Not shown by repr."""

    encryption: bytes
    authentication: bytes

    def __repr__(self) -> str:
        return "Keys(redacted)"


def secure(apdu: bytes, keys: Keys, title: bytes, counter: int, control: int = AUTHENTICATED_ENCRYPTED) -> Secured:
    """The secured unit. `title` is the sender's system title, 8 octets; `counter` must never repeat under one key."""
    iv = title + counter.to_bytes(4, "big")
    header = bytes((control,)) + keys.authentication
    if control & _ENCRYPTED:
        contents = gcm_seal(keys.encryption, iv, header, apdu)
        if not control & _AUTHENTICATED:
            contents = contents[:-TAG]
    else:
        contents = apdu + gcm_seal(keys.encryption, iv, header + apdu, b"")
    return Secured(control, counter, contents)


def unsecure(secured: Secured, keys: Keys, title: bytes) -> bytes:
    """The plain APDU of a secured unit from the sender with that title.

    Raises RemoteProtocolError when it has no contents, is neither authenticated nor encrypted, or does not verify. What is only
    encrypted cannot be verified: what comes out is as good as who sent it.
    """
    control, contents = secured.control, secured.contents
    iv = title + secured.counter.to_bytes(4, "big")
    if not control & _AUTHENTICATED:
        if not control & _ENCRYPTED or not contents:
            raise RemoteProtocolError(f"security control {control:02X} with {len(contents)} octets secures nothing")
        return gcm_seal(keys.encryption, iv, b"", contents)[:-TAG]
    if len(contents) <= TAG:
        raise RemoteProtocolError("an authenticated APDU without contents")
    header = bytes((control,)) + keys.authentication
    if control & _ENCRYPTED:
        return gcm_open(keys.encryption, iv, header, contents)
    apdu = contents[:-TAG]
    gcm_open(keys.encryption, iv, header + apdu, contents[-TAG:])
    return apdu


def cipher(tag: int, apdu: bytes, keys: Keys, title: bytes, counter: int, control: int = AUTHENTICATED_ENCRYPTED) -> bytes:
    """The service-specific ciphered APDU. `title`: the sender's; `counter` must never repeat under one key."""
    return Ciphered(tag, secure(apdu, keys, title, counter, control)).build()


def decipher(data: bytes, keys: Keys, title: bytes) -> tuple[bytes, Secured]:
    """The plain APDU of a service-specific ciphered one, and the secured unit it was in. Raises RemoteProtocolError."""
    secured = Ciphered.parse(data).secured
    return unsecure(secured, keys, title), secured
