"""X.509 certificates and certificate requests of devices with elliptic-curve keys: read, checked one by one, and made.

RFC 5280, RFC 2986 (PKCS #10), RFC 4108 (hardware module name). Reading gives plain values and octets; making one is deterministic,
for a bench that issues its own test certificates. Not here: whom to trust, what a name must say, and whether it is the right
time: that is the business of who asks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntFlag
from importlib import import_module
from importlib.util import LazyLoader, find_spec, module_from_spec
from sys import modules
from typing import TYPE_CHECKING, Final, TypeVar
from warnings import catch_warnings

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from protocols.core import ecc
from protocols.core.ecc import Curve, private_key_object, public_key_object
from protocols.core.errors import DecodeError, LocalProtocolError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
else:

    def _lazily(name):
        """A module that is loaded when something of it is used: few runs look at certificates, and this takes long."""
        if name not in modules:
            spec = find_spec(name)
            spec.loader = LazyLoader(spec.loader)
            modules[name] = module_from_spec(spec)
            spec.loader.exec_module(modules[name])
            package, _, own = name.rpartition(".")
            setattr(import_module(package), own, modules[name])  # as an import does
        return modules[name]

    x509 = _lazily("cryptography.x509")

LARGEST: Final = 4096
"""Octets of the largest certificate that is looked at."""
SECOND: Final = 1_000_000_000

_HARDWARE_MODULE_NAME: Final = "1.3.6.1.5.5.7.8.4"
_STANDARD: Final = {"secp256r1": Curve.P256, "secp384r1": Curve.P384}
_HASHES: Final[dict[Curve, hashes.SHA256 | hashes.SHA384]] = {Curve.P256: hashes.SHA256(), Curve.P384: hashes.SHA384()}
_WHOLE_OCTETS: Final = b"\0"
"""What a bit string of whole octets begins with: the number of bits not used."""
_OCTET_STRING: Final = 0x04
_OBJECT_IDENTIFIER: Final = 0x06
_SEQUENCE: Final = 0x30


class Usage(IntFlag):
    """key usage, of which the rest is not looked at."""

    NONE = 0
    DIGITAL_SIGNATURE = 1
    KEY_AGREEMENT = 2
    KEY_CERT_SIGN = 4
    CRL_SIGN = 8
    OTHER = 16
    """Any of the others: encipherment and the like."""


_USAGES: Final = {
    "digital_signature": Usage.DIGITAL_SIGNATURE,
    "key_agreement": Usage.KEY_AGREEMENT,
    "key_cert_sign": Usage.KEY_CERT_SIGN,
    "crl_sign": Usage.CRL_SIGN,
    "content_commitment": Usage.OTHER,
    "key_encipherment": Usage.OTHER,
    "data_encipherment": Usage.OTHER,
}


class Name(msgspec.Struct, frozen=True):
    """The parts of a subject or issuer that devices use. `unique_identifier`: x500UniqueIdentifier, octets."""

    common_name: str = ""
    unit: str = ""
    unique_identifier: bytes = b""


class Certificate(msgspec.Struct, frozen=True):
    """What a certificate says. Names are there in plain and as DER octets; times are UTC in ns; `public` is X || Y.

    `hardware_serial`: of a hardware module name in the alternative name of the subject; `alternative`: all of that extension.
    """

    der: bytes
    serial: int
    subject: Name
    subject_der: bytes
    issuer: Name
    issuer_der: bytes
    alternative: bytes
    hardware_serial: bytes
    public: bytes
    usage: Usage
    authority: bool
    not_before: int
    not_after: int


class Request(msgspec.Struct, frozen=True):
    """What a certificate request asks for; its signature with the key it names has been checked."""

    subject: Name
    public: bytes


def _der() -> Encoding:
    """The encoding, from a module that is as slow to load."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.DER


def _malformed() -> tuple[type[Exception], ...]:
    """What the library raises for octets that are not what they should be."""
    own = (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, x509.InvalidVersion)
    return (ValueError, TypeError, UnsupportedAlgorithm, *own)


# --- reading


def parse(der: bytes) -> Certificate:
    """The certificate that `der` is, all of it, of a key on P-256 or P-384. Raises DecodeError."""
    if len(der) > LARGEST:
        raise DecodeError(f"certificate: {len(der)} octets are more than {LARGEST}")
    try:
        with catch_warnings(action="ignore"):  # of serial numbers that are not positive: here they are refused
            found = x509.load_der_x509_certificate(der)
            serial = found.serial_number
        if serial <= 0:
            raise DecodeError("certificate: the serial number is not positive")
        extensions = found.extensions
        alternative = _extension(extensions, x509.SubjectAlternativeName)
        basic = _extension(extensions, x509.BasicConstraints)
        return Certificate(
            bytes(der),
            serial,
            _name(found.subject),
            found.subject.public_bytes(),
            _name(found.issuer),
            found.issuer.public_bytes(),
            b"" if alternative is None else alternative.public_bytes(),
            b"" if alternative is None else _hardware_serial(alternative),
            _point(found.public_key()),
            _usage(_extension(extensions, x509.KeyUsage)),
            basic is not None and basic.ca,
            _nanoseconds(found.not_valid_before_utc),
            _nanoseconds(found.not_valid_after_utc),
        )
    except _malformed() as error:
        raise DecodeError(f"certificate: {error}") from None


def issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer's name and key are those that the certificate was signed under."""
    if certificate.issuer_der != issuer.subject_der:
        return False
    found = x509.load_der_x509_certificate(certificate.der)
    try:
        algorithm = found.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return False
    if algorithm is None or algorithm.name != _HASHES[ecc.curve_of_public(issuer.public)].name:
        return False
    try:
        public_key_object(issuer.public).verify(found.signature, found.tbs_certificate_bytes, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True


def parse_request(der: bytes) -> Request:
    """The certificate request that `der` is. Raises DecodeError, also when it is not signed with the key it names."""
    if len(der) > LARGEST:
        raise DecodeError(f"certificate request: {len(der)} octets are more than {LARGEST}")
    try:
        found = x509.load_der_x509_csr(der)
        request = Request(_name(found.subject), _point(found.public_key()))
        valid = found.is_signature_valid
    except _malformed() as error:
        raise DecodeError(f"certificate request: {error}") from None
    if not valid:
        raise DecodeError("certificate request: the signature is wrong")
    return request


# --- making


def request(private: bytes, subject: Name) -> bytes:
    """The DER octets of a certificate request, signed with the key it is for."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_x509_name(subject))
    signed = builder.sign(private_key_object(private), _hash(private), ecdsa_deterministic=True)
    return signed.public_bytes(_der())


def issue(
    private: bytes,
    issuer: Name,
    subject: Name,
    public: bytes,
    usage: Usage,
    serial: int,
    not_before: int,
    not_after: int,
    *,
    authority: bool = False,
) -> bytes:
    """The DER octets of a certificate, signed with the issuer's private key: for a bench's test authorities. Times: UTC in ns."""
    signer = private_key_object(private)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_x509_name(subject))
        .issuer_name(_x509_name(issuer))
        .public_key(public_key_object(public))
        .serial_number(serial)
        .not_valid_before(datetime.fromtimestamp(not_before // SECOND, UTC))
        .not_valid_after(datetime.fromtimestamp(not_after // SECOND, UTC))
        .add_extension(_key_usage(usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key_object(public)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(signer, _hash(private), ecdsa_deterministic=True).public_bytes(_der())


# --- keys, names, extensions


def _hash(private: bytes) -> hashes.SHA256 | hashes.SHA384:
    return _HASHES[ecc.curve_of_private(private)]


def _point(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _STANDARD:
        raise ValueError("the key is not one of P-256 or P-384")
    octets = _STANDARD[key.curve.name].octets
    point = key.public_numbers()
    return point.x.to_bytes(octets, "big") + point.y.to_bytes(octets, "big")


def _name(name: x509.Name) -> Name:
    def one(kind: x509.ObjectIdentifier) -> str | bytes:
        values = name.get_attributes_for_oid(kind)
        if len(values) > 1:
            raise ValueError(f"{kind.dotted_string} stands twice in a name")
        return values[0].value if values else ""

    common, unit = one(x509.NameOID.COMMON_NAME), one(x509.NameOID.ORGANIZATIONAL_UNIT_NAME)
    identifier = one(x509.NameOID.X500_UNIQUE_IDENTIFIER) or _WHOLE_OCTETS
    if not isinstance(common, str) or not isinstance(unit, str) or not isinstance(identifier, bytes):
        raise ValueError("a part of a name has another type than it should")
    if identifier[:1] != _WHOLE_OCTETS:
        raise ValueError("a unique identifier of bits that are no octets")
    return Name(common, unit, identifier[1:])


def _x509_name(name: Name) -> x509.Name:
    if name.unique_identifier:
        raise LocalProtocolError("names with a unique identifier are read, not made")
    parts = ((x509.NameOID.COMMON_NAME, name.common_name), (x509.NameOID.ORGANIZATIONAL_UNIT_NAME, name.unit))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts if value])


_E = TypeVar("_E", bound="x509.ExtensionType")


def _extension(extensions: x509.Extensions, kind: type[_E]) -> _E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _usage(extension: x509.KeyUsage | None) -> Usage:
    if extension is None:
        return Usage.NONE
    found = Usage.NONE
    for name, bit in _USAGES.items():
        if getattr(extension, name):
            found |= bit
    return found


def _key_usage(usage: Usage) -> x509.KeyUsage:
    if usage & Usage.OTHER:
        raise LocalProtocolError("other usages are read, not made")
    known = {name: bool(usage & bit) for name, bit in _USAGES.items()}
    return x509.KeyUsage(**known, encipher_only=False, decipher_only=False)


def _hardware_serial(alternative: x509.SubjectAlternativeName) -> bytes:
    """hwSerialNum of the hardware module name; none: empty. Raises ValueError when it is malformed, or there are two."""
    others = alternative.get_values_for_type(x509.OtherName)
    modules = [other.value for other in others if other.type_id.dotted_string == _HARDWARE_MODULE_NAME]
    if not modules:
        return b""
    (module,) = modules
    members, end = _tlv(module, 0, _SEQUENCE)
    _, behind = _tlv(members, 0, _OBJECT_IDENTIFIER)
    serial, last = _tlv(members, behind, _OCTET_STRING)
    if end != len(module) or last != len(members):
        raise ValueError("octets left over in a hardware module name")
    return serial


def _tlv(data: bytes, pos: int, tag: int) -> tuple[bytes, int]:
    """Contents of the short DER element at `pos`, and where it ends."""
    if len(data) < pos + 2 or data[pos] != tag or data[pos + 1] >= 0x80 or len(data) < pos + 2 + data[pos + 1]:
        raise ValueError("a hardware module name is a type and a serial number")
    end = pos + 2 + data[pos + 1]
    return data[pos + 2 : end], end


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND
