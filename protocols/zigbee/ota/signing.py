"""Who made a firmware file: ECDSA over its AES-MMO hash, with the implicit certificates of smart energy (07-5123 clause 11.7.1).

ANSI X9.62 on the curves of key establishment. Pure Python and not constant in time. TEST KEYS ONLY.
"""

from __future__ import annotations

from typing import NamedTuple

from protocols.zigbee.key_establishment.certificates import (
    CertificateError,
    Credentials,
    RandomBits,
    Suite,
    public_key,
    scalar,
)


class Trust(NamedTuple):
    """Whom a device believes: `signers` (EUI-64) with a certificate of this issuer, whose public key is `authority`, compressed."""

    suite: Suite
    issuer: int
    authority: bytes
    signers: tuple[int, ...]

    def believes(self, signer: int, certificate: bytes, digest: bytes, signature: bytes) -> bool:
        """Whether the signature is one of a signer that we believe, of octets with this hash."""
        if signer not in self.signers:
            return False
        try:
            told = self.suite.parse(certificate)
            if (told.subject, told.issuer) != (signer, self.issuer):
                return False
            return verify(self.suite, certificate, self.authority, digest, signature)
        except CertificateError:
            return False


def verify(suite: Suite, certificate: bytes, authority: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether the owner of a certificate signed a hash. Raises CertificateError."""
    curve = suite.curve
    half = len(signature) // 2
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    if not (0 < r < curve.order and 0 < s < curve.order):
        return False
    inverse = pow(s, -1, curve.order)
    ours = curve.times(int.from_bytes(digest, "big") * inverse % curve.order, curve.generator)
    theirs = curve.times(r * inverse % curve.order, public_key(suite, certificate, authority))
    point = curve.add(ours, theirs)
    return point is not None and point.x % curve.order == r


def sign(credentials: Credentials, digest: bytes, random: RandomBits) -> bytes:
    """r and s of a hash, big-endian, each as long as the order."""
    curve = credentials.suite.curve
    while True:
        secret = scalar(curve, random)
        point = curve.times(secret, curve.generator)
        assert point is not None  # the secret is below the order
        r = point.x % curve.order
        s = pow(secret, -1, curve.order) * (int.from_bytes(digest, "big") + r * credentials.private_key) % curve.order
        if r and s:
            return r.to_bytes(curve.scalar_octets, "big") + s.to_bytes(curve.scalar_octets, "big")
