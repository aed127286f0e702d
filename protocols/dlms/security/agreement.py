"""Keys that two parties agree on: ECC CDH on the suite's curve, and the concatenation key derivation function.

Green Book 9.2.3.4.6.3 to .5 (NIST SP 800-56A 5.8.1). Three schemes, which differ in whose keys meet and in what is said of them:
C(2e, 0s) ephemeral unified model (security setup's key_agreement): both ephemeral; `parties(u, v)`.
C(1e, 1s) one-pass Diffie-Hellman (general-ciphering): ephemeral of U, static of V; `parties(u, v)`.
C(0e, 2s) static unified model (general-ciphering): both static; `parties_of_message(u, transaction, v)` makes each key differ.
Not here: the signatures over ephemeral points, and where keys are kept. Shared secrets are remembered in `protocols.core.ecc`.
"""

from __future__ import annotations

import hashlib
from typing import Final

from protocols.core.codec.constructs import axdr_length_octets
from protocols.core.ecc import curve_of_private, curve_of_public, shared_secret
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.security.suites import Suite

DLMS_ARC: Final = bytes.fromhex("608574050803")
"""AlgorithmID without its last octet: the DLMS UA's {2 16 756 5 8 3}, which table 41's message and the known stacks use."""
GB_ARC: Final = bytes.fromhex("608574060803")
"""The same as the annex of Green Book 8 prints it in its examples, and GB smart metering uses it."""

_COUNTER: Final = bytes.fromhex("00000001")


def algorithm_id(suite: Suite, arc: bytes = DLMS_ARC) -> bytes:
    """AlgorithmID of the suite's AES-GCM key: 7 octets, ending in 00 (AES-GCM-128) or 01 (AES-GCM-256)."""
    return arc + (b"\x01" if suite is Suite.S2 else b"\x00")


def parties(u: bytes, v: bytes) -> bytes:
    """PartyUInfo and PartyVInfo of 2e0s and 1e1s: the system titles of who began and of who answers."""
    return u + v


def parties_of_message(u: bytes, transaction: bytes, v: bytes) -> bytes:
    """PartyUInfo and PartyVInfo of 0e2s: between the titles the transaction-id, with its length, which must be new each time."""
    return u + axdr_length_octets(len(transaction)) + transaction + v


def derive(suite: Suite, z: bytes, algorithm: bytes, party_info: bytes) -> bytes:
    """The key, as long as the suite has them: SHA-2 (00000001 || Z || AlgorithmID || PartyUInfo || PartyVInfo), cut."""
    return hashlib.new(suite.hash, _COUNTER + z + algorithm + party_info).digest()[: suite.key_octets]


def agree(suite: Suite, private: bytes, public: bytes, algorithm: bytes, party_info: bytes) -> bytes:
    """The key that one's private key and the other's public key give.

    Raises RemoteProtocolError when the other's key is no point of the suite's curve.
    """
    curve = suite.curve
    if curve is None or curve_of_private(private) is not curve:
        raise LocalProtocolError(f"no key agreement in {suite.name} with such a key")
    if curve_of_public(public) is not curve:
        raise RemoteProtocolError(f"the point is not of the curve of {suite.name}")
    return derive(suite, shared_secret(private, public), algorithm, party_info)
