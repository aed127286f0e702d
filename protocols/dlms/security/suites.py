"""Security suites 0, 1 and 2, and the security policies (Green Book 9.2.3.7, Blue Book 4.4.7 security_policy).

Compression (bit 7 of the security control) belongs to suites 1 and 2 as an option; it is not offered here.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Literal

from protocols.core.ecc import Curve
from protocols.core.errors import LocalProtocolError


class Suite(IntEnum):
    """A security suite: AES-GCM for messages, AES key wrap, and from suite 1 on ECDSA, ECDH and SHA-2 of one strength."""

    S0 = 0
    S1 = 1
    S2 = 2

    @property
    def key_octets(self) -> int:
        """Of every symmetric key."""
        return 32 if self is Suite.S2 else 16

    @property
    def hash(self) -> Literal["sha256", "sha384"]:
        """Of signatures and key derivation. Suite 0 has none of these; 256 bits is what fits its keys."""
        return "sha384" if self is Suite.S2 else "sha256"

    @property
    def curve(self) -> Curve | None:
        """Of ECDSA and ECDH, with its hash; None: this suite has no public-key cryptography."""
        return (None, Curve.P256, Curve.P384)[self]

    @property
    def signature_octets(self) -> int:
        """Of a signature r || s; 0: this suite does not sign."""
        return 2 * self.curve.octets if self.curve else 0


class Policy(IntFlag):
    """security_policy of security setup version 1: what every message must have, of requests and of responses."""

    NOTHING = 0
    AUTHENTICATED_REQUEST = 1 << 2
    ENCRYPTED_REQUEST = 1 << 3
    SIGNED_REQUEST = 1 << 4
    AUTHENTICATED_RESPONSE = 1 << 5
    ENCRYPTED_RESPONSE = 1 << 6
    SIGNED_RESPONSE = 1 << 7

    @classmethod
    def version0(cls, number: int) -> Policy:
        """From the enumeration of security setup version 0: 0 nothing, 1 authenticated, 2 encrypted, 3 both; both ways."""
        if not 0 <= number <= 3:
            raise LocalProtocolError(f"security setup version 0 has no policy {number}")
        authenticated = cls.AUTHENTICATED_REQUEST | cls.AUTHENTICATED_RESPONSE if number & 1 else cls.NOTHING
        encrypted = cls.ENCRYPTED_REQUEST | cls.ENCRYPTED_RESPONSE if number & 2 else cls.NOTHING
        return authenticated | encrypted
