"""Certificates of one security setup: whose public keys it believes, and why (Green Book 9.2.6; Blue Book 4.4.7, certificates).

A certificate binds a system title to one key for one purpose. It is taken in only if everything about it is right: octets, curve
of the suite, key usage, title, time, an issuer that leads to a trusted authority, and, when it is our own, the key pair that
was made for it. What is refused has changed nothing. System titles stand in a certificate in one of three places:
x500UniqueIdentifier (GB organisations), hardware module name (GB devices), common name in hexadecimal (the DLMS UA's way).
Private keys come from a seed and are test keys. Not here: TLS, revocation lists, certificates without X.509.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from random import Random
from typing import Final

import msgspec

from protocols.core import x509
from protocols.core.ecc import curve_of_public, generate, public_key
from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.core.x509 import Certificate, Name, Usage
from protocols.dlms.security.material import TITLE_OCTETS, SecurityMaterial

LONGEST_CHAIN: Final = 4
"""Authorities between a certificate and the one that is trusted by itself, that one included."""
MOST: Final = 64
"""Certificates that one store keeps."""
_INTEGER: Final = 0x02


class CertificateRefused(RemoteProtocolError):
    """A certificate that is not taken in, or one that is not there. Nothing has changed."""


class Entity(IntEnum):
    """certificate_entity: whose it is, seen from the server."""

    SERVER = 0
    CLIENT = 1
    CERTIFICATION_AUTHORITY = 2
    OTHER = 3


class CertificateType(IntEnum):
    """certificate_type, and key_pair of the methods that make one."""

    DIGITAL_SIGNATURE = 0
    KEY_AGREEMENT = 1
    TLS = 2
    OTHER = 3


_TYPES: Final = {
    Usage.DIGITAL_SIGNATURE: CertificateType.DIGITAL_SIGNATURE,
    Usage.KEY_AGREEMENT: CertificateType.KEY_AGREEMENT,
}
"""A key has one purpose."""


class Entry(msgspec.Struct, frozen=True):
    """A certificate that was taken in. `title`: of whose it is; an authority has none."""

    certificate: Certificate
    entity: Entity
    type: CertificateType
    title: bytes = b""

    @property
    def serial(self) -> bytes:
        """The serial number as a DER integer, which is how it is shown."""
        number = self.certificate.serial
        contents = number.to_bytes(number.bit_length() // 8 + 1, "big")
        return bytes((_INTEGER, len(contents))) + contents


class Saved(msgspec.Struct, frozen=True):
    """What a store keeps from one life to the next: certificates (DER), private keys by purpose that wait and that are used, and
    what was revoked, by issuer (DER) and serial number. Not shown by repr."""

    certificates: list[bytes]
    pending: dict[int, bytes]
    own: dict[int, bytes]
    revoked: list[tuple[bytes, bytes]]

    def __repr__(self) -> str:
        return f"Saved({len(self.certificates)} certificates, keys redacted)"

    def without_own(self, title: bytes) -> Saved:
        """What the device of this title may hand to another one: what it knows of other parties, and nothing of its own."""
        return Saved([der for der in self.certificates if not _names(der, title)], {}, {}, self.revoked)

    def with_others(self, handed: Saved) -> Saved:
        """With what another device handed over; one's own key pairs stay. Raises RemoteProtocolError for private keys in it."""
        if handed.pending or handed.own:
            raise CertificateRefused("private keys of another device")
        certificates = [*self.certificates, *(der for der in handed.certificates if der not in self.certificates)]
        revoked = [*self.revoked, *(each for each in handed.revoked if each not in self.revoked)]
        if len(certificates) > MOST:
            raise CertificateRefused(f"{len(certificates)} certificates")
        for der in handed.certificates:
            x509.parse(der)
        return Saved(certificates, self.pending, self.own, revoked)


class CertificateStore:
    """The certificates of one end, and the private keys they are for. Public keys of others go into the material's key set.

    `authorities`: DER octets of those that are trusted by themselves; they cannot be removed. `peers`: titles of those whose
    certificates are taken in, None: of anybody that a trusted authority vouches for.
    """

    def __init__(self, material: SecurityMaterial, authorities: Iterable[bytes] = (), peers: Iterable[bytes] | None = None) -> None:
        self.material = material
        self.peers = None if peers is None else frozenset(peers)
        self._trusted = tuple(x509.parse(der) for der in authorities)
        self._entries = [_authority(trusted) for trusted in self._trusted]
        self._pending: dict[CertificateType, bytes] = {}
        self._revoked: set[tuple[bytes, int]] = set()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    # --- another life

    @property
    def saved(self) -> Saved:
        """All that must outlive a restart. It holds private keys."""
        return Saved(
            [entry.certificate.der for entry in self._entries if entry.certificate not in self._trusted],
            {int(type): private for type, private in self._pending.items()},
            {int(type): self._private(type) for type in _OWN},
            [(issuer, number.to_bytes(number.bit_length() // 8 + 1, "big")) for issuer, number in sorted(self._revoked)],
        )

    def restore(self, saved: Saved) -> None:
        """Go on as `saved` says. Its certificates were checked when they came: chains and times are not looked at again."""
        self._pending = {CertificateType(type): private for type, private in saved.pending.items()}
        self._revoked = {(issuer, int.from_bytes(number, "big")) for issuer, number in saved.revoked}
        for type, private in saved.own.items():
            setattr(self.material.keys, _OWN[CertificateType(type)], private)
        for der in saved.certificates:
            self._put(self._placed(x509.parse(der)))

    # --- one's own

    def generate_key_pair(self, type: CertificateType, rng: Random) -> bytes:
        """Make a key pair; the public key, X || Y. It is used once a certificate for it has come: until then the old one is."""
        curve = self.material.suite.curve
        if curve is None or type not in _OWN:
            raise CertificateRefused(f"{self.material.suite.name} has no key pair for {type.name}")
        self._pending[type] = generate(curve, rng)
        return public_key(self._pending[type])

    def request(self, type: CertificateType) -> bytes:
        """A certificate request (PKCS #10, DER) for the pair made last, or else for the one in use."""
        private = self._pending.get(type) or self._private(type)
        if not private:
            raise CertificateRefused(f"there is no key pair for {type.name}")
        return x509.request(private, Name(common_name=self.material.title.hex().upper()))

    def _private(self, type: CertificateType) -> bytes:
        private: bytes = getattr(self.material.keys, _OWN[type]) if type in _OWN else b""
        return private

    # --- in and out

    def take_in(self, der: bytes, now: int | None = None) -> Entry:
        """Take in a certificate, in the place of the one of the same title and purpose.

        `now`: UTC in ns; None: nobody knows what time it is, and validity is not looked at. Raises CertificateRefused.
        """
        entry = self._checked(der, now)
        if sum(_place(old) != _place(entry) for old in self._entries) >= MOST:
            raise CertificateRefused("there is no room for another certificate")
        if entry.entity is Entity.SERVER and entry.certificate.public == _public_or_none(self._pending.get(entry.type, b"")):
            setattr(self.material.keys, _OWN[entry.type], self._pending.pop(entry.type))
        self._put(entry)
        return entry

    def recognise(self, title: bytes, der: bytes, now: int | None = None) -> bool:
        """Whether a certificate that its owner showed is that title's, for signatures, and good; then it is taken in.

        Anybody can show a certificate: one that is older than the one there is does not take its place.
        """
        try:
            entry = self._checked(der, now)
            if entry.title != title or entry.type is not CertificateType.DIGITAL_SIGNATURE:
                return False
            there = next((old for old in self._entries if _place(old) == _place(entry)), None)
            if there is not None and entry.certificate.not_before < there.certificate.not_before:
                return False
            if there != entry:
                self.take_in(der, now)
        except RemoteProtocolError:
            return False
        return True

    @property
    def shown(self) -> bytes:
        """Our own certificate for signatures (DER), for others to check ours with; empty: there is none."""
        own = (Entity.SERVER, CertificateType.DIGITAL_SIGNATURE, self.material.title)
        found = [entry for entry in self._entries if (entry.entity, entry.type, entry.title) == own]
        return found[0].certificate.der if found else b""

    def _put(self, entry: Entry) -> None:
        self._entries = [*(old for old in self._entries if _place(old) != _place(entry)), entry]
        if entry.entity is Entity.CLIENT:
            self.peer_keys(entry.type)[entry.title] = entry.certificate.public

    def remove(self, entry: Entry) -> None:
        """Forget a certificate, and the public key of the peer it was for. One's own pair stays. Raises CertificateRefused."""
        if entry.certificate in self._trusted or entry not in self._entries:
            raise CertificateRefused("the certificate is not there, or everything else rests on it")
        self._entries.remove(entry)
        if entry.entity is Entity.CLIENT:
            self.peer_keys(entry.type).pop(entry.title, None)

    def revoke(self, entry: Entry) -> None:
        """Remove a certificate, and never take it in again. Raises CertificateRefused."""
        self.remove(entry)
        self._revoked.add((entry.certificate.issuer_der, entry.certificate.serial))

    def expire(self, now: int) -> bool:
        """Forget certificates that have run out, with the keys that they vouched for; whether there were any. `now`: UTC in ns.

        One's own pair stays, as nobody else's certificate is there for it.
        """
        over = [entry for entry in self._entries if entry.certificate not in self._trusted and now > entry.certificate.not_after]
        for entry in over:
            self.remove(entry)
        return bool(over)

    def by_entity(self, entity: int, type: int, title: bytes) -> Entry:
        """The certificate of a party for a purpose. Raises CertificateRefused."""
        return self._one(entry for entry in self._entries if (entry.entity, entry.type, entry.title) == (entity, type, title))

    def by_serial(self, serial: bytes, issuer: bytes) -> Entry:
        """The certificate with a serial number, as a DER integer or bare, of an issuer, DER. Raises CertificateRefused."""
        return self._one(
            entry
            for entry in self._entries
            if entry.certificate.issuer_der == issuer
            and (serial == entry.serial or int.from_bytes(serial, "big") == entry.certificate.serial)
        )

    @staticmethod
    def _one(found: Iterator[Entry]) -> Entry:
        entry = next(found, None)
        if entry is None:
            raise CertificateRefused("there is no such certificate")
        return entry

    # --- checks

    def _checked(self, der: bytes, now: int | None) -> Entry:
        try:
            certificate = x509.parse(der)
        except DecodeError as error:
            raise CertificateRefused(str(error)) from None
        if curve_of_public(certificate.public) is not self.material.suite.curve:
            raise CertificateRefused(f"the key is not on the curve of {self.material.suite.name}")
        if (certificate.issuer_der, certificate.serial) in self._revoked:
            raise CertificateRefused("the certificate was revoked")
        self._check_chain(certificate, now)
        if certificate.authority and certificate.subject_der in {trusted.subject_der for trusted in self._trusted}:
            raise CertificateRefused("an authority of this name is trusted by itself")
        entry = self._placed(certificate)
        if entry.entity is Entity.SERVER:
            type, public = entry.type, certificate.public
            if public not in (_public_or_none(self._pending.get(type, b"")), _public_or_none(self._private(type))):
                raise CertificateRefused("our title with a key that is not ours")
        elif entry.entity is Entity.CLIENT and self.peers is not None and entry.title not in self.peers:
            raise CertificateRefused(f"{entry.title.hex().upper()} is none of those we have to do with")
        return entry

    def _placed(self, certificate: Certificate) -> Entry:
        """Whose certificate it is, and for what. Raises CertificateRefused when it does not say, or may not."""
        if certificate.authority:
            if not certificate.usage & Usage.KEY_CERT_SIGN:
                raise CertificateRefused("an authority whose key may not sign certificates")
            return _authority(certificate)
        type = _TYPES.get(certificate.usage)
        if type is None:
            raise CertificateRefused(f"key usage {certificate.usage!r} is not one purpose")
        title = system_title(certificate)
        return Entry(certificate, Entity.SERVER if title == self.material.title else Entity.CLIENT, type, title)

    def _check_chain(self, certificate: Certificate, now: int | None) -> None:
        authorities = [entry.certificate for entry in self._entries if entry.entity is Entity.CERTIFICATION_AUTHORITY]
        for _ in range(LONGEST_CHAIN + 1):
            if now is not None and not certificate.not_before <= now <= certificate.not_after:
                raise CertificateRefused("the certificate is not valid at this time")
            if certificate in self._trusted:
                return
            issuer = next((issuer for issuer in authorities if x509.issued_by(certificate, issuer)), None)
            if issuer is None:
                break
            certificate = issuer
        raise CertificateRefused("nobody whom we trust has issued the certificate")

    def peer_keys(self, type: CertificateType) -> dict[bytes, bytes]:
        """Public keys of others for a purpose, by title."""
        keys = self.material.keys
        return keys.peer_signing if type is CertificateType.DIGITAL_SIGNATURE else keys.peer_agreement


_OWN: Final = {CertificateType.DIGITAL_SIGNATURE: "signing", CertificateType.KEY_AGREEMENT: "agreement"}
"""Where the key set has the private key of a purpose."""


def system_title(certificate: Certificate) -> bytes:
    """Whose certificate it is, 8 octets. Raises CertificateRefused when it does not say, or says two things."""
    name = certificate.subject.common_name
    said = {certificate.subject.unique_identifier, certificate.hardware_serial} - {b""}
    if not said and len(name) == 2 * TITLE_OCTETS and set(name.upper()) <= set("0123456789ABCDEF"):
        said = {bytes.fromhex(name)}
    if len(said) != 1 or len(title := said.pop()) != TITLE_OCTETS or not any(title):
        raise CertificateRefused("the certificate names no system title")
    return title


def _names(der: bytes, title: bytes) -> bool:
    """Whether a certificate that was taken in is of a title; an authority's is of none."""
    certificate = x509.parse(der)
    return not certificate.authority and system_title(certificate) == title


def _authority(certificate: Certificate) -> Entry:
    return Entry(certificate, Entity.CERTIFICATION_AUTHORITY, CertificateType.OTHER)


def _place(entry: Entry) -> tuple[Entity, CertificateType, bytes]:
    """What there is one certificate for. Authorities are told apart by their names."""
    authority = entry.entity is Entity.CERTIFICATION_AUTHORITY
    return entry.entity, entry.type, entry.certificate.subject_der if authority else entry.title


def _public_or_none(private: bytes) -> bytes | None:
    return public_key(private) if private else None
