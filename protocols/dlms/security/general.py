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

from protocols.core.codec import Frame, axdr_length, be, const, prefixed, presence, rest, switch, this
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.security import agreement, keywrap, signature
from protocols.dlms.security.agreement import CURVES
from protocols.dlms.security.material import TITLE_OCTETS, KeyId, SecurityMaterial

GENERAL_CIPHERING: Final = 0xDD
GENERAL_SIGNING: Final = 0xDF
_LAYERS: Final = frozenset({GENERAL_CIPHERING, GENERAL_SIGNING})

AUTHENTICATED: Final = 0x10
ENCRYPTED: Final = 0x20
_SUITE_BITS: Final = 0x0F

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
    """General-Ciphering. `content`: security control, invocation counter, and what they secure."""

    tag: int = const(GENERAL_CIPHERING, be.u8)
    header: Header
    key_info: KeyInfo | None = presence(KeyInfo)
    content: bytes = prefixed(axdr_length)


class GeneralSigning(Frame):
    """General-Signing. `signature`: r || s."""

    tag: int = const(GENERAL_SIGNING, be.u8)
    header: Header
    content: bytes = prefixed(axdr_length)
    signature: bytes = prefixed(axdr_length)


class Secured(Frame):
    """The ciphered content."""

    control: be.u8
    counter: be.u32
    contents: bytes = rest()


# --- layers


class KeyKind(Enum):
    """Where the key of a ciphered layer comes from: the kinds of key-info, with their numbers where they have some."""

    ABSENT = "absent"
    """No key-info: the caller knows the key."""
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
    raise NotImplementedError


def open_general(
    apdu: bytes, material: SecurityMaterial, profile: Profile = Profile.FIELD, known: Mapping[bytes, bytes] | None = None
) -> Opened:
    """Check and take off all layers of an APDU; one that begins with neither tag comes back as it is.

    `known`: {originator's system title: key} for layers without key-info. Raises RemoteProtocolError.
    """
    raise NotImplementedError


def seal_general(
    apdu: bytes,
    layers: Sequence[Layer],
    material: SecurityMaterial,
    rng: Random,
    profile: Profile = Profile.FIELD,
    known: Mapping[bytes, bytes] | None = None,
) -> bytes:
    """Put layers on an APDU, the innermost last in `layers`. `rng`: for ephemeral keys and keys to wrap.

    Raises LocalProtocolError when the material lacks a key.
    """
    raise NotImplementedError


def is_general(apdu: bytes) -> bool:
    """Whether an APDU has a layer of these."""
    return apdu[:1] in (b"\xdd", b"\xdf")
