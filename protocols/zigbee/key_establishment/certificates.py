"""Implicit certificates (ECQV) of both suites, and the authority that issues them for tests.

SE 1.4 annex C.4.2.2 (48 octets, sect163k1), C.4.2.3 (74 octets, sect283k1); SEC 4 2.4 .. 2.6. A certificate holds no signature
but a point, from which anybody makes the owner's public key with the authority's. Hash: AES-MMO of the whole certificate.
Not here: revocation, which smart energy does not have, and dates, which it does not check. TEST KEYS ONLY.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

from protocols.core import aes
from protocols.core.codec import Frame, be, const, octets
from protocols.core.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from protocols.zigbee.key_establishment.curves import SECT163K1, SECT283K1, Curve, InvalidPoint, Point

KEY_AGREEMENT: Final = 0x88
"""key usage: the critical bit, and key agreement."""
NEVER_ENDS: Final = 0xFFFFFFFF
_PROFILE: Final = bytes.fromhex("01090006000000000000")
"""profile attribute data: the smart energy profile, and eight octets that are the issuer's."""

RandomBits = Callable[[int], int]
"""`random.Random.getrandbits`."""


class CertificateError(RemoteProtocolError):
    """Octets that are no certificate of the suite, or one that gives no public key."""


class Certificate163(Frame):
    """Implicit certificate of suite 1."""

    reconstruction_point: bytes = octets(22)
    subject: be.u64
    issuer: be.u64
    profile_attribute_data: bytes = octets(10)


class Certificate283(Frame):
    """Implicit certificate of suite 2. `valid_from`: seconds since 1970. `valid_for`: seconds, or `NEVER_ENDS`."""

    type: int = const(0x00, be.u8)
    serial_number: be.u64
    curve: int = const(0x0D, be.u8)
    hash: int = const(0x08, be.u8)
    issuer: be.u64
    valid_from: be.u40
    valid_for: be.u32
    subject: be.u64
    key_usage: be.u8
    reconstruction_point: bytes = octets(37)


Certificate = Certificate163 | Certificate283


@dataclass(frozen=True, eq=False)
class Suite:
    """A row of the suites: `bit` in suite bitmaps, the curve, the certificate's form and octets."""

    bit: int
    curve: Curve
    form: type[Certificate163] | type[Certificate283]
    size: int

    def __repr__(self) -> str:
        return f"Suite({self.bit})"

    def parse(self, certificate: bytes) -> Certificate:
        """Raises CertificateError."""
        try:
            return self.form.parse(certificate)
        except DecodeError as error:
            raise CertificateError(str(error)) from None

    def point(self, data: bytes) -> Point:
        """Raises InvalidPoint."""
        return self.curve.decode(data)


SUITE_1: Final = Suite(0x0001, SECT163K1, Certificate163, 48)
SUITE_2: Final = Suite(0x0002, SECT283K1, Certificate283, 74)
SUITES: Final = {suite.bit: suite for suite in (SUITE_1, SUITE_2)}


def scalar(curve: Curve, random: RandomBits) -> int:
    """A private key: at least 1, below the order."""
    while not 0 < (value := random(curve.order.bit_length())) < curve.order:
        pass
    return value


def _hash(suite: Suite, certificate: bytes) -> int:
    return int.from_bytes(aes.mmo(certificate), "big") % suite.curve.order


@lru_cache(maxsize=1024)
def public_key(suite: Suite, certificate: bytes, authority: bytes) -> Point:
    """The public key of a certificate's owner. `authority`: the issuer's, compressed. Raises CertificateError."""
    curve = suite.curve
    try:
        point = curve.decode(suite.parse(certificate).reconstruction_point)
        result = curve.add(curve.times(_hash(suite, certificate), point), curve.decode(authority))
    except InvalidPoint as error:
        raise CertificateError(str(error)) from None
    if result is None:
        raise CertificateError("the certificate's public key is the point at infinity")
    return result


@dataclass(frozen=True)
class Credentials:
    """What one device holds for one suite. `authority`: the public key of its certificate's issuer, compressed."""

    suite: Suite
    certificate: bytes
    private_key: int = field(repr=False)
    authority: bytes

    def check(self) -> Credentials:
        """Itself, after a look whether key, certificate and authority belong together. Raises LocalProtocolError."""
        try:
            public = public_key(self.suite, self.certificate, self.authority)
        except CertificateError as error:
            raise LocalProtocolError(f"certificate: {error}") from None
        if not 0 < self.private_key < self.suite.curve.order:
            raise LocalProtocolError("the private key is none of this curve")
        if self.suite.curve.times(self.private_key, self.suite.curve.generator) != public:
            raise LocalProtocolError("the private key does not belong to the certificate")
        return self

    @property
    def subject(self) -> int:
        """The EUI-64 that the certificate is for."""
        return self.suite.parse(self.certificate).subject

    @property
    def issuer(self) -> int:
        """The issuer's identifier."""
        return self.suite.parse(self.certificate).issuer


class Authority:
    """A test certificate authority of one suite. `issuer`: its identifier, 64 bits."""

    def __init__(self, suite: Suite, issuer: int, private_key: int) -> None:
        if not 0 < private_key < suite.curve.order:
            raise LocalProtocolError("the private key is none of this curve")
        self.suite = suite
        self.issuer = issuer
        self.private_key = private_key

    @cached_property
    def public_key(self) -> bytes:
        """The public key, compressed."""
        point = self.suite.curve.times(self.private_key, self.suite.curve.generator)
        assert point is not None  # the private key is below the order
        return self.suite.curve.encode(point)

    def __repr__(self) -> str:
        return f"Authority({self.suite!r}, {self.issuer:016X})"

    def issue(self, subject: int, random: RandomBits, *, serial_number: int = 0, valid_from: int = 0) -> Credentials:
        """Certificate and private key for a device: both ends of SEC 4 2.4 in one place.

        `serial_number`, `valid_from` (seconds since 1970): in the certificates of suite 2.
        """
        curve = self.suite.curve
        while True:
            secret = scalar(curve, random)
            point = curve.times(secret, curve.generator)
            assert point is not None  # the secret is below the order
            octets_ = curve.encode(point)
            if self.suite is SUITE_1:
                frame: Certificate = Certificate163(octets_, subject, self.issuer, _PROFILE)
            else:
                frame = Certificate283(serial_number, self.issuer, valid_from, NEVER_ENDS, subject, KEY_AGREEMENT, octets_)
            certificate = frame.build()
            private = (_hash(self.suite, certificate) * secret + self.private_key) % curve.order
            if private:
                return Credentials(self.suite, certificate, private, self.public_key)

    def promise(self, subject: int, random: RandomBits, *, serial_number: int = 0) -> Credentials:
        """What `issue` gives, issued when somebody first looks at it: that is some 6 ms of arithmetic for each device of a home."""
        return _Promised(self, subject, lambda: self.issue(subject, random, serial_number=serial_number))


class _Promised(Credentials):
    """Credentials that are not issued yet. Suite, subject and issuer are known before."""

    _issue: Callable[[], Credentials]
    _subject: int
    _issuer: int

    def __init__(self, authority: Authority, subject: int, issue: Callable[[], Credentials]) -> None:
        vars(self).update(suite=authority.suite, _issue=issue, _subject=subject, _issuer=authority.issuer)

    def __getattr__(self, name: str) -> object:
        if name not in ("certificate", "private_key", "authority"):
            raise AttributeError(name)
        issue = vars(self).pop("_issue")  # it holds a random stream, which is not needed any more
        vars(self).update(vars(issue()))
        return vars(self)[name]

    @property
    def subject(self) -> int:
        return self._subject

    @property
    def issuer(self) -> int:
        return self._issuer
