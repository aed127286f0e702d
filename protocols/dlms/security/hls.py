"""High level security: what each end answers to the other's challenge (Green Book 9.2.7.4, Blue Book 4.4.4 reply_to_HLS).

Mechanism 2 is the manufacturer's own by the book; here it is what nearly every manufacturer does: AES-128 of the challenge under
the secret, each filled up with zeros. 3 MD5 and 4 SHA-1 of challenge and secret; 5 GMAC; 6 SHA-256; 7 ECDSA.
Not here: the four passes, and what becomes of a wrong answer (`open_association`, `client`).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import msgspec

from protocols.core.aes import BLOCK, TAG, ecb, gcm_seal
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.acse import Mechanism
from protocols.dlms.security import signature
from protocols.dlms.security.ciphering import SUITE, Control
from protocols.dlms.security.material import KeyId, SecurityMaterial

SHORTEST_CHALLENGE: Final = 8
LONGEST_CHALLENGE: Final = 64
_COUNTER: Final = slice(1, 5)
_GMAC_OCTETS: Final = 1 + 4 + TAG

TITLED: Final = frozenset((Mechanism.HIGH_GMAC, Mechanism.HIGH_SHA256, Mechanism.HIGH_ECDSA))
"""Mechanisms whose answers depend on the system titles of both ends."""
KEYED: Final = frozenset((Mechanism.HIGH_GMAC, Mechanism.HIGH_ECDSA))
"""Mechanisms that need keys instead of a secret."""


class Exchange(msgspec.Struct, frozen=True):
    """Titles and challenges as the end that proves itself sees them. `received` is what it answers, `sent` its own challenge."""

    title: bytes
    peer: bytes
    received: bytes
    sent: bytes


def acceptable(challenge: bytes) -> bool:
    """Whether a challenge has a length that the books allow."""
    return SHORTEST_CHALLENGE <= len(challenge) <= LONGEST_CHALLENGE


def prove(mechanism: Mechanism, exchange: Exchange, secret: bytes, material: SecurityMaterial | None) -> bytes:
    """The answer to the challenge received. Raises LocalProtocolError when a key is missing, or it is no HLS mechanism."""
    if mechanism is Mechanism.HIGH_GMAC:
        held = _required(material)
        control = Control.AUTHENTICATED | held.suite
        return _gmac(control, held.next_counter(), exchange, held)
    if mechanism is Mechanism.HIGH_ECDSA:
        return signature.sign(_required(material).keys.signing, _signed(exchange))
    return _digest(mechanism, exchange, secret)


def verify(mechanism: Mechanism, exchange: Exchange, secret: bytes, material: SecurityMaterial | None, answer: bytes) -> bool:
    """Whether an answer is right. `exchange`: as the other end, which gave the answer, sees it."""
    if mechanism is Mechanism.HIGH_GMAC:
        held = _required(material)
        if len(answer) != _GMAC_OCTETS or answer[0] != Control.AUTHENTICATED | held.suite:
            return False
        return hmac.compare_digest(_gmac(answer[0], int.from_bytes(answer[_COUNTER], "big"), exchange, held), answer)
    if mechanism is Mechanism.HIGH_ECDSA:
        public = _required(material).keys.peer_signing.get(exchange.title)
        if public is None:
            return False
        try:
            signature.verify(public, _signed(exchange), answer)
        except RemoteProtocolError:
            return False
        return True
    return hmac.compare_digest(_digest(mechanism, exchange, secret), answer)


def _required(material: SecurityMaterial | None) -> SecurityMaterial:
    if material is None:
        raise LocalProtocolError("this mechanism needs security material")
    return material


def _digest(mechanism: Mechanism, exchange: Exchange, secret: bytes) -> bytes:
    if mechanism is Mechanism.HIGH:
        return ecb(_filled(secret[:BLOCK]), _filled(exchange.received))
    if mechanism is Mechanism.HIGH_MD5:
        return hashlib.md5(exchange.received + secret, usedforsecurity=False).digest()
    if mechanism is Mechanism.HIGH_SHA1:
        return hashlib.sha1(exchange.received + secret, usedforsecurity=False).digest()
    if mechanism is Mechanism.HIGH_SHA256:
        return hashlib.sha256(secret + _signed(exchange)).digest()
    raise LocalProtocolError(f"{mechanism.name} is no mechanism of high level security")


def _signed(exchange: Exchange) -> bytes:
    return exchange.title + exchange.peer + exchange.received + exchange.sent


def _gmac(control: int, counter: int, exchange: Exchange, material: SecurityMaterial) -> bytes:
    iv = exchange.title + counter.to_bytes(4, "big")
    key = material.keys.symmetric.get(KeyId.UNICAST_ENCRYPTION)
    if key is None:
        raise LocalProtocolError("GMAC needs the global unicast encryption key")
    header = bytes((control & (SUITE | Control.AUTHENTICATED),))
    covered = header + material.keys.authentication + exchange.received
    return header + counter.to_bytes(4, "big") + gcm_seal(key, iv, covered, b"")


def _filled(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % BLOCK)
