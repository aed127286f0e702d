"""Ciphered APDUs, opened with the keys of a key file: every key and system title is tried, and the tag says which one fits.

What is only enciphered has no tag: it is taken for opened when the service behind it is the one that its tag names. Titles are
learnt from associations that pass by, dedicated keys from their initiate requests. Counters are not judged.
"""

from __future__ import annotations

from protocols.core.codec import Frame
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import acse, initiate
from protocols.dlms.security import general
from protocols.dlms.security.ciphering import Ciphered, Control, GeneralCiphered, Keys, Secured, unsecure
from protocols.dlms.security.material import KeyId, SecurityMaterial
from protocols.dlms.security.message_key import Profile
from tools.decode import apdus
from tools.keyring import Keyring

_PROTECTED = Control.AUTHENTICATED | Control.ENCRYPTED


class Opener:
    """Opens what the keys of a key file fit."""

    def __init__(self, keys: Keyring) -> None:
        self._titles = keys.titles
        self._own = keys.material(_nothing_is_sent)
        self._materials = [self._own]
        if keys.server_title:
            self._materials.append(SecurityMaterial(keys.titles[1], self._own.keys, _nothing_is_sent, suite=self._own.suite))
        self._dedicated = [bytes.fromhex(keys.dedicated)] if keys.dedicated else []

    def learn(self, found: Frame) -> None:
        """Take note of system titles and dedicated keys."""
        if isinstance(found, acse.AARQ | acse.AARE) and found.title and found.title not in self._titles:
            self._titles.append(found.title)
        elif isinstance(found, initiate.InitiateRequest) and found.dedicated_key:
            self._dedicated.append(found.dedicated_key)

    def open(self, found: Frame, octets: bytes) -> tuple[bytes, str]:
        """The plain APDU, and how it was protected. Raises RemoteProtocolError when nothing fits."""
        match found:
            case Ciphered():
                return self._secured(found.secured, self._titles, apdus.plain_tag(found.tag))
            case GeneralCiphered():
                titles = [found.title] if found.title else self._titles
                return self._secured(found.secured, titles, None)
        return self._layers(octets)

    def _secured(self, secured: Secured, titles: list[bytes], tag: int | None) -> tuple[bytes, str]:
        symmetric = self._own.keys.symmetric
        chosen = KeyId.BROADCAST_ENCRYPTION if secured.control & Control.BROADCAST else KeyId.UNICAST_ENCRYPTION
        keys = [symmetric[chosen]] if chosen in symmetric else []
        for key in [*keys, *self._dedicated]:
            for title in titles:
                try:
                    plain = unsecure(secured, Keys(key, self._own.keys.authentication), title)
                except RemoteProtocolError:
                    continue
                if plain[0] == tag if tag is not None else apdus.kind(plain) is not None:
                    return plain, _how(secured, title)
        raise RemoteProtocolError("no key fits")

    def _layers(self, octets: bytes) -> tuple[bytes, str]:
        reason = "no key fits"
        for material in self._materials:
            for profile in (Profile.FIELD, Profile.GB):
                try:
                    opened = general.open_general(octets, material, profile)
                except (RemoteProtocolError, LocalProtocolError) as error:
                    reason = str(error)
                    continue
                kinds = [type(layer).__name__.lower() for layer in opened.layers]
                return opened.apdu, f"{' and '.join(kinds)}, verified"
        raise RemoteProtocolError(reason)


def _how(secured: Secured, title: bytes) -> str:
    words = {
        Control.AUTHENTICATED: "authenticated",
        Control.ENCRYPTED: "encrypted, not verifiable",
        _PROTECTED: "authenticated, encrypted",
    }
    said = words[Control(secured.control & _PROTECTED)]
    return f"{said}, counter {secured.counter}, from {title.hex().upper()}"


def _nothing_is_sent() -> int:
    raise LocalProtocolError("decoding sends nothing")
