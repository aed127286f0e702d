"""General ciphering and general signing: protection between two system titles, whatever lies between (Green Book 9.2.7.3, 9.5).

Tags DD and DF. A message may have one layer of each, in either order; `open_general` takes all of them off and tells what they
were, `seal_general` puts them on. The key of a ciphered layer is one that both have, comes wrapped, or is agreed on.
Where field and books disagree about what is covered, a `Profile` says how it is. Replay of counters and transactions,
and whether the layers suffice, are the security context's to judge. Compression is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import Final, TypeAlias

import msgspec

from protocols.core.codec import Frame, axdr_length, be, const, prefixed, presence
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.security.ciphering import SUITE, Control, Keys, Secured, secure, unsecure
from protocols.dlms.security.material import SecurityMaterial
from protocols.dlms.security.message_key import (
    ONE_MESSAGE,
    AgreedKey,
    Header,
    IdentifiedKey,
    KeyInfo,
    KeyKind,
    Profile,
    WrappedKey,
    check_titles,
    received_key,
    sent_key,
)
from protocols.dlms.security.signature import sign, verify

__all__ = [
    "GENERAL_CIPHERING", "GENERAL_SIGNING", "AgreedKey", "Ciphering", "GeneralCiphering", "GeneralSigning", "Header",
    "IdentifiedKey", "KeyInfo", "KeyKind", "Layer", "Opened", "Profile", "Signing", "WrappedKey", "answering", "is_general",
    "open_general", "seal_general", "signed_octets",
]  # fmt: skip

GENERAL_CIPHERING: Final = 0xDD
GENERAL_SIGNING: Final = 0xDF
_AUTHENTICATED: Final = int(Control.AUTHENTICATED)
_ENCRYPTED: Final = int(Control.ENCRYPTED)
_SUITE: Final = SUITE | int(Control.COMPRESSED)
"""Compression is not offered."""

# --- the frames


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


Layer: TypeAlias = Ciphering | Signing


class Opened(msgspec.Struct, frozen=True):
    """An APDU without its layers, and what they were, the outermost first.

    `token`: what tells this message from others, and cannot be changed without breaking the outermost layer. The octets of the
    message can: of a signature (r, s) there is a twin (r, n - s), and not every header is covered. Empty without layers.
    """

    apdu: bytes
    layers: tuple[Layer, ...]
    token: bytes


def answering(layers: Sequence[Layer], title: bytes) -> tuple[Layer, ...]:
    """The layers of an answer to a message with these: back to who sent it, under the same transaction, from `title`."""
    return tuple(_answering(layer, title) for layer in layers)


def _answering(layer: Layer, title: bytes) -> Layer:
    header = Header(layer.header.transaction_id, title, layer.header.originator)
    if isinstance(layer, Signing):
        return Signing(header)
    key = KeyKind.UNICAST if layer.key is KeyKind.BROADCAST else layer.key
    return Ciphering(header, key, layer.authenticated, layer.encrypted)


def is_general(apdu: bytes) -> bool:
    """Whether an APDU has such a layer."""
    return apdu[:1] in (b"\xdd", b"\xdf")


# --- off


def open_general(apdu: bytes, material: SecurityMaterial, profile: Profile = Profile.FIELD) -> Opened:
    """Check and take off all layers of an APDU; one that has none comes back as it is. Raises RemoteProtocolError."""
    layers: list[Layer] = []
    token = b""
    while is_general(apdu):
        if any(isinstance(layer, Ciphering) == (apdu[0] == GENERAL_CIPHERING) for layer in layers):
            raise RemoteProtocolError("two layers of one kind")
        opener = _open_ciphering if apdu[0] == GENERAL_CIPHERING else _open_signing
        covered, apdu, layer = opener(apdu, material, profile)
        token = token or sha256(covered).digest()
        layers.append(layer)
    return Opened(apdu, tuple(layers), token)


def _open_signing(apdu: bytes, material: SecurityMaterial, profile: Profile) -> tuple[bytes, bytes, Layer]:
    """What the layer covers, what is in it, and what it is."""
    frame = GeneralSigning.parse(apdu)
    header = frame.header
    check_titles(header, material)
    public = material.keys.peer_signing.get(header.originator)
    if public is None:
        raise RemoteProtocolError(f"no signing key of {header.originator.hex().upper()} is known")
    covered = signed_octets(apdu, profile)
    verify(public, covered, frame.signature)
    return covered, frame.content, Signing(header)


def _open_ciphering(apdu: bytes, material: SecurityMaterial, profile: Profile) -> tuple[bytes, bytes, Layer]:
    """Likewise."""
    frame = GeneralCiphering.parse(apdu)
    secured = frame.content
    check_titles(frame.header, material)
    kind, key = received_key(frame.key_info, frame.header, material, profile)
    # The key-info says which key it is; that the key set bit says so, too, is not asked for, but it may not say otherwise.
    if secured.control & _SUITE != material.suite or (secured.control & Control.BROADCAST and kind is not KeyKind.BROADCAST):
        raise RemoteProtocolError(f"security control {secured.control:02X} is not accepted")
    header = apdu[1 : Header.parse_from(apdu, 1)[1]]  # as it came: its lengths in the form that the sender chose
    plain = unsecure(secured, _keys(key, header, material, profile), frame.header.originator)
    authenticated, encrypted = bool(secured.control & _AUTHENTICATED), bool(secured.control & _ENCRYPTED)
    return secured.build(), plain, Ciphering(frame.header, kind, authenticated, encrypted, secured.counter)


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
    info, key = sent_key(layer.key, layer.header, material, rng, profile)
    counter = layer.counter
    if counter is None:
        counter = 0 if profile.counter_from_zero and layer.key in ONE_MESSAGE else material.next_counter()
    secured = secure(apdu, _keys(key, layer.header.build(), material, profile), material.title, counter, control)
    return GeneralCiphering(layer.header, info, secured).build()
