"""Digital signatures of DLMS: ECDSA on P-256 with SHA-256 (suite 1) and P-384 with SHA-384 (suite 2), plain r || s.

Green Book 9.2.3.4.6. Keys are octets as `protocols.core.ecc` has them: private the scalar, public X || Y. Signing is
deterministic (RFC 6979), so that a run can be repeated. Not here: what is signed, and whose key it is.
"""

from __future__ import annotations

from protocols.core import ecc
from protocols.core.ecc import Curve, generate, public_key
from protocols.core.errors import RemoteProtocolError

__all__ = ["BadSignature", "Curve", "generate", "public_key", "sign", "verify"]


class BadSignature(RemoteProtocolError):
    """A signature that is not that party's over those octets."""


def sign(private: bytes, data: bytes) -> bytes:
    """The signature over data: 64 octets with a key of P-256, 96 with one of P-384."""
    octets = ecc.curve_of_private(private).octets
    r, s = ecc.sign(private, data)
    return r.to_bytes(octets, "big") + s.to_bytes(octets, "big")


def verify(public: bytes, data: bytes, signature: bytes) -> None:
    """Raise BadSignature unless it is that key's signature over data; RemoteProtocolError when the key is no key."""
    octets = ecc.curve_of_public(public).octets
    if len(signature) != 2 * octets:
        raise BadSignature(f"a signature has {2 * octets} octets, not {len(signature)}")
    r, s = int.from_bytes(signature[:octets], "big"), int.from_bytes(signature[octets:], "big")
    if not ecc.verify(public, data, r, s):
        raise BadSignature("the signature is wrong")
