"""The key of one protected message: named by both ends, wrapped in the message, or agreed on for it (Green Book 9.2.3.4, 9.5).

key-info of general-ciphering and of data protection (class 30). Where field and books disagree, a `Profile` says how it is.
Not here: what is protected with the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from random import Random
from typing import ClassVar, Final

import msgspec

from protocols.core.codec import Frame, axdr_length, be, prefixed, switch, this
from protocols.core.ecc import generate, public_key
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.security import agreement, keywrap
from protocols.dlms.security.material import TITLE_OCTETS, KeyId, SecurityMaterial
from protocols.dlms.security.signature import sign, verify

_ONE_PASS: Final = b"\x01"
_STATIC: Final = b"\x02"
_MASTER: Final = 0


class Header(Frame):
    """What a general-ciphering or general-signing APDU begins with. `date_time`: 12 octets or none."""

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


class KeyKind(Enum):
    """Where the key of a ciphered layer comes from, by its key-info."""

    ABSENT = "the global unicast key, without saying so"
    UNICAST = "identified, global unicast"
    BROADCAST = "identified, global broadcast"
    WRAPPED = "wrapped under the master key"
    ONE_PASS = "agreed, C(1e, 1s)"
    STATIC = "agreed, C(0e, 2s)"


_IDENTIFIED: Final = {0: KeyKind.UNICAST, 1: KeyKind.BROADCAST}
_IDENTIFIERS: Final = {kind: number for number, kind in _IDENTIFIED.items()}

ONE_MESSAGE: Final = frozenset({KeyKind.WRAPPED, KeyKind.ONE_PASS, KeyKind.STATIC})
"""Kinds of keys that are made for one message."""


class Profile(msgspec.Struct, frozen=True):
    """What is covered, where the field reads the books in two ways.

    `arc`: of the key derivation's AlgorithmID. `header_authenticated`: the five header fields with their lengths stand in the
    additional authenticated data. `content_length_signed`: the signature covers the length of the content, too.
    `counter_from_zero`: the invocation counter is 0 under a key that serves one message, instead of the next one.
    """

    arc: bytes = agreement.DLMS_ARC
    header_authenticated: bool = False
    content_length_signed: bool = False
    counter_from_zero: bool = False

    FIELD: ClassVar[Profile]
    """As the stacks in the field do it."""
    GB: ClassVar[Profile]
    """As the messages of GB smart metering show it."""


Profile.FIELD = Profile()
Profile.GB = Profile(agreement.GB_ARC, header_authenticated=True, content_length_signed=True, counter_from_zero=True)


# --- of a message that came


def check_titles(header: Header, material: SecurityMaterial) -> None:
    """Raise RemoteProtocolError unless a header is from another party and for the material's owner."""
    originator = header.originator
    if len(originator) != TITLE_OCTETS or not any(originator) or originator == material.title:
        raise RemoteProtocolError("the originator has no system title that another could have")
    if header.recipient != material.title:
        raise RemoteProtocolError("the message is for another system title")


def received_key(info: KeyInfo | None, header: Header, material: SecurityMaterial, profile: Profile) -> tuple[KeyKind, bytes]:
    """The kind and the key that a key-info names, carries, or makes possible. Raises RemoteProtocolError."""
    if info is None:
        return KeyKind.ABSENT, _symmetric(material, KeyId.UNICAST_ENCRYPTION)
    key = info.key
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
    return _agreed(key, header, material, profile)


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


# --- of one to send


def sent_key(
    kind: KeyKind, header: Header, material: SecurityMaterial, rng: Random, profile: Profile
) -> tuple[KeyInfo | None, bytes]:
    """The key-info and the key to send under. `rng`: for ephemeral keys and keys to wrap.

    Raises LocalProtocolError when the material lacks a key for it.
    """
    try:
        return _sent(kind, header, material, rng, profile)
    except RemoteProtocolError as error:  # whose keys are missing or bad is the sender's to know
        raise LocalProtocolError(str(error)) from None


def _sent(kind: KeyKind, header: Header, material: SecurityMaterial, rng: Random, profile: Profile) -> tuple[KeyInfo | None, bytes]:
    keys = material.keys
    if kind is KeyKind.ABSENT:
        return None, _symmetric(material, KeyId.UNICAST_ENCRYPTION)
    if kind in _IDENTIFIERS:
        number = _IDENTIFIERS[kind]
        return KeyInfo(0, IdentifiedKey(number)), _symmetric(material, KeyId(number))
    if kind is KeyKind.WRAPPED:
        octets = material.suite.key_octets
        key = rng.getrandbits(8 * octets).to_bytes(octets, "big")
        return KeyInfo(1, WrappedKey(_MASTER, keywrap.wrap(_symmetric(material, KeyId.MASTER), key))), key
    public = _peer(keys.peer_agreement, header.recipient)
    if kind is KeyKind.STATIC:
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
