"""General ciphering and general signing: protection between two system titles, whatever lies between (Green Book 9.2.7.3, 9.5).

Tags DD and DF. A message may have one layer of each, in either order; `open_general` takes all of them off and tells what they
were, `seal_general` puts them on. The key of a ciphered layer is one that both have, comes wrapped, or is agreed on.
Where field and books disagree about what is covered, a `Profile` says how it is. Replay of counters and transactions,
and whether the layers suffice, are the security context's to judge. Compression is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from random import Random
from typing import ClassVar, Final, TypeAlias

import msgspec

from protocols.core.codec import Frame, axdr_length, be, const, prefixed, presence, switch, this
from protocols.core.ecc import generate, public_key
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.security import agreement, keywrap
from protocols.dlms.security.ciphering import SUITE, Control, Keys, Secured, secure, unsecure
from protocols.dlms.security.material import TITLE_OCTETS, KeyId, SecurityMaterial
from protocols.dlms.security.signature import sign, verify

GENERAL_CIPHERING: Final = 0xDD
GENERAL_SIGNING: Final = 0xDF
_ONE_PASS: Final = b"\x01"
_STATIC: Final = b"\x02"
_MASTER: Final = 0
_AUTHENTICATED: Final = int(Control.AUTHENTICATED)
_ENCRYPTED: Final = int(Control.ENCRYPTED)
_NOT_USED: Final = int(Control.BROADCAST | Control.COMPRESSED)
"""Bits that these messages have no use for: the key-info says which key, and compression is not offered."""

# --- the frames


class Header(Frame):
    """What both kinds begin with. `transaction_id` and the two system titles, then date-time (12 or none) and information."""

    transaction_id: bytes = prefixed(axdr_length)
    originator: bytes = prefixed(axdr_length)
    recipient: bytes = prefixed(axdr_length)
    date_time: bytes = prefixed(axdr_length, default=b"")
    other_information: bytes = prefixed(axdr_length, default=b"")


class IdentifiedKey(Frame):
    """identified-key: 0 the global unicast encryption key, 1 the global broadcast encryption key."""

    key_id: be.u8


class WrappedKey(Frame):
    """wrapped-key: under `kek_id` 0, the master key."""

    kek_id: be.u8
    key_ciphered_data: bytes = prefixed(axdr_length)


class AgreedKey(Frame):
    """agreed-key: `key_parameters` 01 is C(1e, 1s) with ephemeral point and its signature as data, 02 is C(0e, 2s) without."""

    key_parameters: bytes = prefixed(axdr_length)
    key_ciphered_data: bytes = prefixed(axdr_length)


class KeyInfo(Frame):
    """key-info."""

    choice: be.u8
    key: IdentifiedKey | WrappedKey | AgreedKey = switch(this.choice, {0: IdentifiedKey, 1: WrappedKey, 2: AgreedKey})


class GeneralCiphering(Frame):
    """General-Ciphering."""

    tag: int = const(GENERAL_CIPHERING, be.u8)
    header: Header
    key_info: KeyInfo | None = presence(KeyInfo)
    content: Secured = prefixed(axdr_length, Secured)


class GeneralSigning(Frame):
    """General-Signing. `signature`: r || s."""

    tag: int = const(GENERAL_SIGNING, be.u8)
    header: Header
    content: bytes = prefixed(axdr_length)
    signature: bytes = prefixed(axdr_length)


class Content(Frame):
    """The content of a signed message, behind its header."""

    octets: bytes = prefixed(axdr_length)


# --- layers


class KeyKind(Enum):
    """Where the key of a ciphered layer comes from, by its key-info."""

    ABSENT = "the global unicast key, without saying so"
    UNICAST = "identified, global unicast"
    BROADCAST = "identified, global broadcast"
    WRAPPED = "wrapped under the master key"
    ONE_PASS = "agreed, C(1e, 1s)"
    STATIC = "agreed, C(0e, 2s)"


class Ciphering(msgspec.Struct, frozen=True):
    """A general-ciphering layer. `counter`: of one sealed here None, which takes the material's next."""

    header: Header
    key: KeyKind = KeyKind.UNICAST
    authenticated: bool = True
    encrypted: bool = True
    counter: int | None = None


class Signing(msgspec.Struct, frozen=True):
    """A general-signing layer."""

    header: Header


_IDENTIFIED: Final = {0: KeyKind.UNICAST, 1: KeyKind.BROADCAST}
_IDENTIFIERS: Final = {kind: number for number, kind in _IDENTIFIED.items()}

Layer: TypeAlias = Ciphering | Signing


class Opened(msgspec.Struct, frozen=True):
    """An APDU without its layers, and what they were, the outermost first."""

    apdu: bytes
    layers: tuple[Layer, ...]


class Profile(msgspec.Struct, frozen=True):
    """What is covered, where the field reads the books in two ways.

    `arc`: of the key derivation's AlgorithmID. `header_authenticated`: the five header fields with their lengths stand in the
    additional authenticated data. `content_length_signed`: the signature covers the length of the content, too.
    """

    arc: bytes = agreement.DLMS_ARC
    header_authenticated: bool = False
    content_length_signed: bool = False

    FIELD: ClassVar[Profile]
    """As the stacks in the field do it."""
    GB: ClassVar[Profile]
    """As the messages of GB smart metering show it."""


Profile.FIELD = Profile()
Profile.GB = Profile(agreement.GB_ARC, header_authenticated=True, content_length_signed=True)


def answering(layers: Sequence[Layer], title: bytes) -> tuple[Layer, ...]:
    """The layers of an answer to a message with these: back to who sent it, under the same transaction, from `title`."""
    return tuple(_answering(layer, title) for layer in layers)


def _answering(layer: Layer, title: bytes) -> Layer:
    header = Header(layer.header.transaction_id, title, layer.header.originator)
    if isinstance(layer, Signing):
        return Signing(header)
    return Ciphering(header, layer.key, layer.authenticated, layer.encrypted)


def is_general(apdu: bytes) -> bool:
    """Whether an APDU has such a layer."""
    return apdu[:1] in (b"\xdd", b"\xdf")


# --- off


def open_general(apdu: bytes, material: SecurityMaterial, profile: Profile = Profile.FIELD) -> Opened:
    """Check and take off all layers of an APDU; one that has none comes back as it is. Raises RemoteProtocolError."""
    layers: list[Layer] = []
    while is_general(apdu):
        if any(isinstance(layer, Ciphering) == (apdu[0] == GENERAL_CIPHERING) for layer in layers):
            raise RemoteProtocolError("two layers of one kind")
        opener = _open_ciphering if apdu[0] == GENERAL_CIPHERING else _open_signing
        apdu, layer = opener(apdu, material, profile)
        layers.append(layer)
    return Opened(apdu, tuple(layers))


def _open_signing(apdu: bytes, material: SecurityMaterial, profile: Profile) -> tuple[bytes, Layer]:
    frame = GeneralSigning.parse(apdu)
    header = frame.header
    _check_titles(header, material)
    public = material.keys.peer_signing.get(header.originator)
    if public is None:
        raise RemoteProtocolError(f"no signing key of {header.originator.hex().upper()} is known")
    verify(public, signed_octets(apdu, profile), frame.signature)
    return frame.content, Signing(header)


def _open_ciphering(apdu: bytes, material: SecurityMaterial, profile: Profile) -> tuple[bytes, Layer]:
    frame = GeneralCiphering.parse(apdu)
    secured = frame.content
    _check_titles(frame.header, material)
    if secured.control & (_NOT_USED | SUITE) != material.suite:
        raise RemoteProtocolError(f"security control {secured.control:02X} is not accepted")
    kind, key = _received_key(frame, material, profile)
    header = apdu[1 : Header.parse_from(apdu, 1)[1]]  # as it came: its lengths in the form that the sender chose
    plain = unsecure(secured, _keys(key, header, material, profile), frame.header.originator)
    authenticated, encrypted = bool(secured.control & _AUTHENTICATED), bool(secured.control & _ENCRYPTED)
    return plain, Ciphering(frame.header, kind, authenticated, encrypted, secured.counter)


def _check_titles(header: Header, material: SecurityMaterial) -> None:
    originator = header.originator
    if len(originator) != TITLE_OCTETS or not any(originator) or originator == material.title:
        raise RemoteProtocolError("the originator has no system title that another could have")
    if header.recipient != material.title:
        raise RemoteProtocolError("the message is for another system title")


def _received_key(frame: GeneralCiphering, material: SecurityMaterial, profile: Profile) -> tuple[KeyKind, bytes]:
    """The kind and the key that the key-info names, carries, or makes possible."""
    if frame.key_info is None:
        return KeyKind.ABSENT, _symmetric(material, KeyId.UNICAST_ENCRYPTION)
    key = frame.key_info.key
    if isinstance(key, IdentifiedKey):
        kind = _IDENTIFIED.get(key.key_id)
        if kind is None:
            raise RemoteProtocolError(f"no key has the identifier {key.key_id}")
        return kind, _symmetric(material, KeyId(key.key_id))
    if isinstance(key, WrappedKey):
        if key.kek_id != _MASTER:
            raise RemoteProtocolError(f"no key-encrypting key has the identifier {key.kek_id}")
        kek = _symmetric(material, KeyId.MASTER)
        return KeyKind.WRAPPED, keywrap.unwrap(kek, key.key_ciphered_data, material.suite.key_octets)
    return _agreed(key, frame.header, material, profile)


def _agreed(key: AgreedKey, header: Header, material: SecurityMaterial, profile: Profile) -> tuple[KeyKind, bytes]:
    own = material.keys.agreement
    if not own or material.suite.curve is None:
        raise RemoteProtocolError("there is no key of ours to agree with")
    if key.key_parameters == _ONE_PASS:
        half = len(key.key_ciphered_data) // 2
        point, proof = key.key_ciphered_data[:half], key.key_ciphered_data[half:]
        verify(_peer(material.keys.peer_signing, header.originator), point, proof)
        parties = agreement.parties(header.originator, header.recipient)
        return KeyKind.ONE_PASS, _agree(own, point, parties, material, profile)
    if key.key_parameters == _STATIC and not key.key_ciphered_data:
        public = _peer(material.keys.peer_agreement, header.originator)
        parties = agreement.parties_of_message(header.originator, header.transaction_id, header.recipient)
        return KeyKind.STATIC, _agree(own, public, parties, material, profile)
    raise RemoteProtocolError("such a key agreement does not exist")


