"""Elliptic curves over prime fields, P-256 and P-384: signing, verifying, shared secrets, key pairs from a seed.

FIPS 186-5 (ECDSA; deterministic nonces of RFC 6979), NIST SP 800-56A 5.7.1.2 (ECC CDH). Keys are octets: a private key is its
scalar, a public key is X || Y without the octet that says "uncompressed"; how many there are says which curve it is.
Key objects and shared secrets are kept: making one costs more than using it. Not here: what is signed, and what becomes
of a shared secret. The binary curves of ZigBee are not here either.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from random import Random
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from protocols.core.errors import LocalProtocolError, RemoteProtocolError

_KEYS: Final = 1024
_SECRETS: Final = 4096
_UNCOMPRESSED: Final = b"\x04"


class Curve(Enum):
    """A curve with its hash. `octets`: of a coordinate, of a scalar, and of each half of a signature."""

    P256 = ("secp256r1", 32, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551)
    P384 = (
        "secp384r1", 48,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    )  # fmt: skip

    def __init__(self, standard: str, octets: int, order: int) -> None:
        self.standard = standard
        self.octets = octets
        self.order = order


_CURVES: Final[dict[Curve, tuple[ec.EllipticCurve, hashes.HashAlgorithm]]] = {
    Curve.P256: (ec.SECP256R1(), hashes.SHA256()),
    Curve.P384: (ec.SECP384R1(), hashes.SHA384()),
}
_BY_OCTETS: Final = {curve.octets: curve for curve in Curve}


def curve_of_private(private: bytes) -> Curve:
    """The curve of a private key. Raises LocalProtocolError."""
    curve = _BY_OCTETS.get(len(private))
    if curve is None:
        raise LocalProtocolError(f"a private key has 32 or 48 octets, not {len(private)}")
    return curve


def curve_of_public(public: bytes) -> Curve:
    """The curve that a public key of so many octets would be on. Raises RemoteProtocolError."""
    curve = _BY_OCTETS.get(len(public) // 2)
    if curve is None or len(public) % 2:
        raise RemoteProtocolError(f"a public key has 64 or 96 octets, not {len(public)}")
    return curve


def generate(curve: Curve, rng: Random) -> bytes:
    """A private key from a seeded source: for the bench, whose runs must repeat. Test keys only."""
    return (1 + rng.getrandbits(8 * curve.octets + 64) % (curve.order - 1)).to_bytes(curve.octets, "big")


@lru_cache(maxsize=_KEYS)
def public_key(private: bytes) -> bytes:
    """The public key of a private key: X || Y."""
    octets = curve_of_private(private).octets
    point = private_key_object(private).public_key().public_numbers()
    return point.x.to_bytes(octets, "big") + point.y.to_bytes(octets, "big")


def check_point(public: bytes) -> None:
    """Raise RemoteProtocolError unless it is a point of its curve. (Infinity has no coordinates: it cannot be written.)"""
    public_key_object(public)


def sign(private: bytes, data: bytes) -> tuple[int, int]:
    """The signature (r, s) over data: the same for the same key and data, always."""
    algorithm = ec.ECDSA(_CURVES[curve_of_private(private)][1], deterministic_signing=True)
    return decode_dss_signature(private_key_object(private).sign(data, algorithm))


def verify(public: bytes, data: bytes, r: int, s: int) -> bool:
    """Whether (r, s) is that key's signature over data. Raises RemoteProtocolError when the key is no point."""
    key = public_key_object(public)
    curve = curve_of_public(public)
    if not (0 < r < curve.order and 0 < s < curve.order):
        return False
    try:
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(_CURVES[curve][1]))
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=_SECRETS)
def shared_secret(private: bytes, public: bytes) -> bytes:
    """Z of ECC CDH: the x coordinate of the common point. Raises RemoteProtocolError for a point of no use."""
    if curve_of_public(public) is not curve_of_private(private):
        raise RemoteProtocolError("the peer's point is on another curve")
    return private_key_object(private).exchange(ec.ECDH(), public_key_object(public))


@lru_cache(maxsize=_KEYS)
def private_key_object(private: bytes) -> ec.EllipticCurvePrivateKey:
    """The library's object, for the modules beside this one. Raises LocalProtocolError."""
    curve = curve_of_private(private)
    scalar = int.from_bytes(private, "big")
    if not 0 < scalar < curve.order:
        raise LocalProtocolError(f"no private key of {curve.standard}")
    return ec.derive_private_key(scalar, _CURVES[curve][0])


@lru_cache(maxsize=_KEYS)
def public_key_object(public: bytes) -> ec.EllipticCurvePublicKey:
    """The library's object, for the modules beside this one. Raises RemoteProtocolError."""
    curve = curve_of_public(public)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[curve][0], _UNCOMPRESSED + public)
    except ValueError:
        raise RemoteProtocolError(f"not a point of {curve.standard}") from None
