"""Layers of protection around data, apart from the APDU that carries it: what data protection (class 30) puts on and takes off.

Green Book 9.2.7.5. A layer is a security control, an invocation counter, and contents, as in a ciphered APDU; beside the security
control only the authentication key is authenticated. Not here: how layers are described to the other side, and rights.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from random import Random
from typing import Final, NamedTuple

from protocols.core.errors import RemoteProtocolError
from protocols.dlms.security.ciphering import Control, Keys, Secured, secure, unsecure
from protocols.dlms.security.material import KeyId, SecurityMaterial
from protocols.dlms.security.message_key import (
    ONE_MESSAGE,
    Header,
    IdentifiedKey,
    KeyInfo,
    KeyKind,
    Profile,
    WrappedKey,
    received_key,
    sent_key,
)


class ProtectionType(IntEnum):
    """protection_type."""

    AUTHENTICATION = 0
    ENCRYPTION = 1
    AUTHENTICATION_AND_ENCRYPTION = 2
    DIGITAL_SIGNATURE = 3


CONTROLS: Final = {
    ProtectionType.AUTHENTICATION: Control.AUTHENTICATED,
    ProtectionType.ENCRYPTION: Control.ENCRYPTED,
    ProtectionType.AUTHENTICATION_AND_ENCRYPTION: Control.AUTHENTICATED | Control.ENCRYPTED,
}
"""The kinds that are offered: no published example shows what a signature would cover."""
_COUNTED: Final = {KeyKind.UNICAST: KeyId.UNICAST_ENCRYPTION, KeyKind.BROADCAST: KeyId.BROADCAST_ENCRYPTION}


class ProtectionLayer(NamedTuple):
    """One layer: from whom to whom, and its key. Of one that is only asked for, the key-info need not be complete."""

    type: ProtectionType
    header: Header
    info: KeyInfo

    @property
    def kind(self) -> KeyKind:
        """Where its key comes from."""
        key = self.info.key
        if isinstance(key, IdentifiedKey):
            return KeyKind.BROADCAST if key.key_id else KeyKind.UNICAST
        if isinstance(key, WrappedKey):
            return KeyKind.WRAPPED
        return KeyKind.ONE_PASS if key.key_parameters == b"\x01" else KeyKind.STATIC


class Keyed(NamedTuple):
    """A layer with its complete key-info, and the key that will protect."""

    layer: ProtectionLayer
    key: bytes


def keyed(layers: Sequence[ProtectionLayer], material: SecurityMaterial, rng: Random, profile: Profile) -> list[Keyed]:
    """Find or make the keys of layers to put on. Raises LocalProtocolError when the material lacks one."""
    found = []
    for layer in layers:
        info, key = sent_key(layer.kind, layer.header, material, rng, profile)
        found.append(Keyed(layer._replace(info=info or layer.info), key))
    return found


def protect(octets: bytes, layers: Sequence[Keyed], material: SecurityMaterial, profile: Profile) -> bytes:
    """Put the layers on, the first one first."""
    for layer, key in layers:
        counter = 0 if profile.counter_from_zero and layer.kind in ONE_MESSAGE else material.next_counter()
        keys = Keys(key, material.keys.authentication)
        octets = secure(octets, keys, material.title, counter, material.suite | CONTROLS[layer.type]).build()
    return octets


def unprotect(octets: bytes, layers: Sequence[ProtectionLayer], material: SecurityMaterial, profile: Profile) -> bytes:
    """Take the layers off, the last one first. The counter of a lasting key only moves forward. Raises RemoteProtocolError."""
    for layer in reversed(layers):
        secured = Secured.parse(octets)
        if secured.control != material.suite | CONTROLS[layer.type]:
            raise RemoteProtocolError(f"security control {secured.control:02X} is not that of the layer")
        kind, key = received_key(layer.info, layer.header, material, profile)
        title, number = layer.header.originator, _COUNTED.get(kind)
        if number is not None and secured.counter < material.counters.expected(title, number):
            raise RemoteProtocolError(f"invocation counter {secured.counter} has been here before")
        octets = unsecure(secured, Keys(key, material.keys.authentication), title)
        if number is not None and secured.control & Control.AUTHENTICATED:
            material.counters.accept(title, number, secured.counter)
    return octets