def _agree(private: bytes, public: bytes, parties: bytes, material: SecurityMaterial, profile: Profile) -> bytes:
    algorithm = agreement.algorithm_id(material.suite, profile.arc)
    return agreement.agree(material.suite, private, public, algorithm, parties)


def _peer(keys: Mapping[bytes, bytes], title: bytes) -> bytes:
    public = keys.get(title)
    if public is None:
        raise RemoteProtocolError(f"no such key of {title.hex().upper()} is known")
    return public


def _symmetric(material: SecurityMaterial, key: KeyId) -> bytes:
    found = material.keys.symmetric.get(key)
    if found is None:
        raise RemoteProtocolError(f"there is no {key.name.lower().replace('_', ' ')} key")
    return found


# --- what is covered


def _keys(key: bytes, header: bytes, material: SecurityMaterial, profile: Profile) -> Keys:
    """The key, and what is authenticated beside security control and contents: the authentication key, then the header."""
    return Keys(key, material.keys.authentication + (header if profile.header_authenticated else b""))


def signed_octets(apdu: bytes, profile: Profile) -> bytes:
    """What the signature of a general-signing APDU covers: header and content. The signature may still be missing.

    Raises DecodeError.
    """
    behind_header = Header.parse_from(apdu, 1)[1]
    content, end = Content.parse_from(apdu, behind_header)
    return apdu[1:end] if profile.content_length_signed else apdu[1:behind_header] + content.octets


# --- on


def seal_general(
    apdu: bytes, layers: Sequence[Layer], material: SecurityMaterial, rng: Random, profile: Profile = Profile.FIELD
) -> bytes:
    """Put layers on an APDU; the outermost stands first in `layers`. `rng`: for ephemeral keys and keys to wrap.

    Raises LocalProtocolError when the material lacks a key.
    """
    for layer in reversed(layers):
        if isinstance(layer, Signing):
            apdu = _seal_signing(apdu, layer, material, profile)
        else:
            apdu = _seal_ciphering(apdu, layer, material, rng, profile)
    return apdu


def _seal_signing(apdu: bytes, layer: Signing, material: SecurityMaterial, profile: Profile) -> bytes:
    if not material.keys.signing:
        raise LocalProtocolError(f"{material!r} has no signing key")
    unsigned = GeneralSigning(layer.header, apdu, b"").build()
    return GeneralSigning(layer.header, apdu, sign(material.keys.signing, signed_octets(unsigned, profile))).build()


def _seal_ciphering(apdu: bytes, layer: Ciphering, material: SecurityMaterial, rng: Random, profile: Profile) -> bytes:
    control = material.suite | _AUTHENTICATED * layer.authenticated | _ENCRYPTED * layer.encrypted
    try:
        info, key = _sent_key(layer, material, rng, profile)
    except RemoteProtocolError as error:  # whose keys are missing or bad is the sender's to know
        raise LocalProtocolError(str(error)) from None
    counter = material.next_counter() if layer.counter is None else layer.counter
    secured = secure(apdu, _keys(key, layer.header.build(), material, profile), material.title, counter, control)
    return GeneralCiphering(layer.header, info, secured).build()


def _sent_key(
    layer: Ciphering, material: SecurityMaterial, rng: Random, profile: Profile
) -> tuple[KeyInfo | None, bytes]:
    keys, header = material.keys, layer.header
    if layer.key is KeyKind.ABSENT:
        return None, _symmetric(material, KeyId.UNICAST_ENCRYPTION)
    if layer.key in _IDENTIFIERS:
        number = _IDENTIFIERS[layer.key]
        return KeyInfo(0, IdentifiedKey(number)), _symmetric(material, KeyId(number))
    if layer.key is KeyKind.WRAPPED:
        octets = material.suite.key_octets
        key = rng.getrandbits(8 * octets).to_bytes(octets, "big")
        return KeyInfo(1, WrappedKey(_MASTER, keywrap.wrap(_symmetric(material, KeyId.MASTER), key))), key
    public = _peer(keys.peer_agreement, header.recipient)
    if layer.key is KeyKind.STATIC:
        parties = agreement.parties_of_message(header.originator, header.transaction_id, header.recipient)
        return KeyInfo(2, AgreedKey(_STATIC, b"")), _agree(keys.agreement, public, parties, material, profile)
    curve = material.suite.curve
    if curve is None or not keys.signing:
        raise LocalProtocolError(f"{material!r} cannot make or sign an ephemeral key")
    ephemeral = generate(curve, rng)
    point = public_key(ephemeral)
    parties = agreement.parties(header.originator, header.recipient)
    key = _agree(ephemeral, public, parties, material, profile)
    return KeyInfo(2, AgreedKey(_ONE_PASS, point + sign(keys.signing, point))), key
