"""The shared secret of two certificates and two ephemeral keys (ECMQV), the keys made from it, and their confirmation.

SE 1.4 annex C.4.2 and C.5 (the numbers of C.5 and C.6 are in the tests); SEC 1 3.4 (MQV with cofactor), 3.6.1 (the key derivation
function, without shared information), NIST SP 800-56A 5.9 (bilateral confirmation). Hash and MAC: AES-MMO and HMAC over it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from protocols.core import aes
from protocols.zigbee.key_establishment.certificates import Credentials, RandomBits, scalar
from protocols.zigbee.key_establishment.curves import Curve, InvalidPoint, Point

_MAC_KEY = b"\x00\x00\x00\x01"
_LINK_KEY = b"\x00\x00\x00\x02"
_INITIATOR = b"\x02"
_RESPONDER = b"\x03"


@dataclass(frozen=True)
class Keys:
    """What both ends derive: the key that confirms, and the link key."""

    mac: bytes = field(repr=False)
    link: bytes = field(repr=False)


@dataclass(frozen=True)
class Party:
    """One end as the confirmation names it: EUI-64, and ephemeral public key in compressed form."""

    eui64: int
    ephemeral: bytes

    @property
    def identity(self) -> bytes:
        """The EUI-64 as the MAC covers it: most significant octet first."""
        return self.eui64.to_bytes(8, "big")


def _associate(curve: Curve, point: Point) -> int:
    """The associate value of a point: the lower half of its x coordinate, with the next bit set."""
    half = 1 << (curve.order.bit_length() + 1) // 2
    return point.x % half + half


class Ephemeral(NamedTuple):
    """A key pair for one exchange."""

    private: int
    public: Point


def generate(curve: Curve, random: RandomBits) -> Ephemeral:
    """A fresh key pair."""
    private = scalar(curve, random)
    public = curve.times(private, curve.generator)
    assert public is not None  # a private key is below the order
    return Ephemeral(private, public)


def agree(own: Credentials, ephemeral: Ephemeral, peer: Point, peer_ephemeral: Point) -> Keys:
    """Both keys, from our long-lived key, our ephemeral one, and the peer's public ones.

    Raises InvalidPoint where the shared secret is the point at infinity.
    """
    curve = own.suite.curve
    implicit = (ephemeral.private + _associate(curve, ephemeral.public) * own.private_key) % curve.order
    theirs = curve.add(peer_ephemeral, curve.times(_associate(curve, peer_ephemeral), peer))
    shared = curve.times(curve.cofactor * implicit, theirs)
    if shared is None:
        raise InvalidPoint("the shared secret is the point at infinity")
    secret = shared.x.to_bytes(curve.octets, "big")
    return Keys(aes.mmo(secret + _MAC_KEY), aes.mmo(secret + _LINK_KEY))


def confirm_initiator(keys: Keys, initiator: Party, responder: Party) -> bytes:
    """MACU: the initiator's proof."""
    return _mac(keys, _INITIATOR, initiator, responder)


def confirm_responder(keys: Keys, initiator: Party, responder: Party) -> bytes:
    """MACV: the responder's proof."""
    return _mac(keys, _RESPONDER, responder, initiator)


def _mac(keys: Keys, role: bytes, prover: Party, verifier: Party) -> bytes:
    message = role + prover.identity + verifier.identity + prover.ephemeral + verifier.ephemeral
    return aes.hmac_mmo(keys.mac, message)
